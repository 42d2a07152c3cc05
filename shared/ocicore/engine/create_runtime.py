"""What the OCI runtime is to be told of a container being made: `config["runtime"]`, but for what only start knows."""

from __future__ import annotations

from ocicore.engine import cdi, create_process
from ocicore.engine.options import labels as label_options
from ocicore.engine.options import resources, security, ulimits
from ocicore.engine.quantities import parse_size, rfc3339
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.create_namespaces import UserMapping
    from ocicore.engine.create_options import CreateOptions
    from ocicore.oci.config import ImageConfig
    from ocicore.runtime.oci import OCIRuntime
    from ocicore.runtime.types import ContainerConfig

#: An image's own seccomp profile, as JSON text.
_SECCOMP_LABEL = "io.containers.seccomp.profile"


def read(
    engine: Engine,
    options: CreateOptions,
    image: ImageConfig | None,
    words: list[str],
    *,
    identity: str,
    name: str,
    created: int,
    modes: dict[str, str],
    mapping: UserMapping,
    oci_runtime: Callable[[], OCIRuntime],
) -> ContainerConfig:
    """The runtime's part of a container's configuration.

    Args:
        image: None with --rootfs.
        words: the whole command.
        identity: the container's id.
        created: nanoseconds since the epoch.
        modes: of its namespaces, as typed.
        mapping: of its ids.
        oci_runtime: gives the runtime it is for, which may not know every kind of cgroups.

    Raises:
        InvalidInput, Error: an option's value, which it names.
    """
    conf = engine.config.containers
    user = options.user or (image.user if image else "") or mapping.user
    rights, _ = security.read(
        options.security_opt,
        privileged=options.privileged if "privileged" in options.given else conf.privileged,
        cap_add=options.cap_add,
        cap_drop=options.cap_drop,
        default_capabilities=conf.default_capabilities,
        default_seccomp=conf.seccomp_profile,
        default_apparmor=_apparmor(conf.apparmor_profile),
    )
    if options.seccomp_policy not in ("", "default", "image"):
        raise InvalidInput(
            f'invalid seccomp policy "{options.seccomp_policy}": valid policies are ["default" "image"]'
        )
    if options.seccomp_policy == "image" and image is not None and "seccomp" not in rights:
        profile = image.labels.get(_SECCOMP_LABEL, "")
        if profile:
            rights["seccomp_profile"] = _json_object(profile)
    limits, host_limits = ulimits.read([*conf.default_ulimits, *options.ulimit])
    cgroups = (options.cgroups if "cgroups" in options.given else "") or conf.cgroups or "enabled"
    if cgroups not in ("enabled", "disabled", "no-conmon", "split"):
        raise InvalidInput(
            f'invalid cgroup mode "{cgroups}": choose from enabled, disabled, no-conmon, split'
        )
    if cgroups == "disabled":
        oci_runtime().check_no_cgroups()
    systemd = create_process.is_systemd(options, words)
    annotations = label_options.read_annotations([*conf.annotations, *options.annotation])
    if options.userns and not options.userns.startswith("container:"):
        annotations["io.podman.annotations.userns"] = options.userns
    result: ContainerConfig = {
        "id": identity,
        "name": name,
        "args": words,
        "env": create_process.environment(engine, options, image),
        "cwd": options.workdir or (image.working_dir if image else "") or "/",
        "user": user,
        "group_add": _groups(options.group_add),
        "terminal": options.tty,
        "umask": options.umask or conf.umask,
        "rlimits": limits,
        "hostname": _hostname(options, modes),
        "read_only": options.read_only or (conf.read_only and "read_only" not in options.given),
        "read_only_tmpfs": options.read_only_tmpfs,
        "writable_tmpfs": options.writable_tmpfs,
        "security": rights,
        "resources": resources.read(
            options,
            default_pids_limit=conf.pids_limit,
            cgroups=cgroups,
            given=options.given,
        ),
        "cgroups": cgroups,
        "cgroup_manager": engine.cgroup_manager,
        "cgroup_parent": options.cgroup_parent,
        "annotations": annotations,
        "default_sysctl": label_options.read_pairs(conf.default_sysctls, "sysctl"),
        "sysctl": label_options.read_pairs(options.sysctl, "sysctl"),
        "devices": [text for text in (*conf.devices, *options.device) if not cdi.is_name(text)],
        "device_cgroup_rules": list(options.device_cgroup_rule),
        "stop_signal": create_process.stop_signal(options, image),
        "stop_timeout": stop_timeout(engine, options),
        "auto_remove": options.rm,
        "publish_all": options.publish_all,
        "created": rfc3339(created),
        "systemd": systemd,
    }
    if host_limits:
        result["rlimits"] = _host_limits(engine)
    if options.workdir and not options.workdir.startswith("/"):
        raise InvalidInput(
            f"the working directory {options.workdir!r} is invalid, it needs to be an absolute path"
        )
    if options.shm_size or conf.shm_size:
        result["shm_size"] = parse_size(options.shm_size or conf.shm_size, what="shm-size")
    if options.shm_size_systemd:
        result["shm_size_systemd"] = parse_size(options.shm_size_systemd, what="shm-size-systemd")
    if modes["ipc"] == "none":
        result["no_shm"] = True
    if options.init or (conf.init and "init" not in options.given):
        result["init"] = True
        result["init_path"] = create_process.init_program(engine, options)
    if mapping.uids:
        result["uid_mappings"] = mapping.uids
        result["gid_mappings"] = mapping.gids
    if options.unsetenv:
        result["unset_env"] = list(options.unsetenv)
    if options.unsetenv_all:
        result["unset_env_all"] = True
    if options.personality:
        result["personality"] = options.personality
    if options.rdt_class:
        result["rdt_class"] = options.rdt_class
    if "oom_score_adj" in options.given:
        result["oom_score_adj"] = options.oom_score_adj
    elif conf.oom_score_adj is not None:
        result["oom_score_adj"] = conf.oom_score_adj
    return result


def stop_timeout(engine: Engine, options: CreateOptions) -> int:
    """Seconds."""
    if "stop_timeout" in options.given:
        return int(options.stop_timeout)
    return int(engine.config.engine.stop_timeout)


def _host_limits(engine: Engine) -> list[Any]:
    return [
        {"type": name.lower(), "soft": soft, "hard": hard}
        for name, (soft, hard) in engine.host.rlimits.items()
    ]


def _hostname(options: CreateOptions, modes: dict[str, str]) -> str:
    if options.hostname and modes["uts"].startswith(("host", "container:")):
        raise InvalidInput(
            "cannot set hostname when running in the host UTS namespace: invalid configuration"
        )
    name: str = options.hostname
    return name


def _groups(asked: list[str]) -> list[str]:
    if "keep-groups" in asked and len(asked) > 1:
        raise InvalidInput(
            "the '--group-add keep-groups' option is not allowed with any other --group-add options: "
            "invalid argument"
        )
    return list(asked)


def _json_object(text: str) -> dict[str, Any]:
    from ocicore.files import quick_json

    try:
        found = quick_json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidInput(f"the image's label {_SECCOMP_LABEL} is no JSON object")
    return found


def _apparmor(configured: str) -> str:
    """podman loads a profile of its own under this name; without it the kernel's default for the runtime holds."""
    return "" if configured.startswith("containers-default") else configured
