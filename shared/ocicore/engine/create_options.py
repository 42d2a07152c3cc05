"""What a caller may ask of a new container: the options of `create` and `run`, with their defaults.

Names are the command line's long names in snake_case, values have the command line's types. The program hands over
what it bound; other callers (clone, Kubernetes YAML) give only what differs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_TEXT = (
    "arch authfile blkio_weight cert_dir cgroup_parent cgroupns cidfile conmon_pidfile cpuset_cpus cpuset_mems creds "
    "detach_keys gidmap group_entry health_cmd health_log_destination health_startup_cmd hosts_file hostname "
    "image_volume init_path ip ip6 ipc log_driver mac_address memory memory_reservation memory_swap name os "
    "passwd_entry personality pid pidfile platform pod pod_id_file rdt_class restart retry_delay sdnotify "
    "shm_size shm_size_systemd signature_policy stop_signal subgidname subuidname tz umask user userns uts "
    "variant workdir entrypoint systemd cgroups pull seccomp_policy net"
).split()
_LISTS = (
    "add_host annotation attach blkio_weight_device cap_add cap_drop cgroup_conf chrootdirs decryption_key device "
    "device_cgroup_rule device_read_bps device_read_iops device_write_bps device_write_iops dns dns_option "
    "dns_search env env_file env_merge expose gidmap gpus group_add hostuser label label_file log_opt mount network "
    "network_alias preserve_fd publish requires secret security_opt sysctl tmpfs uidmap ulimit unsetenv volume "
    "volumes_from"
).split()
_FLAGS = (
    "detach disable_content_trust env_host init interactive no_healthcheck no_hostname no_hosts oom_kill_disable "
    "privileged publish_all quiet read_only replace rm rmi rootfs tty unsetenv_all writable_tmpfs"
).split()
_NUMBERS = (
    "cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares oom_score_adj preserve_fds timeout "
    "health_startup_retries health_startup_success"
).split()

DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(_TEXT, ""),
    **dict.fromkeys(_FLAGS, False),
    **dict.fromkeys(_NUMBERS, 0),
    "cgroups": "enabled",
    "cpus": 0.0,
    "health_interval": "30s",
    "health_log_destination": "local",
    "health_max_log_count": 5,
    "health_max_log_size": 500,
    "health_on_failure": "none",
    "health_retries": 3,
    "health_start_period": "0s",
    "health_startup_interval": "30s",
    "health_startup_timeout": "30s",
    "health_timeout": "30s",
    "http_proxy": None,
    "image_volume": "",
    "memory_swappiness": -1,
    "passwd": True,
    "pids_limit": 0,
    "pull": "missing",
    "read_only_tmpfs": True,
    "retry": 3,
    "sdnotify": "container",
    "sig_proxy": True,
    "stop_timeout": 10,
    "systemd": "true",
    "tls_verify": None,
}


class CreateOptions:
    """Attributes as named above; `given` tells which were set on purpose."""

    __slots__ = ("_given", "_values")

    def __init__(self, values: Mapping[str, Any], given: Iterable[str] | None = None) -> None:
        self._values = values
        self._given = frozenset(values if given is None else given)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name):
            try:
                return self._values[name]
            except KeyError:
                pass
            if name in DEFAULTS:
                return DEFAULTS[name]
            if name in _LIST_NAMES:
                return []
            raise AttributeError(name)

    @property
    def values(self) -> Mapping[str, Any]:
        """What was handed over, without the defaults."""
        return self._values

    @property
    def given(self) -> frozenset[str]:
        """Names of the options that were set on purpose."""
        return self._given


_LIST_NAMES = frozenset(_LISTS)
