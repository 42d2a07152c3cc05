"""The `process` part of config.json: identity, environment, rights, limits."""

from __future__ import annotations

from ocicore.errors import InvalidInput, Unsupported
from ocicore.linux.caps import CAPABILITIES
from ocicore.runtime import capabilities, spec_linux, spec_mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.runtime.types import ContainerConfig, HostFacts
    from ocicore.runtime.users import ResolvedUser

    Json = dict[str, Any]
    Warn = Callable[[str], None]

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: podman's nofile and nproc for containers, where the caller may have as much.
DEFAULT_LIMIT = 1048576
_DEFAULT_UMASK = 0o022
_UNLIMITED = 2**64 - 1
#: Name of podman's default AppArmor profile, a version may follow.
_DEFAULT_APPARMOR = "containers-default"


def build(config: ContainerConfig, user: ResolvedUser, host: HostFacts, warn: Warn) -> Json:
    """The process object. `warn` hears of limits and groups that are cut. Raises InvalidInput, Unsupported."""
    security = config.get("security", {})
    args = list(config["args"])
    if config.get("init"):
        args = [spec_mounts.INIT_TARGET, "--", *args]
    process: Json = {
        "user": _user(config, user, host, warn),
        "args": args,
        "env": _environment(config, user, host),
        "cwd": config.get("cwd") or "/",
        "capabilities": _capabilities(config, user, host),
        "rlimits": _rlimits(config, host, warn),
    }
    if config.get("terminal"):
        process["terminal"] = True
        if config.get("console_size"):
            process["consoleSize"] = dict(zip(("height", "width"), config["console_size"], strict=True))
    if security.get("no_new_privileges"):
        process["noNewPrivileges"] = True
    profile = _apparmor(config, host)
    if profile:
        process["apparmorProfile"] = profile
    if security.get("selinux_process_label"):
        process["selinuxLabel"] = security["selinux_process_label"]
    if "oom_score_adj" in config:
        process["oomScoreAdj"] = _oom_score(config["oom_score_adj"], host, warn)
    if config.get("io_priority"):
        process["ioPriority"] = config["io_priority"]
    if config.get("scheduler"):
        process["scheduler"] = config["scheduler"]
    return process


def check(config: ContainerConfig, host: HostFacts) -> None:
    """The parts that do not depend on who the user turns out to be. Raises InvalidInput, Unsupported."""
    _umask(config)
    _granted(config, host)
    _apparmor(config, host)
    _check_oom_score(config.get("oom_score_adj", 0))


def _user(config: ContainerConfig, user: ResolvedUser, host: HostFacts, warn: Warn) -> Json:
    result: Json = {"uid": user.uid, "gid": user.gid, "umask": _umask(config)}
    groups = set(user.supplementary)
    if config.get("user"):
        groups.add(user.gid)
    known = []
    for gid in sorted(groups):
        if _gid_exists(gid, config, host):
            known.append(gid)
        else:
            warn(f"additional gid={gid} is not present in the user namespace, skip setting it")
    if known:
        result["additionalGids"] = known
    return result


def _gid_exists(gid: int, config: ContainerConfig, host: HostFacts) -> bool:
    mappings = config.get("gid_mappings")
    if mappings:
        return any(
            extent["container_id"] <= gid < extent["container_id"] + extent["size"] for extent in mappings
        )
    return any(inside <= gid < inside + size for inside, _, size in host.gid_map)


def _umask(config: ContainerConfig) -> int:
    text = config.get("umask", "")
    if not text:
        return _DEFAULT_UMASK
    try:
        value = int(text, 8)
    except ValueError:
        value = -1
    if not 0 <= value <= 0o777:
        raise InvalidInput(f"invalid umask {text}: invalid argument")
    return value


def _environment(config: ContainerConfig, user: ResolvedUser, host: HostFacts) -> list[str]:
    env = dict(config.get("env", {}))
    if not config.get("unset_env_all"):
        defaults = {"PATH": DEFAULT_PATH, "container": "podman"}
        if config.get("terminal"):
            defaults["TERM"] = "xterm"
        own_name = hostname(config, host) or host.hostname
        if spec_linux.namespace(config, "uts", host)["mode"] != "path":
            defaults["HOSTNAME"] = own_name
        defaults["HOME"] = user.home
        if config.get("systemd"):
            defaults["container_uuid"] = config["id"][:32]
        for key, value in defaults.items():
            env.setdefault(key, value)
    for name in config.get("unset_env", ()):
        env.pop(name, None)
    return [f"{key}={value}" for key, value in env.items()]


def _capabilities(config: ContainerConfig, user: ResolvedUser, host: HostFacts) -> Json:
    names = _granted(config, host)
    if user.uid == 0:
        return capabilities.for_root(names)
    return capabilities.for_user(names, config.get("security", {}).get("cap_add", ()))


def _granted(config: ContainerConfig, host: HostFacts) -> list[str]:
    """The bounding set."""
    security = config.get("security", {})
    if security.get("privileged"):
        return sorted(CAPABILITIES if host.bounding is None else host.bounding)
    base = security.get("capabilities", capabilities.DEFAULT)
    return capabilities.merge(base, security.get("cap_add", ()), security.get("cap_drop", ()), host.bounding)


def _rlimits(config: ContainerConfig, host: HostFacts, warn: Warn) -> list[Json]:
    """Limits as asked for, cut down to what this process may set; nofile and nproc always have a value."""
    result: list[Json] = []
    seen = set()
    for limit in config.get("rlimits", ()):
        name = limit["type"].upper().removeprefix("RLIMIT_")
        soft, hard = limit["soft"], limit["hard"]
        if not host.may_raise_limits and name in host.rlimits:
            allowed = host.rlimits[name][1]
            clamped = _smaller(hard, allowed)
            if clamped != hard:
                warn(f"limit {name.lower()}={hard} is above what this user may set; using {clamped}")
                hard = clamped
            soft = _smaller(soft, hard)
        seen.add(name)
        result.append(_rlimit(name, soft, hard))
    for name in ("NOFILE", "NPROC"):
        if name in seen:
            continue
        soft = hard = DEFAULT_LIMIT
        if not host.may_raise_limits and name in host.rlimits:
            soft = _smaller(DEFAULT_LIMIT, host.rlimits[name][0])
            hard = _smaller(DEFAULT_LIMIT, host.rlimits[name][1])
        result.append(_rlimit(name, soft, hard))
    return result


def _smaller(one: int, other: int) -> int:
    if one < 0:
        return other
    return one if other < 0 else min(one, other)


def _rlimit(name: str, soft: int, hard: int) -> Json:
    return {
        "type": f"RLIMIT_{name}",
        "soft": _UNLIMITED if soft < 0 else soft,
        "hard": _UNLIMITED if hard < 0 else hard,
    }


def _oom_score(wanted: int, host: HostFacts, warn: Warn) -> int:
    """An ordinary user may not go below the value it has (proc(5))."""
    _check_oom_score(wanted)
    if not host.rootless:
        return wanted
    with open("/proc/self/oom_score_adj") as stream:
        current = int(stream.read())
    if wanted < current:
        warn(f"Requested oom_score_adj={wanted} is lower than the current one, changing to {current}")
        return current
    return wanted


def _check_oom_score(wanted: int) -> None:
    if not -1000 <= wanted <= 1000:
        raise InvalidInput(f"invalid oom score adjustment {wanted}: must be between -1000 and 1000")


def _apparmor(config: ContainerConfig, host: HostFacts) -> str:
    profile = config.get("security", {}).get("apparmor", "")
    if not host.apparmor:
        if profile and profile != "unconfined" and not profile.startswith(_DEFAULT_APPARMOR):
            raise Unsupported(
                f'apparmor profile "{profile}" specified, but Apparmor is not enabled on this system'
            )
        return ""
    if profile.startswith(_DEFAULT_APPARMOR) and not _is_loaded(profile):
        # The default profile comes with podman's packages; where nobody loaded it, there is none to apply.
        return ""
    return profile


def _is_loaded(profile: str) -> bool:
    try:
        with open("/sys/kernel/security/apparmor/profiles") as stream:
            return any(line.rpartition(" (")[0] == profile for line in stream)
    except OSError:
        return False


def hostname(config: ContainerConfig, host: HostFacts) -> str:
    """The name of the container's own UTS namespace, "" when it has none."""
    if spec_linux.namespace(config, "uts", host)["mode"] != "private":
        return ""
    if config.get("hostname"):
        return config["hostname"]
    if spec_linux.namespace(config, "net", host)["mode"] == "host":
        return host.hostname
    return config["id"][:12]
