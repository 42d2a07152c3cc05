"""update: other limits and another restart policy for a container, at once where it runs."""

from __future__ import annotations

from ocicore.engine import events, liveness, records
from ocicore.engine.options import resources, restart
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.create_options import CreateOptions
    from ocicore.engine.records import Container


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
        if container.status in (records.RUNNING, records.CREATED, records.PAUSED) and runtime["resources"]:
            _apply(engine, container, runtime)
        engine.state.containers.update(container, config=changed)
    events.container(engine, "update", container)


def _apply(engine: Engine, container: Container, runtime: dict[str, object]) -> None:
    from ocicore.runtime import spec_linux

    document = spec_linux.resources(runtime, engine.host, engine.warn)  # type: ignore[arg-type]
    engine.runtime(container.config["oci_runtime"]).update(container.id, document)
