"""info: what this host offers and how the engine is set up, with podman's keys."""

from __future__ import annotations

import os

from ocicore.engine import records
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine

    Json = dict[str, Any]


def collect(engine: Engine, version: Json, builder: str) -> Json:
    """The whole object; parts that cannot be found out are empty, never an error.

    Args:
        builder: version of buildah that builds follow, as images are labelled with it.
    """
    return {
        "host": _host(engine, builder),
        "store": _store(engine),
        "registries": _registries(engine),
        "plugins": {
            "volume": ["local", *sorted(engine.config.engine.volume_plugins)],
            "network": ["bridge", "macvlan", "ipvlan"],
            "log": ["k8s-file", "none", "passthrough", "journald"],
            "authorization": None,
        },
        "version": version,
    }


def _host(engine: Engine, builder: str) -> Json:
    from ocicore.engine import events
    from ocicore.linux import cgroups

    system = os.uname()
    memory = _memory()
    facts = engine.host
    mode = facts.cgroup_mode
    result: Json = {
        "arch": facts.architecture,
        "buildahVersion": builder,
        "cgroupManager": engine.cgroup_manager,
        "cgroupVersion": "v2" if mode == "v2" else "v1",
        "cgroupControllers": cgroups.controllers(),
        "conmon": _conmon(engine),
        "cpus": os.cpu_count() or 1,
        "cpuUtilization": _cpu_use(),
        "databaseBackend": "sqlite",
        "distribution": _distribution(),
        "eventLogger": events.backend(engine),
        "freeLocks": _free_locks(engine),
        "hostname": facts.hostname,
        "idMappings": _id_mappings(engine),
        "kernel": system.release,
        "logDriver": engine.config.containers.log_driver,
        "memFree": memory.get("MemFree", 0),
        "memTotal": memory.get("MemTotal", 0),
        "networkBackend": "netavark",
        "networkBackendInfo": _network_backend(engine),
        "ociRuntime": _runtime(engine),
        "os": "linux",
        "remoteSocket": {"exists": False, "path": f"{engine.user.runtime_dir}/podman/podman.sock"},
        "rootlessNetworkCmd": engine.config.network.default_rootless_network_cmd,
        "serviceIsRemote": False,
        "security": _security(engine),
        "slirp4netns": _helper(engine, "slirp4netns"),
        "pasta": _helper(engine, "pasta"),
        "swapFree": memory.get("SwapFree", 0),
        "swapTotal": memory.get("SwapTotal", 0),
        "uptime": _uptime(),
        "variant": "",
        "linkmode": "dynamic",
    }
    return result


def _free_locks(engine: Engine) -> int:
    """How many of the configured locks containers, pods and volumes leave.

    Nothing here runs out of them; with podman's pool of that size they would be taken.
    """
    state = engine.state
    used = len(state.containers.all()) + len(state.pods.all()) + len(state.volumes.all())
    return max(engine.config.engine.num_locks - used, 0)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _memory() -> dict[str, int]:
    found = {}
    for line in _read("/proc/meminfo").splitlines():
        key, _, value = line.partition(":")
        words = value.split()
        if words:
            found[key] = int(words[0]) * 1024
    return found


def _cpu_use() -> Json:
    fields = [int(word) for word in _read("/proc/stat").partition("\n")[0].split()[1:]]
    total = sum(fields) or 1
    percent = [round(100 * value / total, 2) for value in (fields + [0] * 4)[:4]]
    return {"userPercent": percent[0], "systemPercent": percent[2], "idlePercent": percent[3]}


def _distribution() -> Json:
    values = {}
    for line in (_read("/etc/os-release") or _read("/usr/lib/os-release")).splitlines():
        key, equals, value = line.partition("=")
        if equals:
            values[key] = value.strip().strip('"')
    result = {"distribution": values.get("ID", "unknown"), "version": values.get("VERSION_ID", "unknown")}
    if values.get("VERSION_CODENAME"):
        result["codename"] = values["VERSION_CODENAME"]
    if values.get("VARIANT_ID"):
        result["variant"] = values["VARIANT_ID"]
    return result


def _uptime() -> str:
    seconds = float((_read("/proc/uptime").split() or ["0"])[0])
    hours, rest = divmod(int(seconds), 3600)
    minutes, last = divmod(rest, 60)
    text = f"{hours}h {minutes}m {last}.00s"
    return text + (f" (Approximately {seconds / 86400:.2f} days)" if hours else "")


def _capture(engine: Engine, argv: list[str]) -> str:
    from ocicore.engine import runtime_choice
    from ocicore.linux import spawn

    program = argv[0] if "/" in argv[0] else spawn.find(argv[0], engine.environ.get("PATH", "").split(":"))
    if not program:
        return ""
    try:
        done = spawn.capture([program, *argv[1:]], runtime_choice.runtime_environment(engine))
    except Error:
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.status == 0 else ""


def _package(engine: Engine, path: str) -> str:
    """Name and version of the package a file belongs to (dpkg, rpm), "Unknown" when there is none."""
    owner = _capture(engine, ["dpkg-query", "-S", path])
    name = owner.partition(":")[0]
    if name:
        return (
            _capture(engine, ["dpkg-query", "-f", "${Package}_${Version}_${Architecture}", "-W", name])
            or name
        )
    if os.path.exists("/usr/bin/rpm"):
        return _capture(engine, ["rpm", "-q", "-f", path]) or "Unknown"
    return "Unknown"


def _conmon(engine: Engine) -> Json:
    from ocicore.engine import runtime_choice

    try:
        path = runtime_choice.conmon(engine)
    except Error:
        return {"package": "", "path": "", "version": ""}
    version = " ".join(_capture(engine, [path, "--version"]).split("\n"))
    package = _package(engine, path)
    if package == "Unknown" and "pypod" in version:
        package = f"conmon of this pypod ({path})"
    return {
        "package": package,
        "path": path,
        "version": version.replace(" commit", ", commit", 1) if ", commit" not in version else version,
    }


def _runtime(engine: Engine) -> Json:
    try:
        runtime = engine.runtime()
    except Error as error:
        return {"name": "", "package": "", "path": "", "version": error.message}
    return {
        "name": runtime.name,
        "package": _package(engine, runtime.path),
        "path": runtime.path,
        "version": runtime.version(),
        "reason": runtime.reason,
    }


def _helper(engine: Engine, name: str) -> Json:
    from ocicore.linux import spawn

    folders = [*engine.config.engine.helper_binaries_dir, *engine.environ.get("PATH", "").split(":")]
    path = spawn.find(name, folders)
    if not path:
        return {"executable": "", "package": "", "version": ""}
    return {
        "executable": path,
        "package": _package(engine, path),
        "version": _capture(engine, [path, "--version"]),
    }


def _network_backend(engine: Engine) -> Json:
    netavark, dns = _helper(engine, "netavark"), _helper(engine, "aardvark-dns")
    return {
        "backend": "netavark",
        "version": netavark["version"],
        "package": netavark["package"],
        "path": netavark["executable"],
        "dns": {"version": dns["version"], "package": dns["package"], "path": dns["executable"]},
    }


def _id_mappings(engine: Engine) -> Json:
    if not engine.rootless:
        return {"gidmap": None, "uidmap": None}

    def shown(extents: list[tuple[int, int, int]]) -> list[Json]:
        return [
            {"container_id": inside, "host_id": outside, "size": size} for inside, outside, size in extents
        ]

    return {"gidmap": shown(engine.host.gid_map), "uidmap": shown(engine.host.uid_map)}


def _security(engine: Engine) -> Json:
    profile = "/usr/share/containers/seccomp.json"
    configured = engine.config.containers.seccomp_profile
    return {
        "apparmorEnabled": engine.host.apparmor,
        "capabilities": ",".join(engine.config.containers.default_capabilities),
        "rootless": engine.rootless,
        "seccompEnabled": engine.host.seccomp,
        "seccompProfilePath": configured or (profile if os.path.exists(profile) else ""),
        "selinuxEnabled": engine.host.selinux,
    }


def _store(engine: Engine) -> Json:
    from ocicore.engine import listing

    found = listing.containers(engine)
    storage = engine.storage
    own = {container.id for container in found}
    external = sum(1 for record in engine.store.containers() if record.id not in own)
    allocated = used = 0
    try:
        stat = os.statvfs(storage.graph_root)
        allocated = stat.f_blocks * stat.f_frsize
        used = allocated - stat.f_bfree * stat.f_frsize
    except OSError:
        pass
    running = sum(1 for container in found if container.status == records.RUNNING)
    paused = sum(1 for container in found if container.status == records.PAUSED)
    return {
        "configFile": storage.source or "",
        "containerStore": {
            "number": len(found) + external,
            "paused": paused,
            "running": running,
            "stopped": len(found) + external - running - paused,
        },
        "graphDriverName": engine.store.driver_name,
        "graphOptions": _graph_options(engine),
        "graphRoot": storage.graph_root,
        "graphRootAllocated": allocated,
        "graphRootUsed": used,
        "graphStatus": _graph_status(engine),
        "imageCopyTmpDir": engine.config.engine.image_copy_tmp_dir,
        "imageStore": {"number": len(engine.images.list())},
        "runRoot": storage.run_root,
        "transientStore": bool(storage.transient),
        "volumePath": engine.paths.volumes_dir,
    }


def _graph_options(engine: Engine) -> Json:
    storage = engine.storage
    result: Json = dict(option.partition("=")[::2] for option in storage.driver_options)
    if storage.image_stores:
        driver = engine.store.driver_name
        result[f"{driver}.additionalImageStores"] = list(storage.image_stores)
        result[f"{driver}.imagestore"] = storage.image_stores[-1]
    if storage.layer_stores:
        result[f"{engine.store.driver_name}.additionallayerstore"] = storage.layer_stores[-1]
    return result


_FILE_SYSTEMS = {
    0xEF53: "extfs",
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0x01021994: "tmpfs",
    0x794C7630: "overlayfs",
    0x2FC12FC1: "zfs",
    0xF2F52010: "f2fs",
    0x6969: "nfs",
}


def _graph_status(engine: Engine) -> Json:
    from ocicore.linux import mount

    try:
        magic = mount.fs_magic(engine.storage.graph_root)
    except (Error, OSError):
        magic = 0
    result: Json = {"Backing Filesystem": _FILE_SYSTEMS.get(magic, f"<unknown: {magic:#x}>")}
    if engine.store.driver_name == "overlay":
        result.update(
            {
                "Native Overlay Diff": "false" if engine.rootless else "true",
                "Supports d_type": "true",
                "Supports shifting": "true",
                "Supports volatile": "true",
                "Using metacopy": "false",
            }
        )
    return result


def _registries(engine: Engine) -> Json:
    from ocicore.config import registries_conf

    try:
        config = registries_conf.load(engine.user, engine.environ)
    except Error as error:
        engine.warn(error.message)
        return {}
    return {"search": list(config.unqualified_search)} if config.unqualified_search else {}
