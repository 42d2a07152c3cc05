"""config.json: an OCI runtime specification made from what was decided about a container.

Follows runtime-spec 1.2 with podman's defaults. No I/O but the lookups that belong to the container (users in its root,
device nodes, a seccomp profile); facts of the machine come in as HostFacts.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput
from ocicore.runtime import capabilities, seccomp, spec_linux, spec_mounts, spec_process, users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ocicore.runtime.types import ContainerConfig, HostFacts, RuntimeSpec

    Json = dict[str, Any]
    Warn = Callable[[str], None]

#: Both runtimes we meet read it; nothing we write needs a later one.
VERSION = "1.0.2"

#: Which namespace a sysctl belongs to: key, prefixes, the word in messages.
_SYSCTL_NAMESPACES = (
    ("ipc", ("fs.mqueue.",), "IPC"),
    ("net", ("net.",), "Network"),
    ("uts", ("kernel.domainname", "kernel.hostname"), "UTS"),
)


def generate(config: ContainerConfig, *, rootfs: str, host: HostFacts, warn: Warn) -> RuntimeSpec:
    """The runtime specification of a container.

    Args:
        config: decisions; `id` and `args` are required.
        rootfs: host path of the mounted root (in the caller's mount namespace).
        host: facts of the machine.
        warn: hears one line for each thing asked for that is cut down (limits).
    Raises NotFound for unknown users and devices, InvalidInput and Unsupported for contradictions.
    """
    if not config["args"]:
        raise InvalidInput("no command specified")
    user = users.resolve(config.get("user", ""), rootfs, _groups(config), **_overrides(config))
    new_userns = spec_linux.namespace(config, "user", host)["mode"] != "host"
    privileged = config.get("security", {}).get("privileged", False)

    mounts = spec_mounts.build(config, rootfs=rootfs, host=host, new_userns=new_userns)
    devices: list[Json] = []
    rules: list[Json] = []
    extra: list[Json] = []
    spec_linux.add_devices(config, host, devices, rules, extra, new_userns=new_userns)
    if extra:
        mounts = sorted([*mounts, *extra], key=lambda entry: entry["destination"].count("/"))

    process = spec_process.build(config, user, host, warn)
    linux = _linux(config, host, warn, new_userns=new_userns, devices=devices, rules=rules)
    propagation = config.get("rootfs_propagation") or spec_mounts.root_propagation(mounts)
    if propagation:
        linux["rootfsPropagation"] = propagation
    _add_seccomp(config, host, process, linux, privileged=privileged)

    result: RuntimeSpec = {
        "ociVersion": VERSION,
        "process": process,
        "root": {"path": rootfs},
        "mounts": mounts,
        "linux": linux,
        "annotations": _annotations(config),
    }
    if config.get("read_only"):
        result["root"]["readonly"] = True
    hostname = spec_process.hostname(config, host)
    if hostname:
        result["hostname"] = hostname
    if config.get("domainname"):
        result["domainname"] = config["domainname"]
    if config.get("hooks"):
        result["hooks"] = dict(config["hooks"])
    return result


def check(config: ContainerConfig, *, host: HostFacts) -> None:
    """Refuse what generate() would refuse whatever the root file system is, so that it fails when it is asked for.

    Namespaces not decided yet may be missing; "host" ones should be there, as sysctls depend on them.
    """
    if not config["args"]:
        raise InvalidInput("no command specified")
    security = config.get("security", {})
    new_userns = spec_linux.namespace(config, "user", host)["mode"] != "host"
    spec_process.check(config, host)
    spec_linux.add_devices(config, host, [], [], [], new_userns=new_userns)
    _linux(config, host, _ignore, new_userns=new_userns, devices=[], rules=[])
    wanted = security.get("seccomp", "")
    if wanted not in {"", "unconfined"} and not security.get("seccomp_profile"):
        seccomp.from_file(wanted, (), architecture=host.architecture, kernel=host.kernel)


def _ignore(text: str) -> None:
    """What is cut down is told when the container starts."""


def _groups(config: ContainerConfig) -> Sequence[str]:
    return [name for name in config.get("group_add", ()) if name != "keep-groups"]


def _overrides(config: ContainerConfig) -> dict[str, str]:
    """Files which will be bound over the image's user database, as they decide what a name means."""
    result = {}
    for mount in config.get("mounts", ()):
        for key in ("passwd", "group"):
            if mount["destination"] == f"/etc/{key}":
                result[key] = mount.get("source", "")
            elif mount["destination"] == "/etc" and key not in result and mount["type"] == "bind":
                result[key] = f"{mount.get('source', '')}/{key}"
    return result


def _linux(
    config: ContainerConfig,
    host: HostFacts,
    warn: Warn,
    *,
    new_userns: bool,
    devices: list[Json],
    rules: list[Json],
) -> Json:
    security = config.get("security", {})
    sys_is_host = not spec_mounts.may_mount_sysfs(config, host, new_userns=new_userns)
    masked, readonly = spec_linux.hidden_paths(config, host, sys_is_host=sys_is_host)
    resources = spec_linux.resources(config, host, warn)
    if rules:
        resources["devices"] = rules
    linux: Json = {"namespaces": spec_linux.namespaces(config, host), **spec_linux.id_mappings(config, host)}
    path = spec_linux.cgroups_path(config, host)
    optional: Json = {
        "sysctl": _sysctl(config, host),
        "resources": resources,
        "cgroupsPath": path,
        "devices": devices,
        "maskedPaths": masked,
        "readonlyPaths": readonly,
        "mountLabel": security.get("selinux_mount_label", ""),
    }
    linux.update({key: value for key, value in optional.items() if value})
    if config.get("personality"):
        domain = config["personality"].upper()
        if domain not in {"LINUX", "LINUX32"}:
            raise InvalidInput(f'unknown personality "{config["personality"]}": want LINUX or LINUX32')
        linux["personality"] = {"domain": domain}
    if config.get("rdt_class"):
        linux["intelRdt"] = {"closID": config["rdt_class"]}
    return linux


def _sysctl(config: ContainerConfig, host: HostFacts) -> dict[str, str]:
    """Default sysctls that fit the namespaces, then the user's, which must fit."""
    found = {kind: spec_linux.namespace(config, kind, host) for kind, _, _ in _SYSCTL_NAMESPACES}
    modes = {kind: chosen["mode"] for kind, chosen in found.items()}
    # One made outside of the container's own user namespace cannot be set from inside.
    settable = spec_linux.namespace(config, "user", host)["mode"] == "host"
    shared = [
        prefixes
        for kind, prefixes, _ in _SYSCTL_NAMESPACES
        if modes[kind] == "host" or (modes[kind] == "path" and not (settable and found[kind].get("own")))
    ]
    result = {
        key: value
        for key, value in config.get("default_sysctl", {}).items()
        if not any(key.startswith(prefixes) for prefixes in shared)
    }
    for key, value in config.get("sysctl", {}).items():
        for kind, prefixes, title in _SYSCTL_NAMESPACES:
            if key.startswith(prefixes) and modes[kind] == "host":
                raise InvalidInput(
                    f"sysctl {key}={value} can't be set since {title} Namespace set to host: invalid argument"
                )
        result[key] = value
    return result


def _add_seccomp(
    config: ContainerConfig, host: HostFacts, process: Json, linux: Json, *, privileged: bool
) -> None:
    security = config.get("security", {})
    wanted = security.get("seccomp", "")
    if wanted == "unconfined" or not host.seccomp:
        return
    granted = frozenset(process["capabilities"]["bounding"])
    if security.get("seccomp_profile"):
        linux["seccomp"] = seccomp.resolve(
            security["seccomp_profile"], granted, architecture=host.architecture, kernel=host.kernel
        )
    elif wanted:
        linux["seccomp"] = seccomp.from_file(
            wanted, granted, architecture=host.architecture, kernel=host.kernel
        )
    elif not privileged:
        linux["seccomp"] = seccomp.default(granted, architecture=host.architecture, kernel=host.kernel)


def _annotations(config: ContainerConfig) -> dict[str, str]:
    result = {"io.container.manager": config.get("manager", "libpod")}
    if config.get("created"):
        result["io.kubernetes.cri-o.Created"] = config["created"]
        result["io.kubernetes.cri-o.TTY"] = "true" if config.get("terminal") else "false"
    for key, name in (
        ("auto_remove", "io.podman.annotations.autoremove"),
        ("init", "io.podman.annotations.init"),
        ("publish_all", "io.podman.annotations.publish-all"),
    ):
        if config.get(key):
            result[name] = "TRUE"
    if config.get("security", {}).get("privileged"):
        result["io.podman.annotations.privileged"] = "TRUE"
    if config.get("group_add") == ["keep-groups"]:
        result["run.oci.keep_original_groups"] = "1"
    if config.get("stop_signal"):
        result["org.opencontainers.image.stopSignal"] = str(config["stop_signal"])
        # Properties of the container's scope, for runtimes that ask systemd for one.
        result["org.systemd.property.KillSignal"] = str(config["stop_signal"])
    if config.get("stop_timeout"):
        result["org.systemd.property.TimeoutStopUSec"] = f"uint64 {config['stop_timeout'] * 1_000_000}"
    result.update(config.get("annotations", {}))
    return result


def exec_process(
    spec: RuntimeSpec,
    *,
    args: Sequence[str],
    env: Mapping[str, str] | None = None,
    cwd: str = "",
    user: str = "",
    rootfs: str = "",
    terminal: bool = False,
    privileged: bool = False,
    cap_add: Sequence[str] = (),
    host: HostFacts | None = None,
) -> Json:
    """The process object of one more process in a running container.

    Args:
        spec: the container's own specification, from which everything not named is taken.
        env: added to the container's; user: "" keeps the container's, else looked up in `rootfs`.
        privileged: all capabilities of `host`'s bounding set (or the container's own, when unknown).
    """
    base = spec["process"]
    process = {key: value for key, value in base.items() if key not in {"terminal", "consoleSize"}}
    process["args"] = list(args)
    process["cwd"] = cwd or base.get("cwd") or "/"
    variables = dict(entry.partition("=")[::2] for entry in base.get("env", ()))
    if terminal:
        process["terminal"] = True
        variables.setdefault("TERM", "xterm")
    uid = base["user"]["uid"]
    if user:
        found = users.resolve(user, rootfs)
        uid = found.uid
        groups = sorted({found.gid, *found.supplementary})
        process["user"] = {**base["user"], "uid": found.uid, "gid": found.gid, "additionalGids": groups}
        variables["HOME"] = found.home
    if env:
        variables.update(env)
    process["env"] = [f"{key}={value}" for key, value in variables.items()]

    bounding = list(base.get("capabilities", {}).get("bounding", ()))
    if privileged:
        if host is not None and host.bounding is not None:
            bounding = sorted(host.bounding)
        process["capabilities"] = capabilities.for_root(bounding)
        process.pop("noNewPrivileges", None)
        process.pop("apparmorProfile", None)
    elif cap_add:
        bounding = capabilities.merge(bounding, cap_add, (), host.bounding if host else None)
        process["capabilities"] = (
            capabilities.for_root(bounding) if uid == 0 else capabilities.for_user(bounding, cap_add)
        )
    elif user:
        process["capabilities"] = (
            capabilities.for_root(bounding) if uid == 0 else capabilities.for_user(bounding, ())
        )
    return process
