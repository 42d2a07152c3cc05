"""Working containers: storage containers with a `buildah.json`, which buildah and this program share.

Follows buildah's Builder record (buildah.go, "buildah 0.0.1"): written to the container's directory, unknown
keys kept, so either program can go on with what the other began. On the hot path.
"""

from __future__ import annotations

from ocicore.build.draft import ImageDraft, copy_value
from ocicore.config.containers_defaults import CONTAINERS
from ocicore.errors import Conflict, Error, NotFound
from ocicore.files import quick_json
from ocicore.oci import media_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Literal

    from ocicore.image.local import LocalImage
    from ocicore.storage.records import Container, IdMaps
    from ocicore.storage.store import Store

STATE_FILE = "buildah.json"
RECORD_TYPE = "buildah 0.0.1"
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
IDENTITY_LABEL = "io.buildah.version"
#: buildah's Isolation numbers.
ISOLATIONS = {"default": 0, "oci": 1, "chroot": 2, "rootless": 3}
DEFAULT_CAPABILITIES: tuple[str, ...] = tuple(CONTAINERS["default_capabilities"])
_NAMESPACES = ("cgroup", "ipc", "mount", "network", "pid", "user", "uts")


class WorkingContainer:
    """One working container.

    Attributes:
        raw: the record as read or about to be written.
        draft: the image configuration being edited.
        annotations: of the manifest to be written.
    """

    __slots__ = ("annotations", "draft", "raw", "store")

    def __init__(self, store: Store, raw: dict[str, Any], draft: ImageDraft) -> None:
        self.store = store
        self.raw = raw
        self.draft = draft
        self.annotations: dict[str, str] = dict(raw.get("annotations") or {})

    @property
    def id(self) -> str:
        """The container's id."""
        return str(self.raw.get("container-id") or "")

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.raw.get("container-name") or "")

    @property
    def image_id(self) -> str:
        """Id of the image it was made from, "" for scratch."""
        return str(self.raw.get("image-id") or "")

    @property
    def image_name(self) -> str:
        """Name of that image."""
        return str(self.raw.get("image") or "")

    @property
    def top_layer(self) -> str:
        """Top layer of that image, "" for scratch."""
        return str(self.raw.get("TopLayer") or "")

    @property
    def format(self) -> Literal["oci", "docker"]:
        """Form of the image to be committed when none is asked for."""
        return "docker" if self.raw.get("Format") == media_types.DOCKER_MANIFEST else "oci"

    @property
    def options(self) -> dict[str, Any]:
        """CommonBuildOpts: limits, DNS, volumes … for `run`."""
        value = self.raw.get("CommonBuildOpts")
        if not isinstance(value, dict):
            value = {}
            self.raw["CommonBuildOpts"] = value
        return value

    def id_maps(self) -> IdMaps | None:
        """The user namespace's maps, None for the caller's own."""
        options = self.raw.get("IDMappingOptions") or {}

        def ranges(key: str) -> list[tuple[int, int, int]]:
            return [
                (int(m["containerID"]), int(m["hostID"]), int(m["size"]))
                if "containerID" in m
                else (int(m["ContainerID"]), int(m["HostID"]), int(m["Size"]))
                for m in options.get(key) or ()
            ]

        uids, gids = ranges("UIDMap"), ranges("GIDMap")
        return (uids, gids) if uids or gids else None

    def namespace(self, name: str) -> tuple[bool, str]:
        """(host, path) of one namespace for `run`."""
        for entry in self.raw.get("NamespaceOptions") or ():
            if entry.get("Name") == name:
                return bool(entry.get("Host")), str(entry.get("Path") or "")
        return name in ("user", "cgroup"), ""

    def set_namespace(self, name: str, *, host: bool = False, path: str = "") -> None:
        """Choose one namespace for `run`."""
        entries = self.raw.setdefault("NamespaceOptions", [])
        for entry in entries:
            if entry.get("Name") == name:
                entry["Host"], entry["Path"] = host, path
                return
        entries.append({"Name": name, "Host": host, "Path": path})

    def add_history(self, created: str, created_by: str, *, prepend: bool = True) -> None:
        """One more entry (without a layer) for the image's history, before or after the layer's own."""
        key = "PrependedEmptyLayers" if prepend else "AppendedEmptyLayers"
        entries = list(self.raw.get(key) or ())
        entries.append({"created": created, "created_by": created_by, "empty_layer": True})
        self.raw[key] = entries

    def forms(self) -> dict[str, Any]:
        """The record as `save` would write it."""
        self.raw["annotations"] = self.annotations
        self._fill_forms()
        return self.raw

    # -- persistence ----------------------------------------------------------------------

    def save(self) -> None:
        """Write the record, replacing the old one at once and whole."""
        from ocicore.files import atomic

        self.forms()
        path = f"{self.store.container_dir(self.id)}/{STATE_FILE}"
        atomic.write(path, quick_json.dumps(self.raw).encode(), mode=0o600, fsync=False)

    def _fill_forms(self) -> None:
        from ocicore.image.config_forms import OCI_RUN_KEYS, docker_run_config

        draft = self.draft
        config = draft.config
        top = draft.top
        old = self.raw.get("ociv1") or {}
        created = old.get("created") or "0001-01-01T00:00:00Z"
        oci: dict[str, Any] = {"created": created}
        for key in ("author",):
            if top.get(key):
                oci[key] = top[key]
        oci["architecture"] = top.get("architecture") or ""
        if top.get("variant"):
            oci["variant"] = top["variant"]
        oci["os"] = top.get("os") or ""
        for key in ("os.version", "os.features"):
            if top.get(key):
                oci[key] = top[key]
        oci["config"] = {key: config[key] for key in OCI_RUN_KEYS if config.get(key)}
        oci["rootfs"] = {"type": "layers" if draft.diff_ids else "", "diff_ids": draft.diff_ids or None}
        if draft.history:
            oci["history"] = draft.history
        self.raw["ociv1"] = oci
        docker: dict[str, Any] = dict(self.raw.get("docker") or {})
        docker["created"] = created
        run = docker_run_config(config)
        if run.get("OnBuild") is None:
            run["OnBuild"] = []
        docker["config"] = run
        docker["container_config"] = run
        for key in ("author", "architecture", "os", "variant", "comment", "os.version", "os.features"):
            if top.get(key):
                docker[key] = top[key]
            else:
                docker.pop(key, None)
        if draft.diff_ids:
            docker["rootfs"] = {"type": "layers", "diff_ids": draft.diff_ids}
        if draft.history:
            docker["history"] = draft.history
        self.raw["docker"] = docker

    # -- life -----------------------------------------------------------------------------

    def mount(self, label: str = "") -> str:
        """Mount the root file system; counts, like every mount of the store."""
        path = self.store.mount(self.id, label=label or None)
        self.raw["mountpoint"] = path
        return path

    def unmount(self) -> None:
        """Undo one mount; what is not mounted is no error."""
        try:
            still = self.store.unmount(self.id)
        except NotFound:
            still = False
        if not still:
            self.raw["mountpoint"] = ""

    def delete(self) -> None:
        """Delete container, layer and record."""
        self.store.delete_container(self.id)

    def rename(self, name: str) -> None:
        """Give it another name. Raises Conflict when that is in use."""
        try:
            owner = self.store.container(name)
        except NotFound:
            owner = None
        if owner is not None and name in owner.names:
            raise Conflict(f'The container name "{name}" is already in use by container "{owner.id}"')
        self.store.set_names("container", self.id, [name])
        self.raw["container-name"] = name
        self.save()


def name_prefix(image_name: str) -> str:
    """What derived container names begin with: "docker.io/library/alpine:3" -> "alpine", ids and digests -> 12 digits."""
    prefix = image_name
    if prefix.startswith("sha256:") and len(prefix) == 71:
        prefix = prefix[7:19]
    elif len(prefix) == 64 and all(char in "0123456789abcdef" for char in prefix):
        prefix = prefix[:12]
    return prefix.partition(":")[0].rpartition("/")[2].partition("@")[0]


def spoken_name(image: LocalImage, typed: str) -> str:
    """The name of an image that a container remembers: of its names the one that holds what was typed."""
    prefix = name_prefix(typed)
    for name in image.names:
        if prefix in name:
            return name
    return image.names[0] if image.names else prefix


def describe(
    store: Store,
    image: LocalImage | None,
    *,
    image_name: str = "",
    architecture: str,
    os_name: str = "linux",
    variant: str = "",
    format: Literal["oci", "docker"] = "oci",
    isolation: str = "oci",
    options: dict[str, Any] | None = None,
    capabilities: Sequence[str] = DEFAULT_CAPABILITIES,
    devices: Sequence[str] = (),
    id_maps: IdMaps | None = None,
    keep_base_annotations: bool = False,
    created: str = "",
) -> WorkingContainer:
    """The record of a container on an image, without a container: enough to commit a new configuration.

    Args:
        image: None for scratch.
        image_name: the name to remember when it differs from the image's first.
        architecture, os_name, variant: of the result when there is no image.
        options: CommonBuildOpts, None for the defaults.
        keep_base_annotations: do not describe `image` as the base (intermediate images of a build).
    """
    raw: dict[str, Any] = {"Args": {}, "type": RECORD_TYPE}
    if image is not None:
        config_bytes = image.config_bytes()
        manifest_bytes = image.manifest_bytes()
        config = quick_json.loads(config_bytes)
        draft = ImageDraft.from_raw(config)
        remembered = image_name or (image.names[0] if image.names else "")
        raw["image"] = remembered
        raw["image-id"] = image.id
        raw["image-digest"] = image.digest or ""
        raw["config"] = _base64(config_bytes)
        raw["manifest"] = _base64(manifest_bytes)
        annotations = dict(quick_json.loads(manifest_bytes).get("annotations") or {})
        if not keep_base_annotations:
            annotations[BASE_NAME] = remembered if image.names else ""
            annotations[BASE_DIGEST] = image.digest or ""
        base = config.get("created") or ""
        raw["TopLayer"] = image.layer or ""
    else:
        draft = ImageDraft.from_scratch(architecture, os_name, variant)
        raw["image-id"] = raw["image-digest"] = raw["TopLayer"] = ""
        annotations = {BASE_NAME: "", BASE_DIGEST: ""}
        base = created
    raw["ociv1"] = {"created": base}
    if image is not None:
        # Only Docker's form has these; `save` keeps them.
        raw["docker"] = {
            key: config[key] for key in ("id", "parent", "container", "docker_version") if config.get(key)
        }
    raw["Isolation"] = ISOLATIONS[isolation]
    raw["NamespaceOptions"] = [
        {"Name": kind, "Host": kind in ("cgroup", "user"), "Path": ""} for kind in _NAMESPACES
    ]
    raw["ConfigureNetwork"] = 0
    raw["CNIPluginPath"] = raw["CNIConfigDir"] = ""
    raw["IDMappingOptions"] = {
        "HostUIDMapping": id_maps is None,
        "HostGIDMapping": id_maps is None,
        "UIDMap": _map_json(id_maps[0] if id_maps else ()),
        "GIDMap": _map_json(id_maps[1] if id_maps else ()),
        "AutoUserNs": False,
    }
    raw["Capabilities"] = list(capabilities)
    raw["PrependedEmptyLayers"] = raw["AppendedEmptyLayers"] = None
    raw["CommonBuildOpts"] = default_options()
    if options is not None:
        raw["CommonBuildOpts"].update(copy_value(options))
    raw["Format"] = media_types.DOCKER_MANIFEST if format == "docker" else media_types.OCI_MANIFEST
    raw["TempVolumes"] = {}
    raw["ContentDigester"] = {}
    raw["Devices"] = []
    raw["DeviceSpecs"] = list(devices)
    result = WorkingContainer(store, raw, draft)
    result.annotations = annotations
    return result


def create(
    store: Store,
    image: LocalImage | None,
    *,
    name: str = "",
    image_name: str = "",
    suffix: str = "",
    id_maps: IdMaps | None = None,
    mount_options: Sequence[str] | None = None,
    before_record: Callable[[str], object] | None = None,
    **settings: Any,
) -> WorkingContainer:
    """Make a working container on an image, or on nothing. The record is written by `save`.

    Args:
        name: exact name, "" for one derived from the image ("alpine-working-container-1").
        suffix: what derived names end in instead of "working-container".
        before_record: see `Store.create_container`.
        settings: see `describe`.

    Raises:
        Conflict: `name` is in use.
    """
    result = describe(store, image, image_name=image_name, id_maps=id_maps, **settings)
    prefix = name_prefix(result.image_name)
    container = _claim(
        store,
        image,
        name,
        f"{prefix}-" if prefix else "",
        suffix or "working-container",
        id_maps,
        mount_options,
        before_record,
    )
    result.raw["container-name"] = container.names[0] if container.names else ""
    result.raw["container-id"] = container.id
    return result


def default_options() -> dict[str, Any]:
    """CommonBuildOpts as `from` without options writes them."""
    return {
        "AddHost": [],
        "OmitHistory": False,
        "CgroupParent": "",
        "CPUPeriod": 0,
        "CPUQuota": 0,
        "CPUShares": 0,
        "CPUSetCPUs": "",
        "CPUSetMems": "",
        "HTTPProxy": True,
        "IdentityLabel": 2,
        "Memory": 0,
        "DNSSearch": [],
        "DNSServers": [],
        "DNSOptions": [],
        "LabelOpts": None,
        "MemorySwap": 0,
        "NoHosts": False,
        "NoHostname": False,
        "OmitTimestamp": False,
        "SeccompProfilePath": "",
        "ApparmorProfile": "",
        "ShmSize": "65536k",
        "Ulimit": [],
        "Volumes": [],
        "Secrets": [],
        "SSHSources": [],
        "OCIHooksDir": [],
    }


def _claim(
    store: Store,
    image: LocalImage | None,
    name: str,
    prefix: str,
    suffix: str,
    id_maps: IdMaps | None,
    mount_options: Sequence[str] | None,
    before_record: Callable[[str], object] | None,
) -> Container:
    """Create the storage container; derived names get -1, -2 … until one is free."""
    image_id = image.id if image is not None else None

    def attempt(candidate: str) -> Container:
        return store.create_container(
            names=[candidate],
            image=image_id,
            id_maps=id_maps,
            mount_options=mount_options,
            volatile=True,
            before_record=before_record,
        )

    if name:
        try:
            return attempt(name)
        except Conflict as error:
            raise Conflict(f"creating build container: {error.message}") from error
    base = prefix + suffix
    number = 0
    while True:
        candidate = base if number == 0 else f"{base}-{number}"
        try:
            return attempt(candidate)
        except Conflict:
            taken = {known for container in store.containers() for known in container.names}
            number += 1
            while f"{base}-{number}" in taken:
                number += 1


def _base64(data: bytes) -> str:
    from binascii import b2a_base64

    return b2a_base64(data, newline=False).decode()


def _map_json(ranges: Sequence[tuple[int, int, int]]) -> list[dict[str, int]]:
    return [{"containerID": c, "hostID": h, "size": s} for c, h, s in ranges]


def read_record(store: Store, container: Container) -> dict[str, Any] | None:
    """The record of a container, or None when it is no working container."""
    import os

    path = os.path.join(
        store.graph_root, f"{store.driver_name}-containers", container.id, "userdata", STATE_FILE
    )
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Error(f"reading build container {container.id[:12]}: {path}: {error.strerror}") from error
    try:
        chunks = []
        while chunk := os.read(descriptor, 1 << 20):
            chunks.append(chunk)
    finally:
        os.close(descriptor)
    try:
        value = quick_json.loads(b"".join(chunks))
    except ValueError as error:
        raise Error(f"reading build container {container.id[:12]}: {path}: {error}") from error
    if not isinstance(value, dict) or value.get("type") != RECORD_TYPE:
        return None
    return value


def _from_record(store: Store, container: Container, raw: dict[str, Any]) -> WorkingContainer:
    docker = raw.get("docker") or {}
    oci = raw.get("ociv1") or {}
    draft = ImageDraft.from_raw({**oci, **{key: value for key, value in docker.items() if value}})
    # OCI's half is what buildah writes into OCI images; keys only Docker has come from the other half.
    for key, value in (oci.get("config") or {}).items():
        draft.config[key] = copy_value(value)
    draft.config = {
        key: value for key, value in draft.config.items() if value not in (None, "", [], {}, False)
    }
    draft.history = [dict(entry) for entry in oci.get("history") or docker.get("history") or ()]
    draft.diff_ids = list((oci.get("rootfs") or {}).get("diff_ids") or ())
    raw["container-id"] = container.id
    if container.names:
        raw["container-name"] = container.names[0]
    return WorkingContainer(store, raw, draft)


def load(store: Store, name: str) -> WorkingContainer:
    """The working container with this name, id or id prefix.

    A container of another program (podman's) is taken over as it is, as buildah does.

    Raises:
        NotFound: 'reading build container "NAME": container not known'.
    """
    try:
        container = store.container(name)
    except NotFound as error:
        hint = None
        names = [known for other in store.containers() for known in other.names]
        if names:
            from difflib import get_close_matches

            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else None
        raise NotFound(f'reading build container "{name}": container not known', hint=hint) from error
    raw = read_record(store, container)
    if raw is None:
        return adopt(store, container)
    return _from_record(store, container, raw)


def adopt(store: Store, container: Container) -> WorkingContainer:
    """Make a working container of one another program created; the record is written by `save`."""
    from ocicore.image.local import LocalImages
    from ocicore.oci import platform

    image = LocalImages(store).by_id(container.image) if container.image else None
    host = platform.host()
    draft = (
        ImageDraft.from_raw(quick_json.loads(image.config_bytes()))
        if image is not None
        else ImageDraft.from_scratch(host.architecture, host.os)
    )
    raw: dict[str, Any] = {
        "Args": {},
        "type": RECORD_TYPE,
        "image": image.names[0] if image is not None and image.names else "",
        "image-id": image.id if image is not None else "",
        "image-digest": (image.digest or "") if image is not None else "",
        "container-name": container.names[0] if container.names else "",
        "container-id": container.id,
        "Isolation": ISOLATIONS["oci"],
        "NamespaceOptions": [
            {"Name": kind, "Host": kind in ("cgroup", "user"), "Path": ""} for kind in _NAMESPACES
        ],
        "ConfigureNetwork": 0,
        "Capabilities": list(DEFAULT_CAPABILITIES),
        "CommonBuildOpts": default_options(),
        "TopLayer": (image.layer or "") if image is not None else "",
        "Format": media_types.OCI_MANIFEST,
    }
    return WorkingContainer(store, raw, draft)


def all_working(store: Store, warn: Callable[[str], None]) -> list[WorkingContainer]:
    """Every working container of the store, in the order they were made."""
    found = []
    for container in store.containers():
        try:
            raw = read_record(store, container)
        except Error as error:
            warn(error.message)
            continue
        if raw is not None:
            found.append(_from_record(store, container, raw))
    return found
