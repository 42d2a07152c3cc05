"""From options to contexts: credentials, certificates, policies and stores for the sides of a copy."""

from __future__ import annotations

import os

from ocicore.config import paths as user_paths
from ocicore.errors import Error, InvalidInput
from ocicore.image.types import ImageNotFound, StoreLocation, SystemContext
from ocicore.oci.platform import Platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Bound
    from ocicore.cli.context import Context
    from ocicore.config.auth import Credentials
    from ocicore.config.paths import UserPaths
    from ocicore.config.tls_details import TlsDetails
    from ocicore.storage.store import Store

#: Retries of single requests that are made in any case.
_RETRIES = 3


def start_timer(bound: Bound, ctx: Context) -> None:
    """--command-timeout: end the command with an error when its time is over.

    Raises:
        InvalidInput: global options contradict each other.
    """
    if bound.globals.insecure_policy and bound.globals.require_signed:
        raise InvalidInput("--insecure-policy and --require-signed are mutually exclusive")
    nanoseconds = bound.globals.command_timeout
    if not nanoseconds:
        return
    import signal

    def over(number: int, frame: object) -> None:
        raise Error(
            "context deadline exceeded",
            hint="--command-timeout is over; what was written so far was taken back",
        )

    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, nanoseconds / 1e9)


def exit_status(error: Error) -> int | None:
    """2 when the image that was asked for does not exist, as scripts written for skopeo expect."""
    if isinstance(error, ImageNotFound):
        return 2
    return 2 if "MANIFEST_UNKNOWN" in getattr(error, "codes", ()) else None


def system_context(ctx: Context, args: Any = None, prefix: str = "") -> SystemContext:
    """The context for one side.

    Args:
        args: values of the command's options, None for none.
        prefix: "", "src_" or "dest_".

    Raises:
        InvalidInput: options contradict each other.
    """
    given = ctx.globals
    paths = user_paths.user_paths(ctx.environ)
    values = args.as_dict() if args is not None else {}

    def value(name: str, default: Any = "") -> Any:
        found = values.get(prefix + name)
        return default if found is None else found

    tls_verify = values.get(prefix + "tls_verify")
    if prefix and tls_verify is None and values.get("tls_verify") is not None:
        tls_verify = values["tls_verify"]
        if prefix == "src_":
            ctx.warn("'--tls-verify' is deprecated, instead use: --src-tls-verify, --dest-tls-verify")
    if tls_verify is None:
        tls_verify = given.tls_verify
    platform = None
    if given.override_arch or given.override_os or given.override_variant:
        platform = Platform(given.override_os, given.override_arch, given.override_variant)
    delay = values.get("retry_delay") or 0
    return SystemContext(
        paths=paths,
        environ=ctx.environ,
        warn=ctx.warn,
        authfile=str(value("authfile") or values.get("authfile") or ""),
        authfile_must_exist=False,
        credentials=_credentials(value, prefix, args),
        no_creds=bool(value("no_creds", False)),
        registry_token=str(value("registry_token")),
        tls_verify=tls_verify,
        cert_dir=str(value("cert_dir")),
        registries_conf=given.registries_conf,
        registries_d=given.registries_d,
        policy_path=given.policy,
        insecure_policy=given.insecure_policy,
        require_signed=given.require_signed,
        tls_details=_tls_details(given.tls_details),
        platform=platform,
        shared_blob_dir=str(value("shared_blob_dir")),
        daemon_host=str(value("daemon_host")),
        tmp=given.tmpdir or paths.tmp,
        user_agent=f"{given.user_agent_prefix} pyskopeo/{ctx.program.version}".strip(),
        retry_times=max(_RETRIES, int(values.get("retry_times") or 0)),
        retry_delay=delay / 1e9 if delay else None,
        open_store=lambda location: open_store(ctx, paths, location),
    )


def _tls_details(path: str) -> TlsDetails | None:
    if not path:
        return None
    from ocicore.config import tls_details

    return tls_details.load(path)


def _credentials(value: Any, prefix: str, args: Any) -> Credentials | None:
    option = "--" + prefix.replace("_", "-")
    creds, username, password = str(value("creds")), str(value("username")), str(value("password"))
    if value("no_creds", False) and (creds or username):
        raise InvalidInput(
            f"creds and no-creds cannot be specified at the same time ({option}creds, {option}no-creds)"
        )
    if creds and username:
        raise InvalidInput("creds and username cannot be specified at the same time")
    if username and not password:
        raise InvalidInput("password cannot be empty when username is given", hint=f"give {option}password")
    if password and not username:
        raise InvalidInput("username cannot be empty when password is given", hint=f"give {option}username")
    if not creds and args is not None and prefix + "creds" in args.given_names():
        raise InvalidInput(
            "credentials can't be empty", hint=f"give {option}creds USERNAME[:PASSWORD], or leave it out"
        )
    if not creds and not username:
        return None
    from ocicore.config.auth import Credentials

    if username:
        return Credentials(username, password)
    username, _, password = creds.partition(":")
    if not username:
        raise InvalidInput("credentials can't be empty")
    return Credentials(username, password)


def open_store(ctx: Context, paths: UserPaths, location: StoreLocation) -> Store:
    """The store of a containers-storage reference; an ordinary user enters the shared user namespace first."""
    from ocicore.config import storage_conf
    from ocicore.storage.store import Store

    if paths.rootless and os.geteuid() != 0:
        raise Error("containers-storage: not in the user namespace", hint="this is a mistake in the program")
    config = storage_conf.load(
        paths,
        ctx.environ,
        root=location.graph_root or None,
        runroot=location.run_root or None,
        driver=location.driver or None,
        options=location.options,
        warn=ctx.warn,
    )
    return Store(config, rootless=paths.rootless, warn=ctx.warn)


def enter_namespace(ctx: Context, *references: str) -> None:
    """As an ordinary user, and only for a local store: become root in the user namespace podman and we share.

    Called before any thread is started: the kernel lets only a single thread change its user namespace.
    """
    paths = user_paths.user_paths(ctx.environ)
    if not paths.rootless or os.geteuid() == 0:
        return
    if not any(reference.startswith("containers-storage:") for reference in references):
        return
    from ocicore.linux import userns

    pause = f"{paths.runtime_dir}/libpod/tmp/pause.pid"
    userns.ensure(pause, paths.username, paths.uid, paths.gid, ctx.warn)
    _ = os.environ.setdefault("_CONTAINERS_ROOTLESS_UID", str(paths.uid))  # noqa: TID251 – for children
    _ = os.environ.setdefault("_CONTAINERS_ROOTLESS_GID", str(paths.gid))  # noqa: TID251 – for children
