"""Talking to registries for pybuildah: pull, push, and the context both need. Imported only when that happens."""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.context import Context
    from ocicore.image.blob_cache import BlobCache
    from ocicore.image.copy import CopyOptions, CopyResult
    from ocicore.image.local import LocalImage
    from ocicore.image.types import CompressionWish, StoreLocation, SystemContext
    from ocicore.storage.store import Store
    from pybuildah.session import Session


def system_context(session: Session, args: Any = None) -> SystemContext:
    """Credentials, certificates and configuration from a command's options."""
    from ocicore.image.types import SystemContext

    def text(name: str) -> str:
        return str(getattr(args, name, "") or "")

    credentials = None
    if text("creds"):
        from ocicore.config.auth import Credentials

        username, _, password = text("creds").partition(":")
        credentials = Credentials(username, password)
    return SystemContext(
        paths=session.user,
        environ=session.environ,
        warn=session.ctx.warn,
        authfile=text("authfile"),
        credentials=credentials,
        tls_verify=getattr(args, "tls_verify", None),
        cert_dir=text("cert_dir"),
        registries_conf=str(session.ctx.globals.registries_conf or ""),
        registries_d=str(session.ctx.globals.registries_conf_dir or ""),
        policy_path=text("signature_policy") or str(session.ctx.globals.signature_policy or ""),
        retry_times=_retries(session, args),
        retry_delay=_seconds(text("retry_delay") or session.conf.engine.retry_delay),
        tmp=session.ctx.environ.get("TMPDIR") or "/var/tmp",
        user_agent="pybuildah",
        open_store=lambda location: open_store(session, location),
    )


def open_store(session: Session, location: StoreLocation) -> Store:
    """The session's store, or the one a containers-storage reference names in brackets."""
    if not location.graph_root:
        return session.store
    from ocicore.config import storage_conf
    from ocicore.storage.store import Store

    config = storage_conf.load(
        session.user,
        session.environ,
        root=location.graph_root,
        runroot=location.run_root or None,
        driver=location.driver or None,
        options=location.options,
        warn=session.ctx.warn,
    )
    return Store(config, rootless=session.user.rootless, warn=session.ctx.warn)


def _retries(session: Session, args: Any) -> int:
    if args is not None and "retry" in args.given_names():
        return int(args.retry)
    return int(session.conf.engine.retry)


def _seconds(text: str) -> float | None:
    if not text:
        return None
    from ocicore.build.draft import parse_duration

    try:
        return parse_duration(text) / 1e9
    except ValueError as error:
        raise InvalidInput(f'unable to parse value provided "{text}" as --retry-delay: {error}') from error


def pull(
    session: Session, name: str, policy: str, platform: str = "", args: Any = None, *, quiet: bool = True
) -> list[LocalImage]:
    """Images by name, from a registry or any transport."""
    from ocicore.image import pull as pulls

    context = system_context(session, args)
    if platform:
        from ocicore.oci import platform as platforms

        context = context.with_(platform=platforms.parse(platform))
    from ocicore.cli import progress

    _note_network_backend(session)
    name = _local_name(session, name, policy)
    if policy in ("always", "newer") or not session.images.exists(name):
        _check_sources(session, context, name)
    with progress.shown(session.ctx.stderr, quiet=quiet, debug=session.ctx.debug) as shown:
        return pulls.pull(
            session.images,
            name,
            policy=policy,  # type: ignore[arg-type]
            context=context,
            progress=shown,
            all_tags=bool(getattr(args, "all_tags", False)),
            options=_pull_options(args),
        )


def _note_network_backend(session: Session) -> None:
    """The file by which podman and buildah know that this store is not one of CNI's time."""
    import os

    path = os.path.join(session.store.graph_root, "defaultNetworkBackend")
    if not os.path.exists(path):
        from ocicore.files import atomic

        atomic.write(path, b"netavark", mode=0o644)


def _local_name(session: Session, name: str, policy: str) -> str:
    """A short name that is one of ours means localhost/NAME, also where a registry is asked."""
    from ocicore.errors import Error
    from ocicore.image import names, transport

    if policy not in ("always", "newer") or transport.has_transport(name) or names.has_registry(name):
        return name
    try:
        found = session.images.find(name).found_as
    except Error:
        return name
    return found if found.startswith("localhost/") else name


def _check_sources(session: Session, context: SystemContext, name: str) -> None:
    """$BUILD_REGISTRY_SOURCES about what is to be pulled."""
    from pybuildah import registry_sources

    if not session.ctx.environ.get(registry_sources.VARIABLE):
        return
    from ocicore.image import pull as pulls
    from ocicore.image import transport

    plain = name.removeprefix("docker://")
    if transport.has_transport(plain):
        return
    for candidate in pulls.candidates(context, plain).names:
        registry_sources.check(session.ctx.environ, candidate.domain)


def blob_cache(args: Any, wish: CompressionWish = "preserve", *, keeps: bool = True) -> BlobCache | None:
    """The folder of --blob-cache, None without it."""
    directory = str(getattr(args, "blob_cache", "") or "")
    if not directory:
        return None
    from ocicore.image.blob_cache import BlobCache

    return BlobCache(directory, wish=wish, keeps=keeps)


def layer_wish(args: Any) -> CompressionWish:
    """The form in which a new image's layers go into a blob cache, and from there to a destination."""
    return "preserve" if args.disable_compression else "compress"


def _pull_options(args: Any) -> CopyOptions | None:
    if args is None:
        return None
    cache = blob_cache(args)
    if cache is None and not (args.given("decryption-key") or args.given("remove-signatures")):
        return None
    from ocicore.cli import encryption
    from ocicore.image.copy import CopyOptions

    return CopyOptions(
        encryption=encryption.read(args),
        remove_signatures=bool(getattr(args, "remove_signatures", False)),
        blob_cache=cache,
    )


def push(
    session: Session,
    image: str,
    destination: str,
    args: Any,
    *,
    options: Any = None,
    layers: CompressionWish = "compress",
    quiet: bool | None = None,
) -> CopyResult:
    """An image of the store to a registry or any transport.

    Args:
        layers: what folders and layouts get; registries and archives have ways of their own.
    """
    from ocicore.cli import progress
    from ocicore.image import push as pushes
    from pybuildah import registry_sources

    target = _docker_reference(destination or image)
    if target and session.ctx.environ.get(registry_sources.VARIABLE):
        doing = "commit to" if session.ctx.path == ("commit",) else ""
        domain = target.partition("/")[0]
        if registry_sources.check(session.ctx.environ, domain, doing) and args.tls_verify is None:
            args.tls_verify = False
    silent = bool(getattr(args, "quiet", False)) if quiet is None else quiet
    with progress.shown(session.ctx.stderr, quiet=silent, debug=session.ctx.debug) as shown:
        return pushes.push(
            session.images,
            image,
            destination,
            context=system_context(session, args).with_(
                directory_compress=layers == "compress", accept_uncompressed_layers=layers != "compress"
            ),
            options=options,
            progress=shown,
        )


def copy_options(
    args: Any, *, target: str, ctx: Context, everything: bool = False, cache: BlobCache | None = None
) -> CopyOptions:
    """The options of a copy: form, compression, signatures.

    Args:
        target: where it goes; a signature names it.
        cache: the folder of --blob-cache.

    Raises:
        InvalidInput
    """
    from ocicore.cli import encryption
    from ocicore.image.copy import CopyOptions
    from ocicore.oci import media_types

    kinds = {
        "": "",
        "oci": media_types.OCI_MANIFEST,
        "docker": media_types.DOCKER_MANIFEST,
        "v2s2": media_types.DOCKER_MANIFEST,
    }
    kind = getattr(args, "format", "") or ""
    if kind not in kinds:
        raise InvalidInput(f'unknown format "{kind}"', hint="choose oci, v2s2 or docker")
    given = args.given_names()
    compression = args.compression_format
    if "disable_compression" in given and args.disable_compression:
        for name in ("compression_format", "force_compression"):
            if name in given:
                raise InvalidInput(
                    f"--disable-compression and --{name.replace('_', '-')} cannot be used together"
                )
        compression = "none"
    signers = []
    if args.sign_by:
        from ocicore.cli.signers import simple_signer

        signers.append(simple_signer(args.sign_by, "", _docker_reference(target), ctx))
    return CopyOptions(
        multi_arch="all" if everything else "system",
        manifest_type=kinds[kind],
        compression=compression,
        compression_level=args.compression_level if args.compression_level >= 0 else None,
        force_compression=args.force_compression,
        # As buildah: without --force-compression=false, the format that was named and no other.
        exact_format=args.force_compression or "force_compression" not in given,
        remove_signatures=bool(getattr(args, "remove_signatures", False)),
        signers=signers,
        encryption=encryption.read(args),
        blob_cache=cache,
    )


def _docker_reference(target: str) -> str | None:
    """The full name a signature is for, None where the destination has none."""
    from ocicore.image import names

    scheme, separator, rest = target.partition(":")
    if separator and rest.startswith("//") and scheme == "docker":
        return names.normalise(rest[2:])
    from ocicore.image import transport

    if separator and transport.has_transport(target):
        return None
    return names.normalise(target)
