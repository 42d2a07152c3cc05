"""The mounts of config.json: the default file systems, and how the caller's mounts replace or join them.

Defaults are podman's. In a user namespace the kernel forbids some new file systems (sysfs without owning the network
namespace, proc without owning the pid namespace, mqueue likewise); there the host's are bound instead.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.runtime.types import ContainerConfig, HostFacts, Namespace

    Json = dict[str, Any]

#: podman's default size of /dev/shm, bytes.
SHM_SIZE = 65536 * 1024

#: Where the init program is bound with --init.
INIT_TARGET = "/run/podman-init"

_GUARDED = ["nosuid", "noexec", "nodev"]
_TTY_GROUP = 5


def build(config: ContainerConfig, *, rootfs: str, host: HostFacts, new_userns: bool) -> list[Json]:
    """All mounts in the order in which the runtime makes them. Later entries of config["mounts"] win over
    earlier ones with the same destination, and over the defaults."""
    security = config.get("security", {})
    privileged = security.get("privileged", False)
    mounts: dict[str, Json] = {}
    for default in _defaults(config, host, privileged=privileged, new_userns=new_userns):
        mounts[default["destination"]] = default
    given = {_clean(mount["destination"]) for mount in config.get("mounts", ())}
    if config.get("systemd"):
        _add_systemd(config, mounts, given)
    if config.get("writable_tmpfs") or (config.get("read_only") and config.get("read_only_tmpfs", True)):
        for path in ("/run", "/tmp", "/var/tmp"):
            mounts.setdefault(path, _tmpfs(path, ["rw", "rprivate", "nosuid", "nodev", "tmpcopyup"]))
    for path in config.get("volumes", ()):
        mounts[_clean(path)] = _tmpfs(_clean(path), ["rprivate", "rw", "nodev", "exec", "tmpcopyup"])
    if config.get("init") and config.get("init_path"):
        mounts[INIT_TARGET] = _bind(config["init_path"], INIT_TARGET, ["bind", "ro"])

    if "/dev" in given:
        for path in [path for path in mounts if path.startswith("/dev/")]:
            del mounts[path]
    for mount in config.get("mounts", ()):
        path = _clean(mount["destination"])
        mounts.pop(path, None)
        entry: Json = {"destination": path, "type": mount["type"]}
        entry["source"] = mount.get("source") or mount["type"]
        entry["options"] = list(mount.get("options", ()))
        if mount.get("uid_mappings"):
            entry["uidMappings"] = spec_mappings(mount["uid_mappings"])
        if mount.get("gid_mappings"):
            entry["gidMappings"] = spec_mappings(mount["gid_mappings"])
        mounts[path] = entry
    for mount_entry in mounts.values():
        if mount_entry["type"] == "tmpfs" and not mount_entry["destination"].startswith("/dev"):
            mount_entry["destination"] = _resolved(rootfs, mount_entry["destination"])
    # Stable: mounts of one depth stay in the order given, and no mount covers one made before it.
    return sorted(mounts.values(), key=lambda entry: _depth(entry["destination"]))


def spec_mappings(extents: Any) -> list[Json]:
    """Id extents in the specification's spelling."""
    return [
        {"containerID": extent["container_id"], "hostID": extent["host_id"], "size": extent["size"]}
        for extent in extents
    ]


def root_propagation(mounts: list[Json]) -> str:
    """linux.rootfsPropagation which the propagation of the binds asks for, "" for the runtime's default."""
    found = ""
    for mount in mounts:
        if mount["type"] != "bind":
            continue
        options = mount["options"]
        if "shared" in options or "rshared" in options:
            return "shared"
        if ("slave" in options or "rslave" in options) and not mount["source"].startswith("/dev/"):
            found = "rslave"
    return found


def may_mount_sysfs(config: ContainerConfig, host: HostFacts, *, new_userns: bool) -> bool:
    """Whether a new sysfs can be mounted: the kernel asks for CAP_SYS_ADMIN over the network namespace's owner."""
    network = _mode(config, "net")
    if network == "host":
        return not (host.rootless or new_userns)
    if new_userns:
        return network in {"private", "none"}
    return True


def _defaults(config: ContainerConfig, host: HostFacts, *, privileged: bool, new_userns: bool) -> list[Json]:
    in_userns = host.rootless or new_userns
    result = [_proc(config, in_userns=in_userns), _dev(config)]
    options = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    if _has_group(config, host, _TTY_GROUP):
        options.append(f"gid={_TTY_GROUP}")
    result.append(_mount("/dev/pts", "devpts", "devpts", options))
    if in_userns and _mode(config, "ipc") == "host":
        result.append(_bind("/dev/mqueue", "/dev/mqueue", ["bind", "rprivate", *_GUARDED]))
    else:
        result.append(_mount("/dev/mqueue", "mqueue", "mqueue", list(_GUARDED)))
    if not config.get("no_shm"):
        result.append(_shm(config))
    result += _sys(config, host, privileged=privileged, new_userns=new_userns)
    return result


def _proc(config: ContainerConfig, *, in_userns: bool) -> Json:
    if in_userns and _mode(config, "pid") == "host":
        # A runtime clones it from outside of the namespace. If it stayed a peer of the host's, whatever is mounted on it
        # (the masks, to begin with) would appear in the host's /proc.
        return _bind("/proc", "/proc", ["rbind", "rprivate", *_GUARDED])
    wanted = config.get("security", {}).get("proc_opts")
    return _mount("/proc", "proc", "proc", list(wanted) if wanted else list(_GUARDED))


def _dev(config: ContainerConfig) -> Json:
    options = ["nosuid", "strictatime", "mode=755", "size=65536k"]
    if config.get("read_only") and not config.get("read_only_tmpfs", True):
        options.append("ro")
    return _mount("/dev", "tmpfs", "tmpfs", options)


def _shm(config: ContainerConfig) -> Json:
    read_only = ["ro"] if config.get("read_only") and not config.get("read_only_tmpfs", True) else []
    if config.get("shm_path"):
        return _bind(config["shm_path"], "/dev/shm", ["bind", "rprivate", *_GUARDED, *read_only])
    if _mode(config, "ipc") == "host":
        return _bind("/dev/shm", "/dev/shm", ["bind", "rprivate", *_GUARDED])
    size = config.get("shm_size") or SHM_SIZE
    size_text = f"size={size // 1024}k" if size % 1024 == 0 else f"size={size}"
    return _mount("/dev/shm", "tmpfs", "shm", [*_GUARDED, "mode=1777", size_text, *read_only])


def _sys(config: ContainerConfig, host: HostFacts, *, privileged: bool, new_userns: bool) -> list[Json]:
    unmask = config.get("security", {}).get("unmask", ())
    mode = "rw" if privileged else "ro"
    if not may_mount_sysfs(config, host, new_userns=new_userns):
        return [
            _bind("/sys", "/sys", ["rprivate", *_GUARDED, mode, "rbind"]),
            _mount("/sys/fs/cgroup", "cgroup", "/sys/fs/cgroup", ["rprivate", *_GUARDED, mode]),
        ]
    cgroup_mode = mode
    # In a v1 hierarchy a container could reach the host's other groups, so podman never opens that.
    if host.cgroup_mode == "v2" and any(
        word.upper() == "ALL" or _clean(word) == "/sys/fs/cgroup" for word in unmask
    ):
        cgroup_mode = "rw"
    sys_options = ["rprivate", *_GUARDED, "rw"] if privileged else [*_GUARDED, "ro"]
    return [
        _mount("/sys", "sysfs", "sysfs", sys_options),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rprivate", *_GUARDED, "relatime", cgroup_mode]),
    ]


def _add_systemd(config: ContainerConfig, mounts: dict[str, Json], given: set[str]) -> None:
    """systemd wants /run, /run/lock, /tmp and its journal on tmpfs, and to write below its own cgroup."""
    options = ["rw", "rprivate", "nosuid", "nodev", "tmpcopyup"]
    if config.get("shm_size_systemd"):
        options.append(f"size={config['shm_size_systemd']}")
    for path in ("/run", "/run/lock", "/tmp", "/var/log/journal"):
        if path not in given:
            mounts[path] = _tmpfs(path, list(options))
    if _mode(config, "cgroup") == "host":
        mounts["/sys/fs/cgroup"] = _bind("/sys/fs/cgroup", "/sys/fs/cgroup", ["bind", "private", "rw"])
    else:
        mounts["/sys/fs/cgroup"] = _mount("/sys/fs/cgroup", "cgroup", "cgroup", ["private", "rw"])


def _has_group(config: ContainerConfig, host: HostFacts, gid: int) -> bool:
    """Whether a group exists in the container's user namespace; a file system refuses an unmapped gid= option."""
    mappings = config.get("gid_mappings")
    if mappings:
        return any(
            extent["container_id"] <= gid < extent["container_id"] + extent["size"] for extent in mappings
        )
    return any(inside <= gid < inside + size for inside, _, size in host.gid_map)


def _mode(config: ContainerConfig, kind: str) -> str:
    namespace: Namespace | None = config.get("namespaces", {}).get(kind)  # type: ignore[assignment]
    return namespace["mode"] if namespace else "private"


def _resolved(rootfs: str, path: str) -> str:
    """Destination with the root's own symlinks followed: runtimes stumble over a tmpfs below a link (/var/run)."""
    part = ""
    for name in path.strip("/").split("/"):
        part += "/" + name
        try:
            if os.path.islink(rootfs + part):
                break
        except (OSError, ValueError):
            return path
    else:
        return path
    from ocicore.linux.resolve import resolve_in_root

    try:
        real = resolve_in_root(rootfs, path)
    except OSError:
        return path
    return real[len(rootfs.rstrip("/")) :] or "/"


def _mount(destination: str, kind: str, source: str, options: list[str]) -> Json:
    return {"destination": destination, "type": kind, "source": source, "options": options}


def _bind(source: str, destination: str, options: list[str]) -> Json:
    return _mount(destination, "bind", source, options)


def _tmpfs(destination: str, options: list[str]) -> Json:
    return _mount(destination, "tmpfs", "tmpfs", options)


def _clean(path: str) -> str:
    return "/" + os.path.normpath("/" + path).strip("/")


def _depth(path: str) -> int:
    return 0 if path == "/" else path.count("/")
