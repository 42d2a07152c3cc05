"""What transports offer to the copy engine: references, sources, destinations, and the context they work in."""

from __future__ import annotations

from ocicore.errors import Error, NotFound, Unsupported
from ocicore.oci.platform import Platform, host, normalise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal, Protocol

    from ocicore.config.auth import AuthFiles, Credentials
    from ocicore.config.paths import UserPaths
    from ocicore.config.registries_conf import RegistriesConfig
    from ocicore.config.tls_details import TlsDetails
    from ocicore.image.blob_info import BlobInfo, Variant
    from ocicore.image.connections import Connections
    from ocicore.image.resume import KeptBytes
    from ocicore.oci.descriptor import Descriptor
    from ocicore.storage.store import Store

    CompressionWish = Literal["preserve", "compress", "decompress"]

    class BlobReader(Protocol):
        """A stream over a blob; whoever reads it verifies it."""

        def read(self, amount: int = ..., /) -> bytes: ...

        def close(self) -> None: ...


class StoreLocation:
    """`[driver@graph-root+run-root:options]` of a containers-storage reference; empty fields are the defaults."""

    __slots__ = ("driver", "graph_root", "options", "run_root")

    def __init__(
        self, driver: str = "", graph_root: str = "", run_root: str = "", options: tuple[str, ...] = ()
    ) -> None:
        self.driver = driver
        self.graph_root = graph_root
        self.run_root = run_root
        self.options = options

    def key(self) -> tuple[str, str, str, tuple[str, ...]]:
        """What makes two locations the same."""
        return self.driver, self.graph_root, self.run_root, self.options

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoreLocation) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())


def _silent(text: str) -> None:
    return None


class SystemContext:
    """Where to find credentials, certificates, policies and stores for one side of a copy.

    Attributes:
        paths, environ: whose, from the caller; nothing below reads the environment.
        warn: told in one line what is tried again or ignored.
        authfile: `--authfile`; podman fails when it does not exist (`authfile_must_exist`), skopeo does not.
        credentials: `--creds`; `no_creds` forces anonymous access.
        registry_token: a ready bearer token.
        tls_verify: None leaves it to registries.conf.
        cert_dir: `--cert-dir`.
        registries_conf, registries_d, policy_path: files instead of the usual ones.
        insecure_policy: accept everything; require_signed: only what a signature was verified of.
        tls_details: what TLS connections have to be like, beyond the library's defaults.
        platform: what to choose from a manifest list; None is the host.
        shared_blob_dir: blobs of an oci: layout live there.
        tmp: directory for big temporary files.
        retry_times: attempts beyond the first for one request; `retry_delay` seconds, None doubles.
        accept_uncompressed_layers: an oci: destination does not compress.
        directory_compress, directory_decompress: what a dir: destination wants.
        daemon_host: address of a docker-daemon: reference's daemon.
        open_store: opens the store of a containers-storage reference.
    """

    def __init__(
        self,
        paths: UserPaths,
        environ: Mapping[str, str],
        warn: Callable[[str], None] = _silent,
        *,
        authfile: str = "",
        authfile_must_exist: bool = True,
        credentials: Credentials | None = None,
        no_creds: bool = False,
        registry_token: str = "",
        tls_verify: bool | None = None,
        cert_dir: str = "",
        registries_conf: str = "",
        registries_d: str = "",
        policy_path: str = "",
        insecure_policy: bool = False,
        require_signed: bool = False,
        tls_details: TlsDetails | None = None,
        platform: Platform | None = None,
        shared_blob_dir: str = "",
        tmp: str = "/var/tmp",
        user_agent: str = "pyskopeo",
        retry_times: int = 3,
        retry_delay: float | None = None,
        accept_uncompressed_layers: bool = False,
        directory_compress: bool = False,
        directory_decompress: bool = False,
        daemon_host: str = "",
        open_store: Callable[[StoreLocation], Store] | None = None,
    ) -> None:
        self.paths = paths
        self.environ = environ
        self.warn = warn
        self.authfile = authfile
        self.authfile_must_exist = authfile_must_exist
        self.credentials = credentials
        self.no_creds = no_creds
        self.registry_token = registry_token
        self.tls_verify = tls_verify
        self.cert_dir = cert_dir
        self.registries_conf = registries_conf
        self.registries_d = registries_d
        self.policy_path = policy_path
        self.insecure_policy = insecure_policy
        self.require_signed = require_signed
        self.tls_details = tls_details
        self.platform = platform
        self.shared_blob_dir = shared_blob_dir
        self.tmp = tmp
        self.user_agent = user_agent
        self.retry_times = retry_times
        self.retry_delay = retry_delay
        self.accept_uncompressed_layers = accept_uncompressed_layers
        self.directory_compress = directory_compress
        self.directory_decompress = directory_decompress
        self.daemon_host = daemon_host
        self.open_store = open_store
        self._shared: dict[str, Any] = {}
        self._registries: RegistriesConfig | None = None
        self._auth_files: AuthFiles | None = None

    @property
    def registries(self) -> RegistriesConfig:
        """registries.conf in force."""
        if self._registries is None:
            from ocicore.config import registries_conf

            self._registries = registries_conf.load(
                self.paths, self.environ, file=self.registries_conf or None
            )
        return self._registries

    @property
    def auth_files(self) -> AuthFiles:
        """Where credentials are."""
        if self._auth_files is None:
            from ocicore.config.auth import AuthFiles

            self._auth_files = AuthFiles(
                self.paths,
                self.environ,
                authfile=self.authfile,
                helpers=self.registries.credential_helpers,
            )
        return self._auth_files

    @property
    def connections(self) -> Connections:
        """Registries spoken to; shared by contexts made from this one with `with_`."""
        if "connections" not in self._shared:
            from ocicore.image.connections import Connections

            self._shared["connections"] = Connections()
        shared: Connections = self._shared["connections"]
        return shared

    @property
    def blob_info(self) -> BlobInfo:
        """What earlier copies of this user learned about blobs; shared like the connections."""
        if "blob info" not in self._shared:
            from ocicore.image.blob_info import BlobInfo

            self._shared["blob info"] = BlobInfo(f"{self.paths.data_home}/containers/cache")
        shared: BlobInfo = self._shared["blob info"]
        return shared

    def wanted_platform(self) -> Platform:
        """The platform to choose from a list: what was asked for, completed by the host's."""
        here = host()
        asked = self.platform
        if asked is None:
            return here
        architecture = asked.architecture or here.architecture
        variant = asked.variant or (here.variant if architecture == here.architecture else "")
        return normalise(Platform(asked.os or here.os, architecture, variant))

    def store(self, location: StoreLocation) -> Store:
        """The store of a reference; each is opened once."""
        if self.open_store is None:
            raise Unsupported("containers-storage: no store is available here")
        key = f"store {location.key()}"
        if key not in self._shared:
            self._shared[key] = self.open_store(location)
        opened: Store = self._shared[key]
        return opened

    def with_(self, **changes: Any) -> SystemContext:
        """A copy with other settings; open connections and stores stay shared."""
        changed = SystemContext.__new__(SystemContext)
        changed.__dict__.update(self.__dict__)
        for name, value in changes.items():
            if name.startswith("_") or name not in self.__dict__:
                raise TypeError(f"SystemContext has no setting {name}")
            changed.__dict__[name] = value
        if "authfile" in changes:
            changed._auth_files = None
        if "registries_conf" in changes:
            changed._registries = None
        return changed

    def share_with(self, other: SystemContext) -> None:
        """Use the connections and stores of another context."""
        self._shared = other._shared

    def close(self) -> None:
        """Close idle connections, and write what was learned about blobs."""
        for name in ("connections", "blob info"):
            if name in self._shared:
                self._shared[name].close()

    def __enter__(self) -> SystemContext:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class ImageReference:
    """The name of an image in one transport.

    Attributes:
        transport: e.g. "docker".
    """

    transport = ""

    def within_transport(self) -> str:
        """What follows "TRANSPORT:" in the written form."""
        raise Unsupported(f"{self.transport}: the reference has no written form")

    def __str__(self) -> str:
        return f"{self.transport}:{self.within_transport()}"

    @property
    def docker_reference(self) -> str | None:
        """Full name with tag or digest, None where there is none."""
        return None

    def policy_scopes(self) -> list[str]:
        """The image's identity in policies, then wider and wider scopes."""
        return []

    def source(self, context: SystemContext) -> ImageSource:
        """Open for reading."""
        raise Unsupported(f"{self.transport}: images cannot be read from it")

    def destination(self, context: SystemContext) -> ImageDestination:
        """Open for writing."""
        raise Unsupported(f"{self.transport}: images cannot be written to it")

    def delete(self, context: SystemContext) -> None:
        """Delete the image."""
        raise Unsupported(f"Deleting images not implemented for {self.transport}: images")


class ImageSource:
    """An image, or a list of images, to read. Any number of threads may read blobs.

    Attributes:
        layers_are_uncompressed: whatever the manifest says about compression.
        is_remote: blobs come over a network, so that what was fetched is worth keeping.
    """

    reference: ImageReference
    layers_are_uncompressed = False
    is_remote = False

    def manifest(self, instance: str | None = None) -> tuple[bytes, str]:
        """(bytes, media type) of the manifest, or with a digest of one of the list's."""
        raise NotImplementedError

    def open_blob(self, descriptor: Descriptor, offset: int = 0) -> BlobReader:
        """The blob's bytes from an offset on, unverified."""
        raise NotImplementedError

    def was_read(self, descriptor: Descriptor) -> None:
        """Told of every layer that was copied: it is there, and what it should be."""

    def layers_for_copy(self, instance: str | None = None) -> Sequence[Descriptor] | None:
        """The layers as this source has them, where that is not as the manifest says; else None."""
        return None

    def signatures(self, instance: str | None = None) -> list[bytes]:
        """Simple signatures stored with the image."""
        return []

    def close(self) -> None:
        """Release what is held open."""


class ImageDestination:
    """A place to write an image to. `put_blob` may be called from several threads when `parallel`.

    Attributes:
        manifest_types: media types accepted, in order of preference; empty for all.
        compression: what to do with layers that are not forced into a format.
        keeps_foreign_layers: layers with URLs are not copied.
        supports_signatures: None, or why not.
        supports_lists: whether an index can be written.
    """

    reference: ImageReference
    manifest_types: tuple[str, ...] = ()
    compression: CompressionWish = "preserve"
    keeps_foreign_layers = False
    signatures_unsupported: str | None = None
    supports_lists = True
    parallel = True
    #: Blobs are compared with their digests in `put_blob` itself.
    verifies_blobs = False
    #: The configuration is handed to `prepare` before the layers are copied.
    wants_config_first = False
    #: Full name of the image at the source, where it has one; set before `prepare`.
    origin: str | None = None

    def prepare(
        self, manifest_layers: Sequence[Descriptor], config: bytes | None, instance: str | None
    ) -> None:
        """Told once per image what is coming, before the first blob."""

    def reuse_blob(self, descriptor: Descriptor, *, layer_index: int | None) -> Descriptor | None:
        """The blob as the destination has it already, or None. May link or mount it there."""
        return None

    def reuse_variant(
        self, digest: str, fits: Callable[[str], bool], preferred: str
    ) -> tuple[Variant, int] | None:
        """(another form, size) of a layer that the destination has already, or None. May mount it there.

        Args:
            digest: of the layer in any form.
            fits: whether a compression will do.
            preferred: the compression that comes before others.
        """
        return None

    def kept_bytes(self, digest: str) -> KeptBytes | None:
        """Where bytes of a blob are kept until all of it is there; None where nothing is."""
        return None

    def used(self, kept: KeptBytes) -> None:
        """The blob whose bytes were kept has been stored."""
        kept.done()

    def put_blob(
        self,
        stream: BlobReader,
        *,
        digest: str | None,
        size: int | None,
        layer_index: int | None,
        media_type: str,
    ) -> tuple[str, int]:
        """Store a blob; returns (digest, size) of what was stored.

        Args:
            digest, size: None when they are not known beforehand (the blob is compressed on the way).
            layer_index: position in the manifest, None for a configuration.
        """
        raise NotImplementedError

    def put_manifest(self, data: bytes, media_type: str, instance: str | None = None) -> None:
        """Store a manifest: of the image, or with a digest of one instance of a list."""
        raise NotImplementedError

    def put_signatures(self, signatures: Sequence[bytes], instance: str | None = None) -> None:
        """Store simple signatures of the manifest written last."""
        if signatures:
            raise Unsupported(self.signatures_unsupported or "signatures cannot be stored there")

    def commit(self) -> None:
        """Make everything written visible."""

    def discard(self) -> None:
        """Take back what was not committed."""


class ImageNotFound(NotFound):
    """A store or a layout does not have the image named."""


class ManifestRejected(Error):
    """The destination does not take this type of manifest; another may do."""
