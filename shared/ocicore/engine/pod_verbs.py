"""What is done to whole pods: start, stop, kill, pause, unpause, restart, remove.

The containers of a pod depend on its infra container, so it is started first and removed last; between the others the
order of their own dependencies holds (`start_dependencies`, `remove(depend=True)`). A failure with one container does not keep
the others from being treated: all failures come back together in a `PodFailure`.
"""

from __future__ import annotations

import os

from ocicore.engine import pod_cgroup, pods, records, service_container
from ocicore.errors import Error, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ocicore.engine.context import Engine
    from ocicore.engine.pod_table import Pod
    from ocicore.engine.records import Container


class PodFailure(Error):
    """Some containers of a pod could not be treated; `failures` has an Error for each, in order."""

    def __init__(self, message: str, failures: list[tuple[str, Error]]) -> None:
        lines = "\n".join(error.message for _, error in failures)
        super().__init__(f"{message}:\n{lines}" if lines else message)
        self.failures = failures


def members(engine: Engine, pod: Pod) -> list[Container]:
    """The pod's containers with states that are true now: infra first, then oldest first."""
    from ocicore.engine import listing

    found = engine.state.containers.all(pod_id=pod.id)
    for container in found:
        listing.refresh(engine, container)
    return sorted(found, key=lambda container: not container.is_infra)


def before_start(engine: Engine, container: Container) -> None:
    """The pod's control group with its limits, which goes when the pod stops. Raises Error."""
    pod = engine.state.pods.get(container.pod_id)
    if pod is not None and container.config["runtime"]["cgroups"] != "disabled":
        pod_cgroup.prepare(engine, pod)


def after_end(engine: Engine, container: Container) -> None:
    """A container of a pod has ended and is cleaned up: with exit policy "stop" the last one takes the infra container along.

    The caller holds no lock. Failures are warnings: the container's own end has been dealt with.
    """
    pod = engine.state.pods.get(container.pod_id)
    if pod is None:
        return
    left = engine.state.containers.all(pod_id=pod.id)
    alive = [other for other in left if other.status in records.ALIVE]
    if not alive:
        _drop_group(engine, pod)
        service_container.after_pod_ended(engine, pod)
        return
    if pod.config["exit_policy"] != "stop" or container.is_infra or any(not c.is_infra for c in alive):
        return
    if any(other.status == records.CONFIGURED and not other.is_infra for other in left):
        return
    from ocicore.engine import stop

    for infra in alive:
        try:
            stop.stop(engine, infra)
        except Error as error:
            engine.warn(f"stopping infra container of pod {pod.id}: {error.message}")
    _drop_group(engine, pod)
    service_container.after_pod_ended(engine, pod)


def _drop_group(engine: Engine, pod: Pod) -> None:
    try:
        pod_cgroup.remove(engine, pod)
    except Error as error:
        engine.debug(f"removing control group of pod {pod.id}: {error.message}")


def start(engine: Engine, pod: Pod) -> None:
    """Start every container, after the pod's init containers have run one after the other. Raises PodFailure."""
    found = members(engine, pod)
    if not found:
        raise PodFailure(
            f"no containers in pod {pod.id} have no dependencies, cannot start pod: no such container", []
        )
    from ocicore.engine import start as starting

    service_container.before_pod_starts(engine, pod)
    failures: list[tuple[str, Error]] = []
    for container in found:
        if container.is_infra:
            _try(failures, container, lambda c: starting.start(engine, c))
    if not failures:
        _run_init_containers(engine, found, failures)
    if not failures:
        for container in found:
            if not container.is_infra and not init_kind(container):
                _try(failures, container, lambda c: _start_or_resume(engine, c))
    if failures:
        raise PodFailure(f"starting some containers of pod {pod.id}", failures)
    pods.event(engine, "start", pod)


def init_kind(container: Container) -> str:
    """ "always" or "once" for an init container of a pod, else ""."""
    kind: str = container.config["asked"].get("init_ctr", "")
    return kind


def _run_init_containers(engine: Engine, found: list[Container], failures: list[tuple[str, Error]]) -> None:
    from ocicore.engine import remove as removal
    from ocicore.engine import start as starting
    from ocicore.engine import waiting

    for container in found:
        kind = init_kind(container)
        if not kind or (kind == "once" and container.finished):
            continue

        def run(init: Container) -> None:
            starting.start(engine, init)
            code = waiting.wait(engine, init.id, frozenset(), 1_000_000, ignore=True)
            if code:
                raise Error(f"init container {init.id} exited with code {code}")

        _try(failures, container, run)
        if failures:
            return
        if kind == "once":
            _try(failures, container, lambda c: removal.remove(engine, c, force=True))


def _start_or_resume(engine: Engine, container: Container) -> None:
    from ocicore.engine import start as starting
    from ocicore.engine import stop

    if container.status == records.PAUSED:
        stop.unpause(engine, container)
    else:
        starting.start(engine, container)


def stop(engine: Engine, pod: Pod, *, timeout: int | None = None) -> None:
    """Stop every container, the infra container last. Raises PodFailure."""
    from ocicore.engine import stop as stopping

    failures: list[tuple[str, Error]] = []
    found = members(engine, pod)
    begun = []
    # All are asked at once, and then waited for: a pod takes as long as its slowest container.
    for container in found:
        if not container.is_infra:
            _try(failures, container, lambda c: begun.append((c, stopping.begin(engine, c, timeout=timeout))))
    for container, began in begun:
        if began is not None:
            _try(failures, container, lambda c, b=began: stopping.finish(engine, c, b))  # type: ignore[misc]
    for container in found:
        if container.is_infra:
            _try(failures, container, lambda c: stopping.stop(engine, c, timeout=timeout))
    if failures:
        raise PodFailure(f"stopping some containers of pod {pod.id}", failures)
    _drop_group(engine, pod)
    service_container.after_pod_ended(engine, pod)
    pods.event(engine, "stop", pod)


def kill(engine: Engine, pod: Pod, number: int) -> None:
    """Send every running container a signal. Raises PodFailure."""
    from ocicore.engine import stop as stopping

    _each(engine, pod, lambda c: stopping.kill(engine, c, number), (records.RUNNING, records.PAUSED))
    pods.event(engine, "kill", pod)


def pause(engine: Engine, pod: Pod) -> None:
    """Freeze every running container. Raises PodFailure."""
    from ocicore.engine import stop as stopping

    _each(engine, pod, lambda c: stopping.pause(engine, c), (records.RUNNING,))
    pods.event(engine, "pause", pod)


def unpause(engine: Engine, pod: Pod) -> None:
    """Thaw every paused container. Raises PodFailure."""
    from ocicore.engine import stop as stopping

    _each(engine, pod, lambda c: stopping.unpause(engine, c), (records.PAUSED,))
    pods.event(engine, "unpause", pod)


def restart(engine: Engine, pod: Pod) -> None:
    """Stop what runs, and start everything. Raises PodFailure."""
    stop(engine, pod)
    start(engine, pod)
    pods.event(engine, "restart", pod)


def _each(engine: Engine, pod: Pod, action: Callable[[Container], object], states: Iterable[str]) -> None:
    failures: list[tuple[str, Error]] = []
    for container in members(engine, pod):
        if container.status in states:
            _try(failures, container, action)
    if failures:
        raise PodFailure(f"treating some containers of pod {pod.id}", failures)


def _try(
    failures: list[tuple[str, Error]], container: Container, action: Callable[[Container], object]
) -> None:
    try:
        action(container)
    except Error as error:
        failures.append((container.id, error))


def remove(engine: Engine, pod: Pod, *, force: bool = False, timeout: int | None = None) -> list[str]:
    """Remove a pod with all its containers; returns the containers' ids.

    Args:
        force: stop those that run.

    Raises:
        PodFailure: some run and `force` was not given; nothing that runs is touched.
    """
    from ocicore.engine import remove as removal

    found = members(engine, pod)
    failures: list[tuple[str, Error]] = []
    removed: list[str] = []
    if force:
        try:
            stop(engine, pod, timeout=timeout)
        except PodFailure as error:
            engine.debug(f"stopping pod {pod.id}: {error.message}")
    others = [container for container in found if not container.is_infra]
    if not force:
        for container in others:
            if container.status in (records.RUNNING, records.PAUSED, records.STOPPING):
                failures.append((container.id, _runs(container)))
    if not failures:
        for container in others:
            if container.id not in removed:
                _try(failures, container, lambda c: _remove_one(engine, c, removed, force, timeout))
    if failures:
        raise PodFailure(
            f"not all containers could be removed from pod {pod.id}: removing pod containers", failures
        )
    for container in found:
        if container.is_infra:
            removed += removal.remove(
                engine, container, force=True, volumes=True, timeout=timeout, with_pod=True
            )
    _drop_group(engine, pod)
    engine.state.pods.remove(pod)
    _unlink(pod.config["id_file"])
    pods.event(engine, "remove", pod)
    service_container.after_pod_removed(engine, pod)
    return removed


def _remove_one(
    engine: Engine, container: Container, removed: list[str], force: bool, timeout: int | None
) -> None:
    from ocicore.engine import remove as removal

    try:
        removed += removal.remove(engine, container, force=force, volumes=True, depend=True, timeout=timeout)
    except NotFound:
        pass  # an --rm container that was stopped


def _runs(container: Container) -> Error:
    from ocicore.engine.errors import WrongState

    return WrongState(
        f"cannot remove container {container.id} as it is {container.shown_status} - running or paused "
        "containers cannot be removed without force"
    )


def _unlink(path: str) -> None:
    if path:
        try:
            os.unlink(path)
        except OSError:
            pass
