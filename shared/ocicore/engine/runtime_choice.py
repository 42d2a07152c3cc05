"""Which OCI runtime and which conmon this engine uses."""

from __future__ import annotations

from ocicore.runtime import monitor_protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.runtime.oci import Abilities, OCIRuntime


def choose(engine: Engine, requested: str) -> OCIRuntime:
    """The runtime named, or the first that is installed and works on this host. Raises MissingProgram, Unsupported."""
    from ocicore.runtime import oci

    config = engine.config.engine
    return oci.choose(
        requested,
        config.runtime,
        config.runtimes,
        cgroup_mode=engine.host.cgroup_mode,
        env=runtime_environment(engine),
        flags=engine.options.runtime_flags,
        abilities=_abilities(engine),
    )


def _abilities(engine: Engine) -> Abilities:
    from ocicore.runtime import oci

    config = engine.config.engine
    return oci.Abilities(config.runtime_supports_json, config.runtime_supports_nocgroup)


def for_platform(engine: Engine, operating_system: str, architecture: str) -> OCIRuntime:
    """The runtime for a new container of an image of that platform: the command line's, one that containers.conf has
    for the platform (`platform_to_oci_runtime`), else the usual one. Raises MissingProgram, InvalidInput."""
    table = engine.config.engine.platform_to_oci_runtime
    return engine.runtime(
        "" if engine.options.runtime else table.get(f"{operating_system}/{architecture}", "")
    )


def at(engine: Engine, path: str) -> OCIRuntime:
    """The runtime a container was made with. Raises MissingProgram when it is gone."""
    import os

    from ocicore.errors import MissingProgram
    from ocicore.runtime import oci

    if not os.access(path, os.X_OK):
        raise MissingProgram(
            f"OCI runtime {path} is not installed any more",
            hint="install it, or recreate the container with another --runtime",
        )
    name = os.path.basename(path)
    return oci.OCIRuntime(
        name,
        path,
        runtime_environment(engine),
        engine.options.runtime_flags,
        "the container's own",
        _abilities(engine),
    )


def conmon(engine: Engine) -> str:
    """Path of the monitor. Raises MissingProgram."""
    from ocicore.config.containers_defaults import ENGINE
    from ocicore.runtime import monitor

    configured = engine.config.engine.conmon_path
    # The built-in list names only others' monitors; ours is looked for before them, but not before a choice.
    return monitor.find(() if configured == ENGINE["conmon_path"] else configured, engine.options.conmon)


#: Never handed on: the service manager's socket is ours to answer (runc would take it for the container's), and root's
#: containers belong to the system's manager, not to a session's. The pipes are those of the conmon whose exit command
#: we may be: numbers of descriptors that another one has no use for.
_OURS = (
    "NOTIFY_SOCKET",
    monitor_protocol.ENV_SYNC_PIPE,
    monitor_protocol.ENV_START_PIPE,
    monitor_protocol.ENV_ATTACH_PIPE,
)
_ROOTS = ("DBUS_SESSION_BUS_ADDRESS",)


def runtime_environment(engine: Engine) -> dict[str, str]:
    """The environment of conmon, the runtime and the clean-up program: the caller's, as with podman."""
    result = {name: value for name, value in engine.environ.items() if name not in _OURS}
    result.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    from ocicore.config import containers_defaults

    for entry in engine.config.engine.conmon_env_vars:
        if entry not in containers_defaults.ENGINE["conmon_env_vars"]:
            name, _, value = entry.partition("=")
            result[name] = value
    if engine.rootless:
        result["_CONTAINERS_USERNS_CONFIGURED"] = "done"
        result["_CONTAINERS_ROOTLESS_UID"] = str(engine.user.uid)
        result["_CONTAINERS_ROOTLESS_GID"] = str(engine.user.gid)
        result.setdefault("XDG_RUNTIME_DIR", engine.user.runtime_dir)
    else:
        for name in _ROOTS:
            result.pop(name, None)
    return result
