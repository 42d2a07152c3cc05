"""containers.conf: defaults of containers, the engine, networks and secrets (containers.conf.5.md).

Files, later ones over earlier ones: /usr/share/containers, /etc/containers, its containers.conf.d; for an ordinary user
/etc/containers/containers.rootless.conf and its .d, .d/UID; ~/.config/containers and its .d; modules; the file
of CONTAINERS_CONF_OVERRIDE. CONTAINERS_CONF names one file instead of the system's and user's.
CONTAINERS_HELPER_BINARY_DIR comes before helper_binaries_dir.
"""

from __future__ import annotations

import os

from ocicore.config import toml
from ocicore.config.containers_defaults import CONTAINERS, ENGINE, NETWORK, SECRETS
from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ocicore.config.paths import UserPaths

USR = "/usr/share/containers/containers.conf"
ETC = "/etc/containers/containers.conf"
_ROOTLESS = "/etc/containers/containers.rootless.conf"
_SMALLEST_LOG = 8192


class ContainersTable:
    """[containers]; names and units are those of containers.conf(5)."""

    annotations: list[str]
    apparmor_profile: str
    base_hosts_file: str
    cgroup_conf: list[str]
    cgroupns: str
    cgroups: str
    container_name_as_hostname: bool
    default_capabilities: list[str]
    default_sysctls: list[str]
    default_ulimits: list[str]
    devices: list[str]
    dns_options: list[str]
    dns_searches: list[str]
    dns_servers: list[str]
    env: list[str]
    env_host: bool
    host_containers_internal_ip: str
    http_proxy: bool
    init: bool
    init_path: str
    interface_name: str
    ipcns: str
    keyring: bool
    label: bool
    label_users: bool
    log_driver: str
    log_path: str
    log_size_max: int
    log_tag: str
    mounts: list[str]
    netns: str
    no_hosts: bool
    oom_score_adj: int | None
    pidns: str
    pids_limit: int
    prepare_volume_on_create: bool
    privileged: bool
    read_only: bool
    seccomp_profile: str
    shm_size: str
    tz: str
    umask: str
    userns: str
    userns_size: int
    utsns: str
    volumes: list[str]


class EngineTable:
    """[engine]; `runtimes`, `volume_plugins` and `platform_to_oci_runtime` are merged key by key."""

    active_service: str
    add_compression: list[str]
    cdi_spec_dirs: list[str]
    cgroup_check: bool
    cgroup_manager: str
    chown_copied_files: bool
    compat_api_enforce_docker_hub: bool
    compose_providers: list[str]
    compose_warning_logs: bool
    compression_format: str
    compression_level: int | None
    conmon_env_vars: list[str]
    conmon_path: list[str]
    conmonrs_path: list[str]
    database_backend: str
    detach_keys: str
    enable_port_reservation: bool
    env: list[str]
    events_container_create_inspect_data: bool
    events_logfile_max_size: int
    events_logfile_path: str
    events_logger: str
    exit_command_delay: int
    healthcheck_events: bool
    healthcheck_timers: bool  # ours
    helper_binaries_dir: list[str]
    hooks_dir: list[str]
    image_build_format: str
    image_copy_tmp_dir: str
    image_default_format: str
    image_default_transport: str
    image_parallel_copies: int
    image_volume_mode: str
    infra_command: str
    infra_image: str
    init_path: str
    kube_generate_type: str
    lock_type: str
    multi_image_archive: bool
    namespace: str
    network_cmd_options: list[str]
    network_cmd_path: str
    no_pivot_root: bool
    num_locks: int
    platform_to_oci_runtime: dict[str, str]
    pod_exit_policy: str
    podmansh_timeout: int
    pull_policy: str
    remote: bool
    remote_identity: str
    remote_uri: str
    reproducible_builds: bool  # ours
    retry: int
    retry_delay: str
    runtime: str
    runtime_path: list[str]
    runtime_supports_json: list[str]
    runtime_supports_kvm: list[str]
    runtime_supports_nocgroup: list[str]
    runtimes: dict[str, list[str]]
    service_destinations: dict[str, Any]
    service_timeout: int
    ssh_config: str
    static_dir: str
    stop_timeout: int
    tmp_dir: str
    volume_path: str
    volume_plugin_timeout: int
    volume_plugins: dict[str, str]


class NetworkTable:
    """[network]."""

    cni_plugin_dirs: list[str]
    default_network: str
    default_rootless_network_cmd: str
    default_subnet: str
    default_subnet_pools: list[dict[str, Any]]  # {"base": "10.89.0.0/16", "size": 24}
    dns_bind_port: int
    firewall_driver: str
    netavark_plugin_dirs: list[str]
    network_backend: str
    network_config_dir: str
    pasta_options: list[str]


class SecretsTable:
    """[secrets]."""

    driver: str
    opts: dict[str, str]


class ContainersConfig:
    """All tables, and where they came from: `sources` (files read, in order) and `modules` (absolute paths)."""

    __slots__ = ("containers", "engine", "modules", "network", "secrets", "sources")

    def __init__(self) -> None:
        self.containers = ContainersTable()
        self.engine = EngineTable()
        self.network = NetworkTable()
        self.secrets = SecretsTable()
        self.sources: list[str] = []
        self.modules: list[str] = []


def load(paths: UserPaths, environ: Mapping[str, str], modules: Sequence[str] = ()) -> ContainersConfig:
    """Read all files that exist.

    Args:
        modules: --module values: absolute, or looked up in the modules folders.
    Raises InvalidInput (naming file and key), NotFound for a module or a CONTAINERS_CONF that is not there.
    """
    config = ContainersConfig()
    tables: dict[str, tuple[Any, dict[str, Any]]] = {
        "containers": (config.containers, CONTAINERS),
        "engine": (config.engine, ENGINE),
        "network": (config.network, NETWORK),
        "secrets": (config.secrets, SECRETS),
    }
    for table, defaults in tables.values():
        # Lists and dicts of the defaults are shared by nobody: later files change them in place.
        table.__dict__.update(
            {
                key: value.copy() if isinstance(value, (list, dict)) else value
                for key, value in defaults.items()
            }
        )
    appending: set[tuple[str, str]] = set()
    for path in _files(paths, environ):
        _merge(config, tables, path, appending, required=False)
    config.modules = [_find_module(name, paths) for name in modules]
    for path in config.modules:
        _merge(config, tables, path, appending, required=True)
    override = environ.get("CONTAINERS_CONF_OVERRIDE", "")
    if override:
        _merge(config, tables, override, appending, required=False)
    _settle(config, paths, environ)
    return config


def module_directories(paths: UserPaths) -> list[str]:
    """Folders in which --module values are looked up, first wins."""
    folders = [f"{ETC}.modules", f"{USR}.modules"]
    if paths.rootless:
        folders.insert(0, f"{_home_file(paths)}.modules")
    return folders


def _home_file(paths: UserPaths) -> str:
    return f"{paths.config_home}/containers/containers.conf"


def _files(paths: UserPaths, environ: Mapping[str, str]) -> list[str]:
    named = environ.get("CONTAINERS_CONF", "")
    if named:
        if not os.path.exists(named):
            raise NotFound(
                f"finding config on system: CONTAINERS_CONF file: {named}: no such file or directory"
            )
        return [named]
    home = _home_file(paths)
    files = [USR, ETC, *_drop_ins(f"{ETC}.d")]
    if paths.rootless:
        files += [_ROOTLESS, *_drop_ins(f"{_ROOTLESS}.d"), *_drop_ins(f"{_ROOTLESS}.d/{paths.uid}")]
    return [*files, home, *_drop_ins(f"{home}.d")]


def _drop_ins(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InvalidInput(f"reading config folder {folder}: {(error.strerror or '').lower()}") from None
    return [f"{folder}/{name}" for name in sorted(names) if name.endswith(".conf")]


def _find_module(name: str, paths: UserPaths) -> str:
    tried = [name]
    if not name.startswith("/"):
        tried = [f"{folder}/{name}" for folder in module_directories(paths)]
    for path in tried:
        if os.path.exists(path):
            return path
    reasons = [f"faccessat {path}: no such file or directory" for path in tried]
    if len(reasons) > 1:  # the form of the peers, which scripts know
        reasons = [f"{len(reasons)} errors occurred:", *(f"\t* {reason}" for reason in reasons)]
    raise NotFound(f'could not resolve module "{name}": ' + "\n".join(reasons))


def _merge(
    config: ContainersConfig,
    tables: dict[str, tuple[Any, dict[str, Any]]],
    path: str,
    appending: set[tuple[str, str]],
    *,
    required: bool,
) -> None:
    try:
        document = toml.load(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        if required:
            raise NotFound(f"reading additional config {path}: no such file") from None
        return
    except OSError as error:
        raise InvalidInput(f"reading config {path}: {(error.strerror or '').lower()}") from None
    except InvalidInput as error:
        if not required:
            raise
        reason = error.message.removeprefix(f"reading {path}: ")
        raise InvalidInput(
            f'reading additional config "{path}": decode configuration {path}: {reason}'
        ) from None
    config.sources.append(path)
    for name, (table, defaults) in tables.items():
        section = document.get(name)
        if not section:
            continue
        if not isinstance(section, dict):
            raise InvalidInput(f"reading config {path}: [{name}] is no table")
        for key, value in section.items():
            if key in defaults:
                where = f"reading config {path}: [{name}] {key}"
                current = getattr(table, key)
                table.__dict__[key] = _value(where, defaults[key], current, value, appending, (name, key))


def _value(
    where: str, default: Any, current: Any, value: Any, appending: set[tuple[str, str]], key: tuple[str, str]
) -> Any:
    """One key's new value, checked against the type of its default."""
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
    elif isinstance(default, int) or default is None:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if key[1] == "events_logfile_max_size" and isinstance(value, str):
            return parse_size(value, where)
    elif isinstance(default, str):
        if isinstance(value, str):
            return value
    elif isinstance(default, dict):
        if isinstance(value, dict):
            return {**current, **value}
    elif key[1] == "default_subnet_pools":
        if isinstance(value, list) and all(isinstance(pool, dict) for pool in value):
            return value
    elif isinstance(value, list):
        return _strings(where, current, value, appending, key)
    wanted = {bool: "a boolean", int: "a number", str: "a string", list: "an array", dict: "a table"}
    raise InvalidInput(f"{where}: {value!r} is not {wanted.get(type(default), 'a number')}")


def _strings(
    where: str, current: list[str], value: list[Any], appending: set[tuple[str, str]], key: tuple[str, str]
) -> list[str]:
    """An array of strings; {append=true} in it adds to the earlier files', in this file and all later ones."""
    words = []
    for item in value:
        if isinstance(item, str):
            words.append(item)
        elif isinstance(item, dict) and set(item) == {"append"} and isinstance(item["append"], bool):
            (appending.add if item["append"] else appending.discard)(key)
        else:
            raise InvalidInput(f"{where}: {item!r} is not a string")
    return [*current, *words] if key in appending else words


def parse_size(text: str, where: str) -> int:
    """Bytes of "1000000", "10m", "1GB" (powers of 1000, as go-units' FromHumanSize)."""
    word = text.strip().lower().removesuffix("b").removesuffix("i")
    if not word:
        return 0
    factor = 1000 ** ("kmgtp".index(word[-1]) + 1) if word[-1] in "kmgtp" else 1
    try:
        size = float(word.rstrip("kmgtp"))
    except ValueError:
        size = -1.0
    if size < 0:
        raise InvalidInput(f"{where}: {text!r} is not a size")
    return int(size * factor)


def _settle(config: ContainersConfig, paths: UserPaths, environ: Mapping[str, str]) -> None:
    """Defaults that depend on the host, then checks."""
    containers, engine = config.containers, config.engine
    v2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    systemd = _runs_systemd()
    if not containers.cgroupns:
        containers.cgroupns = "private" if v2 else "host"
    if not engine.cgroup_manager:
        engine.cgroup_manager = "systemd" if systemd and (v2 or not paths.rootless) else "cgroupfs"
    if not containers.log_driver or not engine.events_logger:
        journal = systemd and _journal_readable()
        containers.log_driver = containers.log_driver or ("journald" if journal else "k8s-file")
        engine.events_logger = engine.events_logger or ("journald" if journal else "file")
    if not engine.image_copy_tmp_dir:
        engine.image_copy_tmp_dir = environ.get("TMPDIR") or "/var/tmp"
    if environ.get("CONTAINERS_HELPER_BINARY_DIR"):
        engine.helper_binaries_dir = [environ["CONTAINERS_HELPER_BINARY_DIR"], *engine.helper_binaries_dir]
    if not engine.tmp_dir:
        engine.tmp_dir = f"{paths.runtime_dir}/libpod/tmp" if paths.rootless else "/run/libpod"
    if not engine.ssh_config:
        engine.ssh_config = environ.get("CONTAINERS_SSH_CONF") or f"{paths.home}/.ssh/config"
    containers.default_capabilities = [
        name if name.upper().startswith("CAP_") else "CAP_" + name.upper()
        for name in containers.default_capabilities
    ]
    if 0 <= containers.log_size_max < _SMALLEST_LOG:
        raise InvalidInput(
            f"validating containers config: log size max should be negative or >= {_SMALLEST_LOG}"
        )
    try:
        valid_umask = 0 <= int(containers.umask or "0", 8) <= 0o777
    except ValueError:
        valid_umask = False
    if not valid_umask:
        raise InvalidInput(f"validating containers config: invalid umask {containers.umask}")
    if engine.cgroup_manager not in {"systemd", "cgroupfs"}:
        raise InvalidInput(f'invalid cgroup manager "{engine.cgroup_manager}": want systemd or cgroupfs')


def _runs_systemd() -> bool:
    try:
        with open("/proc/1/comm") as stream:
            return stream.read().strip() == "systemd"
    except OSError:
        return False


def _journal_readable() -> bool:
    """Whether this user may read a journal: logs that cannot be read back are no use."""
    for root in ("/run/log/journal", "/var/log/journal"):
        try:
            folders = [entry.path for entry in os.scandir(root) if entry.is_dir()]
        except OSError:
            continue
        if any(os.access(folder, os.R_OK | os.X_OK) for folder in folders):
            return True
    return False
