"""What a build can be asked for, and what comes out. Defaults are buildah's; `flags` fills this from a command line."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from ocicore.build.sbom import ScanOptions
    from ocicore.image.blob_cache import BlobCache
    from ocicore.storage.records import IdMaps


class BuildOptions:
    """One build, decided. Plain attributes with the defaults of buildah; names follow the options.

    Attributes:
        containerfiles: (name for messages, text) pairs; those after the first are appended.
        context: the context's directory.
        tags: names as given; the first is the one shown by COMMIT.
        format: form of the image.
        layers: one image a step, looked up in and left for the cache.
        jobs: how many stages may be built at once.
        secrets, ssh: parsed --secret and --ssh.
        run_settings: CommonBuildOpts of the working containers (limits, DNS, volumes …).
        timestamp, source_date_epoch: seconds since the epoch.
        reproducible: see `commit.choose_times`.
        build_contexts: name -> ("directory"|"image", value).
        output: (type, destination) of --output, or None.
    """

    def __init__(self, containerfiles: list[tuple[str, str]], context: str) -> None:
        self.containerfiles = containerfiles
        self.context = context
        self.tags: list[str] = []
        self.target = ""
        self.build_args: dict[str, str] = {}
        self.labels: list[str] = []
        self.layer_labels: dict[str, str] = {}
        self.annotations: list[str] = []
        self.envs: list[str] = []
        self.unset_env: list[str] = []
        self.unset_labels: list[str] = []
        self.unset_annotations: list[str] = []
        self.format: Literal["oci", "docker"] = "oci"
        self.compress = False
        self.layers = False
        self.use_cache = True
        self.cache_ttl = 0
        self.squash = False
        self.pull = "missing"
        self.quiet = False
        self.jobs = 1
        self.iid_file = ""
        self.iid_file_raw = ""
        self.metadata_file = ""
        self.timestamp: int | None = None
        self.source_date_epoch: int | None = None
        self.rewrite_timestamp = False
        self.reproducible = True
        self.secrets: dict[str, tuple[str, str]] = {}
        self.ssh: dict[str, tuple[str, ...]] = {}
        #: The platform of this build; `platforms` has all of them when there are several.
        self.platform = ""
        self.platforms: list[str] = []
        self.all_platforms = False
        self.cache_from: list[str] = []
        self.cache_to: list[str] = []
        #: Cache mounts are fetched and pushed with the cache of steps.
        self.cache_mounts = False
        #: Bytes that what builds keep may take, None for any number.
        self.cache_budget: int | None = None
        self.compat_volumes = False
        self.log_usage = False
        self.usage_file = ""
        self.created_annotation = False
        self.save_stages = False
        self.stage_labels = False
        self.source_policy = ""
        self.sbom: ScanOptions | None = None
        #: Put before every line of progress.
        self.label = ""
        self.base = ""
        self.network = ""
        self.isolation = "oci"
        #: Of every RUN, as names; [] for the defaults, changed by the two after it.
        self.capabilities: list[str] = []
        self.cdi_config_dir = ""
        #: --default-mounts-file
        self.mounts_file = ""
        self.cap_add: list[str] = []
        self.cap_drop: list[str] = []
        self.devices: list[str] = []
        self.security_options: list[str] = []
        self.group_add: list[str] = []
        self.ignore_file = ""
        self.identity_label = True
        self.omit_history = False
        self.inherit_labels = True
        self.inherit_annotations = True
        self.skip_unused_stages = True
        self.run_settings: dict[str, object] = {}
        self.build_contexts: dict[str, tuple[str, str]] = {}
        self.output: tuple[str, str] | None = None
        self.remove_containers = True
        self.force_remove = False
        self.manifest = ""
        self.hooks_dirs: list[str] = []
        #: --mount entries for every RUN.
        self.mounts: list[str] = []
        self.no_hosts = False
        self.no_hostname = False
        self.os_features: list[str] = []
        self.os_version = ""
        self.explain_cache = False
        #: Build twice and compare.
        self.verify = False
        self.pass_stdin = False
        #: (name, host, path) of namespaces that differ from the defaults.
        self.namespaces: list[tuple[str, bool, str]] = []
        self.id_maps: IdMaps | None = None
        #: Chooses them when the build begins (--userns=auto).
        self.choose_id_maps: Callable[[], IdMaps] | None = None
        self.tls_verify: bool | None = None
        self.cert_dir = ""
        self.retry = 3
        self.retry_delay: float | None = None
        #: --blob-cache: gets what is committed.
        self.blob_cache: BlobCache | None = None

    def for_platform(self, text: str) -> BuildOptions:
        """The same build for one of several platforms: what comes after all of them is not its business."""
        from copy import copy

        own = copy(self)
        own.platform = text
        own.platforms = []
        own.all_platforms = False
        own.cache_budget = None
        own.build_args = dict(self.build_args)
        own.manifest = own.iid_file = own.iid_file_raw = own.metadata_file = ""
        return own


class BuildResult:
    """What came out: id of the image, its manifest's digest, full names given."""

    __slots__ = ("digest", "image_id", "names")

    def __init__(self, image_id: str, digest: str, names: list[str]) -> None:
        self.image_id = image_id
        self.digest = digest
        self.names = names
