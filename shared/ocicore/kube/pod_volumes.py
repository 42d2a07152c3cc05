"""spec.volumes of a pod: what must be made before it starts, and what a container mounts."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from ocicore.engine import volumes as engine_volumes
from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.kube import documents, pull_policies

if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.kube.play import FindImage
    from ocicore.kube.sources import Sources

    Json = dict[str, Any]

_HINT = "HostPath, ConfigMap, EmptyDir, Secret, Image and PersistentVolumeClaim are the supported ones"


class PodVolume:
    """One volume.

    Attributes:
        kind: bind, volume, tmpfs, image, device, or "" for an optional one that is not there.
        source: path, name of a volume, or image.
        anonymous: the volume goes with the pod.
        size: of a tmpfs, as mount(8) wants it.
    """

    __slots__ = ("anonymous", "kind", "size", "source")

    def __init__(self, kind: str, source: str = "", *, anonymous: bool = False, size: str = "") -> None:
        self.kind = kind
        self.source = source
        self.anonymous = anonymous
        self.size = size


def prepare(
    engine: Engine, spec: Json, sources: Sources, pod_name: str, *, find_image: FindImage
) -> dict[str, PodVolume]:
    """All volumes by name; ConfigMaps and Secrets are written into volumes of their name, images are pulled.

    Raises InvalidInput, NotFound, Error.
    """
    found = {}
    for entry in documents.objects(spec, "volumes", f"pod {pod_name}"):
        name = documents.text(entry, "name", f"pod {pod_name}: volumes")
        try:
            found[name] = _volume(engine, entry, name, sources, find_image)
        except Error as error:
            error.message = f'failed to create volume "{name}": {error.message}'
            raise
    return found


def _volume(engine: Engine, entry: Json, name: str, sources: Sources, find_image: FindImage) -> PodVolume:
    where = f"volume {name}"
    if "hostPath" in entry:
        return _host_path(documents.mapping(entry, "hostPath", where), where)
    if "persistentVolumeClaim" in entry:
        claim = documents.mapping(entry, "persistentVolumeClaim", where)
        return PodVolume("volume", documents.text(claim, "claimName", where))
    for kind, key in (("configMap", "name"), ("secret", "secretName")):
        if kind in entry:
            source = documents.mapping(entry, kind, where)
            files = sources.files(source, kind, where)
            if files is None:
                return PodVolume("")
            mode = documents.number(source, "defaultMode", where)
            target = documents.text(source, key, where)
            _write_files(engine, target, files, 0o644 if mode is None else mode)
            return PodVolume("volume", target)
    if "emptyDir" in entry:
        source = documents.mapping(entry, "emptyDir", where)
        medium = documents.text(source, "medium", where)
        if medium == "Memory":
            limit = source.get("sizeLimit")
            from ocicore.kube import quantities

            return PodVolume("tmpfs", size=str(quantities.whole(limit, where)) if limit else "")
        if medium:
            raise InvalidInput(f"unknown emptyDir medium {medium!r}", hint='"" or Memory')
        return PodVolume("volume", name, anonymous=True)
    if "image" in entry:
        source = documents.mapping(entry, "image", where)
        reference = documents.text(source, "reference", where)
        policy = documents.text(source, "pullPolicy", where)
        find_image(reference, pull_policies.read(policy, "pullPolicy", reference, where))
        return PodVolume("image", reference)
    raise InvalidInput("this kind of volume is not supported", hint=_HINT)


def _host_path(source: Json, where: str) -> PodVolume:
    path = documents.text(source, "path", where)
    kind = documents.text(source, "type", where)
    if not path:
        raise InvalidInput("in parsing HostPath in YAML: it needs a path")
    path = os.path.abspath(path)  # from the directory in which it is played, as units set it
    try:
        if kind == "DirectoryOrCreate":
            os.makedirs(path, mode=0o755, exist_ok=True)
        elif kind == "FileOrCreate" and not os.path.exists(path):
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
        mode = os.stat(path).st_mode
    except OSError as error:
        raise Error(f"checking HostPath {path}: {(error.strerror or '').lower()}") from error
    checks = {"Socket": stat.S_ISSOCK, "BlockDevice": stat.S_ISBLK, "CharDevice": stat.S_ISCHR}
    if kind in checks:
        if not checks[kind](mode):
            words = {
                "Socket": "a socket",
                "BlockDevice": "a block device",
                "CharDevice": "a character device",
            }
            raise InvalidInput(f"checking HostPath{kind}: path {path} is not {words[kind]}")
        if kind != "Socket":
            return PodVolume("device", path)
    elif kind not in ("", "DirectoryOrCreate", "FileOrCreate", "Directory", "File"):
        raise InvalidInput(f"invalid HostPath type {kind}")
    return PodVolume("bind", path)


def _write_files(engine: Engine, name: str, files: dict[str, bytes], mode: int) -> None:
    """A volume with these files; one that is there already is filled again."""
    volume = engine.state.volumes.get(name) or engine_volumes.create(engine, name)
    engine_volumes.mount(engine, volume)
    try:
        for path, data in files.items():
            if path.startswith("/") or ".." in path.split("/"):
                raise InvalidInput(f"{path!r} is no path inside the volume")
            target = f"{volume.mountpoint}/{path}"
            os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(target, flags, 0o600)
            try:
                os.write(descriptor, data)
                os.fchmod(descriptor, mode)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise Error(f"cannot create file in volume {name}: {(error.strerror or '').lower()}") from error
    finally:
        engine_volumes.unmount(engine, volume)


def mounts(
    engine: Engine, container: Json, volumes: dict[str, PodVolume], where: str
) -> tuple[list[str], list[str]]:
    """(--mount words, --device words) of a container's volumeMounts. Raises InvalidInput, NotFound."""
    found: list[str] = []
    devices: list[str] = []
    for entry in documents.objects(container, "volumeMounts", where):
        name = documents.text(entry, "name", where)
        volume = volumes.get(name)
        if volume is None:
            raise NotFound(f"volume mount {name} specified for container but not configured in volumes")
        if not volume.kind:
            continue
        path, _, words = documents.text(entry, "mountPath", where).partition(":")
        options = [word for word in words.split(",") if word]
        if documents.flag(entry, "readOnly", where):
            options.append("ro")
        sub_path = documents.text(entry, "subPath", where)
        if volume.kind == "device":
            devices.append(f"{volume.source}:{path}")
            continue
        parts = [f"type={volume.kind}", f"dst={path}"]
        if volume.kind == "bind":
            parts.append(f"src={_below(volume.source, sub_path)}")
        elif volume.kind != "tmpfs":
            parts.append(f"src={volume.source}")
            if sub_path:
                parts.append(f"subpath={sub_path}")
        if volume.kind == "volume" and volume.anonymous and engine.state.volumes.get(volume.source) is None:
            engine_volumes.create(engine, volume.source, anonymous=True)
        if volume.size:
            parts.append(f"tmpfs-size={volume.size}")
        parts += _propagation(documents.text(entry, "mountPropagation", where), volume.kind)
        parts += [
            word
            for word in options
            if word in ("ro", "rw", "z", "Z", "U", "exec", "noexec", "suid", "nosuid")
        ]
        found.append(",".join(_quoted(part) for part in parts))
    return found, devices


def _below(source: str, sub_path: str) -> str:
    if not sub_path:
        return source
    from ocicore.linux.resolve import resolve_in_root

    return resolve_in_root(source, sub_path)


def _propagation(mode: str, kind: str) -> list[str]:
    if not mode or kind not in ("bind", "volume"):
        return []
    known = {"None": "private", "HostToContainer": "rslave", "Bidirectional": "rshared"}
    if mode not in known:
        raise InvalidInput(f"unknown propagation mode {mode!r}")
    return [known[mode]]


def _quoted(part: str) -> str:
    """A field of the comma-separated list that --mount is."""
    return '"' + part.replace('"', '""') + '"' if any(c in part for c in ',"\n') else part
