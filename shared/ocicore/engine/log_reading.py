"""logs: the lines of one or several containers, merged in the order of their times."""

from __future__ import annotations

from ocicore.engine import liveness, places, records
from ocicore.errors import Error, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.runtime.logs import LogLine


def lines(
    engine: Engine,
    container: Container,
    *,
    tail: int = -1,
    since: int | None = None,
    until: int | None = None,
    follow: bool = False,
) -> Iterator[LogLine]:
    """The log of one container. Raises Error for a driver that keeps nothing."""
    from ocicore.runtime import logs

    log = container.config["log"]
    driver = log["driver"]
    if follow and driver == "journald":
        from ocicore.engine import events

        eventer = events.backend(engine)
        if eventer != "journald":
            raise Error(
                "using --follow with the journald --log-driver but without the journald --events-backend "
                f"({eventer}) is not supported"
            )
    unit = _unit(engine, container) if driver.startswith("passthrough") else ""
    if driver == "none" or (driver.startswith("passthrough") and not unit):
        raise Error(f"this container is using the '{driver}' log driver, cannot read logs")
    path = log["path"] or f"{places.static_dir(engine, container)}/ctr.log"
    try:
        yield from logs.read(
            driver,
            path,
            tail=tail,
            since=since,
            until=until,
            follow=_still_runs(engine, container) if follow else None,
            container_id=container.id,
            unit=unit,
            env=engine.environ,
        )
    except NotFound:
        if container.status != records.CONFIGURED and not follow:
            return


def _unit(engine: Engine, container: Container) -> str:
    """The journal's field and value for a container whose output its unit has; "" when it runs in none."""
    name = container.labels.get("PODMAN_SYSTEMD_UNIT", "")
    if not name:
        return ""
    if container.config["runtime"]["cgroups"] != "split":
        name = f"libpod-{container.id}.scope"
    return f"{'_SYSTEMD_USER_UNIT' if engine.rootless else '_SYSTEMD_UNIT'}={name}"


def _still_runs(engine: Engine, container: Container) -> Callable[[], bool]:
    def runs() -> bool:
        try:
            engine.state.containers.refresh(container)
        except NotFound:
            return False
        if container.status not in records.ALIVE:
            return False
        from ocicore.linux import process

        if process.alive(container.pid, container.pid_start):
            return True
        # conmon may still be writing what it read last.
        return not liveness.wait_conmon(container, 0)

    return runs


def merged(sources: list[Iterator[LogLine]]) -> Iterator[tuple[int, LogLine]]:
    """(index of the source, line) of several logs, oldest first."""
    import heapq

    def numbered(index: int, source: Iterator[LogLine]) -> Iterator[tuple[int, int, LogLine]]:
        for line in source:
            yield line.time, index, line

    streams = [numbered(index, source) for index, source in enumerate(sources)]
    for _, index, line in heapq.merge(*streams, key=lambda entry: entry[:2]):
        yield index, line
