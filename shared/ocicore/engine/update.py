"""update: other limits, health checks and another restart policy for a container, at once where it runs.

Environment and ulimits hold from the next start on, as they belong to a process.
"""

from __future__ import annotations

from ocicore.engine import events, liveness, records
from ocicore.engine.options import resources, restart
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.create_options import CreateOptions
    from ocicore.engine.records import Container


#: Options that change limits of the running container.
_LIMITS = frozenset(
    "blkio_weight blkio_weight_device cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset_cpus "
    "cpuset_mems device_read_bps device_read_iops device_write_bps device_write_iops memory memory_reservation "
    "memory_swap memory_swappiness pids_limit".split()
)


def update(engine: Engine, container: Container, options: CreateOptions) -> None:
    """Merge the given limits into the container's. Raises InvalidInput, Error from the runtime; then nothing is kept."""
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
        config = container.config
        runtime = dict(config["runtime"])
        limits = {
            **runtime["resources"],
            **resources.read(options, default_pids_limit=0, cgroups=runtime["cgroups"], given=options.given),
        }
        if "pids_limit" in options.given and options.pids_limit <= 0:
            limits.pop("pids_limit", None)
        runtime["resources"] = limits
        changed = {**config, "runtime": runtime}
        if options.restart:
            if config["auto_remove"]:
                raise InvalidInput("cannot set restart policy on a container that is removed when it exits")
            changed["restart"] = restart.read(options.restart)
        _process(runtime, options)
        health = _health(changed, options)
        limited = bool(_LIMITS.intersection(options.given))
        if container.status in (records.RUNNING, records.CREATED, records.PAUSED) and limited:
            _apply(engine, container, runtime)
        if health and not config["health"] and changed["health"]:
            engine.state.containers.update(container, health="starting")
        engine.state.containers.update(container, config=changed)
        if health and container.status in (records.RUNNING, records.PAUSED):
            from ocicore.engine import health_check

            health_check.reload(engine, container, before=bool(config["health"]))
    events.container(engine, "update", container)


def _process(runtime: dict[str, Any], options: CreateOptions) -> None:
    """--env, --unsetenv and --ulimit for the next start."""
    if options.env or options.unsetenv:
        from ocicore.engine.options import env

        variables = {**runtime["env"], **env.read_entries(options.env, {})}
        for name in options.unsetenv:
            variables.pop(name, None)
        runtime["env"] = variables
    if options.ulimit:
        from ocicore.engine.options import ulimits

        fresh, _ = ulimits.read(options.ulimit)
        named = {limit["type"] for limit in fresh}
        runtime["rlimits"] = [limit for limit in runtime["rlimits"] if limit["type"] not in named] + fresh


def _health(changed: dict[str, Any], options: CreateOptions) -> bool:
    """Change the health check as asked; whether anything was. Raises InvalidInput."""
    if not options.no_healthcheck and not any(name.startswith("health_") for name in options.given):
        return False
    from ocicore.engine.options import health

    changed["health"] = health.changed(changed["health"], options)
    changed["health_disabled"] = changed["health"] is None
    return True


def _apply(engine: Engine, container: Container, runtime: dict[str, object]) -> None:
    from ocicore.runtime import spec_linux

    document = spec_linux.resources(runtime, engine.host, engine.warn)  # type: ignore[arg-type]
    engine.runtime(container.config["oci_runtime"]).update(container.id, document)
