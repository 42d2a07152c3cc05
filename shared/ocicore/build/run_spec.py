"""The OCI runtime's configuration of one command of a build: what it runs as, on which files, in which namespaces."""

from __future__ import annotations

import os

from ocicore.build import volumes
from ocicore.build.run_mounts import parse_size
from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.build.environment import BuildEnvironment
    from ocicore.build.run import RunOptions
    from ocicore.build.run_network import OpenNetwork
    from ocicore.build.working import WorkingContainer

    Json = dict[str, Any]


def network_mode(container: WorkingContainer, options: RunOptions, *, explicit: bool = False) -> str:
    """ "host", "none", "private" or "ns:PATH": the command's own choice, else the container's.

    With `explicit` only what was asked for counts: "private" also stands for nothing in particular.
    """
    text = options.network
    if explicit and text in ("container", "private", "bridge"):
        return "asked"
    if text in ("container", "private", "bridge"):
        return "private"
    if text in ("", "default"):
        host, path = container.namespace("network")
        if host or path == "host":
            return "host"
        if path:
            return f"ns:{path}" if path.startswith("/") else path
        if container.raw.get("ConfigureNetwork") == 1:
            return "none"
        return "private"
    return f"ns:{text}" if text.startswith("/") else text


def make_spec(
    container: WorkingContainer,
    root: str,
    options: RunOptions,
    environment: BuildEnvironment,
    bundle: str,
    identity: str,
    network: OpenNetwork | None,
    cleanups: list[Callable[[], None]],
) -> Json:
    """The runtime specification of one command; `cleanups` gets what is to be undone after it."""
    from ocicore.runtime import spec as specifications

    if options.isolation == "rootless" and not environment.rootless:
        environment.warn("isolation rootless: running as root, the OCI runtime is used as it is")
    from ocicore.runtime import cdi

    settings = container.options
    devices = [*options.devices, *(container.raw.get("DeviceSpecs") or ())]
    _host_ids(container, root, options.user)  # a user that is not there is found before anything is mounted
    config: Json = {
        "id": f"{container.id[:12]}{identity}",
        "args": options.args,
        "env": {**environment.default_env(), **options.env},
        "cwd": options.working_dir or "/",
        "user": options.user,
        "terminal": options.terminal,
        "manager": "buildah",
        "namespaces": _namespaces(container, options, network),
        "hostname": options.hostname or container.draft.text("Hostname") or container.id[:12],
        "domainname": container.draft.text("Domainname"),
        "security": _security(container, options),
        "resources": _resources(settings),
        "cgroup_manager": environment.cgroup_manager,
        "cgroup_parent": str(settings.get("CgroupParent") or ""),
        "group_add": list(options.group_add) + list(container.raw.get("GroupAdd") or ()),
        "devices": [text for text in devices if not cdi.is_qualified(text)],
        "rlimits": [ulimit(text) for text in settings.get("Ulimit") or ()],
    }
    if options.mounts is not None:
        config["env"].update(options.mounts.env)
    maps = container.id_maps()
    if maps is not None:
        for key, ranges in (("uid_mappings", maps[0]), ("gid_mappings", maps[1])):
            config[key] = [{"container_id": c, "host_id": h, "size": s} for c, h, s in ranges]
    shm = settings.get("ShmSize")
    if shm:
        config["shm_size"] = parse_size(str(shm))
    mounts = _files(
        container, root, options, environment, bundle, config["hostname"], config["namespaces"], network
    )

    def owner() -> tuple[int, int]:
        return _host_ids(container, root, options.user)

    for text in [*(settings.get("Volumes") or ()), *options.volumes]:
        mounts.append(volumes.mount(volumes.parse(str(text)), bundle, owner, cleanups))
    if options.mounts is not None:
        mounts += options.mounts.mounts
    files = environment.mounts_files(str(container.raw.get("defaultMountsFilePath") or ""))
    if files:
        from ocicore.build import subscriptions

        taken = {mount["destination"] for mount in mounts}
        given = subscriptions.mounts(files, bundle, _host_ids(container, root, "0"))
        mounts += [mount for mount in given if mount["destination"] not in taken]
    config["mounts"] = mounts
    if maps is None:
        # The network namespace belongs to the user namespace we are in: another one may not change it.
        config["sysctl"] = environment.sysctls(config["namespaces"])
    generated = specifications.generate(
        config,  # type: ignore[arg-type]
        rootfs=root,
        host=environment.facts(),
        warn=environment.warn,
    )
    result: Json = dict(generated)
    named = [text for text in devices if cdi.is_qualified(text)]
    if named:
        chosen_dirs = options.cdi_config_dir or str(container.raw.get("CDIConfigDir") or "")
        where = [chosen_dirs] if chosen_dirs else environment.cdi_dirs()
        cdi.apply(result, cdi.edits(named, where), in_user_namespace=environment.rootless)
    folders = [*environment.hooks_dirs, *(settings.get("OCIHooksDir") or ())]
    if folders:
        from ocicore.build import hooks

        chosen = hooks.choose(folders, result, environment.warn)
        if chosen:
            result["hooks"] = chosen
    env = result["process"]["env"]
    if "container" not in options.env:
        # Scripts in images ask $container what builds them: buildah says "oci".
        env[:] = ["container=oci" if entry.startswith("container=") else entry for entry in env]
    return result


def _host_ids(container: WorkingContainer, root: str, user: str) -> tuple[int, int]:
    """The ids outside of the command's user. Raises NotFound."""
    from ocicore.build.transfer import to_host
    from ocicore.runtime import users

    try:
        found = users.resolve(user, root)
    except NotFound as error:
        raise NotFound(
            f'unknown user error looking up user "{user}": {error.message}', hint=error.hint
        ) from error
    maps = container.id_maps()
    if maps is None:
        return found.uid, found.gid
    return to_host(found.uid, maps[0]), to_host(found.gid, maps[1])


def _namespaces(container: WorkingContainer, options: RunOptions, network: OpenNetwork | None) -> Json:
    result: Json = {}
    for name, key in (("pid", "pid"), ("ipc", "ipc"), ("uts", "uts"), ("cgroup", "cgroup"), ("user", "user")):
        host, path = container.namespace(name)
        if host:
            result[key] = {"mode": "host"}
        elif path:
            result[key] = {"mode": "path", "path": path}
        elif name != "user":
            result[key] = {"mode": "private"}
    if container.id_maps() is not None:
        result["user"] = {"mode": "private"}
    mode = network_mode(container, options)
    if mode == "host":
        result["net"] = {"mode": "host"}
    elif mode.startswith("ns:"):
        result["net"] = {"mode": "path", "path": mode[3:]}
    elif network is not None:
        result["net"] = {"mode": "path", "path": network.path}
    else:
        result["net"] = {"mode": "none"}
    return result


def _security(container: WorkingContainer, options: RunOptions) -> Json:
    result: Json = {"cap_add": list(options.cap_add), "cap_drop": list(options.cap_drop)}
    names = container.raw.get("Capabilities")
    if names:
        result["capabilities"] = list(names)
    if options.privileged:
        result["privileged"] = True
    settings = container.options
    profile = str(settings.get("SeccompProfilePath") or "")
    if profile and (profile == "unconfined" or os.path.exists(profile)):
        result["seccomp"] = profile
    if settings.get("ApparmorProfile"):
        result["apparmor"] = settings["ApparmorProfile"]
    if settings.get("NoNewPrivileges"):
        result["no_new_privileges"] = True
    for text in options.security_options:
        apply_security_option(result, text)
    return result


def apply_security_option(security: Json, text: str) -> None:
    """One --security-opt. Raises InvalidInput for an unknown one."""
    name, separator, value = text.partition("=")
    if not separator:
        name, separator, value = text.partition(":")
    if name == "no-new-privileges":
        security["no_new_privileges"] = True
    elif name == "seccomp":
        security["seccomp"] = value
    elif name == "apparmor":
        security["apparmor"] = value
    elif name == "label":
        security["selinux_process_label"] = "" if value == "disable" else value
    elif name == "mask":
        security.setdefault("mask", []).extend(value.split(":"))
    elif name == "unmask":
        security.setdefault("unmask", []).append(value)
    else:
        raise InvalidInput(f'invalid --security-opt 2: "{text}"')


def _resources(settings: Json) -> Json:
    result: Json = {}
    for key, name in (
        ("Memory", "memory"),
        ("MemorySwap", "memory_swap"),
        ("CPUShares", "cpu_shares"),
        ("CPUPeriod", "cpu_period"),
        ("CPUQuota", "cpu_quota"),
        ("CPUSetCPUs", "cpuset_cpus"),
        ("CPUSetMems", "cpuset_mems"),
    ):
        if settings.get(key):
            result[name] = settings[key]
    return result


def ulimit(text: str) -> Json:
    """--ulimit NAME=SOFT[:HARD] as the runtime specification has it. Raises InvalidInput."""
    name, _, values = str(text).partition("=")
    soft, _, hard = values.partition(":")
    try:
        low = int(soft)
        high = int(hard) if hard else low
    except ValueError as error:
        raise InvalidInput(f'invalid ulimit argument: "{text}"', hint="expected NAME=SOFT[:HARD]") from error
    return {"type": name, "soft": low, "hard": high}


def _base_hosts(environment: BuildEnvironment, root: str) -> str:
    """The file whose entries /etc/hosts begins with (base_hosts_file of containers.conf), "" for none."""
    from ocicore.linux import resolve

    conf = environment.containers_conf
    name = conf.containers.base_hosts_file if conf is not None else ""
    if name == "image":
        try:
            return resolve.resolve_in_root(root, "/etc/hosts")
        except resolve.ResolveError:
            return ""
    return "" if name == "none" else name or "/etc/hosts"


def _files(
    container: WorkingContainer,
    root: str,
    options: RunOptions,
    environment: BuildEnvironment,
    bundle: str,
    hostname: str,
    namespaces: Json,
    network: OpenNetwork | None,
) -> list[Json]:
    """hosts, resolv.conf, hostname and .containerenv, bound over what the image has."""
    from ocicore.build import run_files

    texts: dict[str, str] = {}
    settings = container.options
    shared = network_mode(container, options) == "host"
    nothing = network_mode(container, options) == "none"
    if not (options.no_hosts or settings.get("NoHosts") or nothing):
        texts["/etc/hosts"] = run_files.hosts(
            [*(settings.get("AddHost") or ()), *options.add_hosts],
            hostname="" if namespaces.get("uts", {}).get("mode") == "host" else hostname,
            name=container.name,
            base=_base_hosts(environment, root),
            network=network,
            shared=shared,
            host_address=environment.host_address(),
        )
    servers = [*options.dns, *(settings.get("DNSServers") or ())]
    if servers != ["none"] and not nothing:
        texts["/etc/resolv.conf"] = run_files.resolv_conf(
            servers,
            [*options.dns_search, *(settings.get("DNSSearch") or ())],
            [*options.dns_options, *(settings.get("DNSOptions") or ())],
            network=network,
            shared=shared,
        )
    if not (options.no_hostname or settings.get("NoHostname")):
        texts["/etc/hostname"] = hostname + "\n"
    texts["/run/.containerenv"] = run_files.container_env(container, rootless=environment.rootless)
    bound = {
        text.split(":")[1] for text in [*(settings.get("Volumes") or ()), *options.volumes] if ":" in text
    }
    mounts: list[Json] = []
    for destination, text in texts.items():
        if destination in bound:
            continue
        path = os.path.join(bundle, os.path.basename(destination))
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
        os.chmod(path, 0o644)
        mounts.append(
            {"type": "bind", "source": path, "destination": destination, "options": ["bind", "rprivate"]}
        )
    return mounts
