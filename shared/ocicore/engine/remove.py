"""Removing containers with everything that is theirs: processes, layer, directories, anonymous volumes, record."""

from __future__ import annotations

from ocicore.engine import cleanup, events, liveness, records, shared_memory
from ocicore.engine.errors import HasDependents, WrongState
from ocicore.errors import Conflict, InUse, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


def remove(
    engine: Engine,
    container: Container,
    *,
    force: bool = False,
    volumes: bool = False,
    depend: bool = False,
    timeout: int | None = None,
    with_pod: bool = False,
) -> list[str]:
    """Remove a container; returns the ids removed, dependents first.

    Args:
        force: stop it first where it runs.
        volumes: its anonymous volumes go too.
        depend: containers that need it go first; with an infra container goes its pod.
        with_pod: the caller removes the pod of this infra container.

    Raises:
        WrongState: it runs, and `force` was not given.
        HasDependents: others need it, and `depend` was not given.
    """
    removed: list[str] = []
    if container.is_infra and not with_pod:
        return _remove_pod_of(engine, container, force=force, depend=depend, timeout=timeout)
    if container.config.get("is_service"):
        from ocicore.engine import service_container

        service_container.before_removal(engine, container, with_pods=depend, force=force)
    dependents = engine.state.containers.dependents(container.id)
    if dependents and not depend:
        raise HasDependents(container.id, dependents)
    for dependent in dependents:
        other = engine.state.containers.get(dependent)
        if other is not None:
            removed += remove(engine, other, force=force, volumes=volumes, depend=True, timeout=timeout)
    with engine.lock(container.id):
        try:
            engine.state.containers.refresh(container)
        except NotFound:
            engine.locks.discard(container.id)
            return removed
        liveness.sync(engine, container)
        running = container.status in (records.RUNNING, records.PAUSED, records.STOPPING)
        if running and not force:
            raise WrongState(
                f"cannot remove container {container.id} as it is {container.shown_status} - running or paused "
                "containers cannot be removed without force"
            )
        if running:
            _stop_within(engine, container, timeout)
        if (
            container.status in (records.STOPPED, records.CREATED)
            or container.mountpoint
            or container.netns
            or cleanup.RUNTIME_LEFT in container.state
        ):
            cleanup.take_down(engine, container)
        engine.state.containers.update(container, status=records.REMOVING)
        owned = _anonymous_volumes(engine, container) if volumes else []
        _delete(engine, container)
        engine.locks.discard(container.id)
    events.container(engine, "remove", container)
    for name in owned:
        _remove_volume(engine, name)
    removed.append(container.id)
    return removed


def remove_external(engine: Engine, name: str, *, force: bool = False) -> None:
    """Remove a container of the store that is none of ours (buildah's, a build's).

    Raises NotFound, Conflict for a volume's, and WrongState when it is mounted and `force` was not given.
    """
    from ocicore.engine import image_volumes

    record = engine.store.container(name)
    volume = image_volumes.holder(engine, record.id)
    if volume is not None:
        raise Conflict(
            f'refusing to remove "{name}" as it exists in libpod as an image-backed volume {volume.name}: '
            "container already exists"
        )
    if engine.store.mounted(record.id):
        if not force:
            raise WrongState(f"container {name} is mounted and cannot be removed without using force")
        engine.store.unmount(record.id, force=True)
    engine.store.delete_container(record.id)


def _remove_pod_of(
    engine: Engine, container: Container, *, force: bool, depend: bool, timeout: int | None
) -> list[str]:
    """An infra container goes with everything that its pod has. Raises InUse without `depend`."""
    from ocicore.engine import pod_verbs

    pod = engine.state.pods.get(container.pod_id)
    if pod is None:
        return remove(engine, container, force=force, depend=depend, timeout=timeout, with_pod=True)
    if not depend:
        raise InUse(
            f"container {container.id} is the infra container of pod {container.pod_id} and cannot be removed "
            "without removing the pod"
        )
    return pod_verbs.remove(engine, pod, force=force, timeout=timeout)


def _stop_within(engine: Engine, container: Container, timeout: int | None) -> None:
    """End it with the lock held: a container that is being removed must not be started by another program."""
    from ocicore.engine import stop

    config = container.config
    engine.state.containers.update(container, stopped_by_user=True)
    if container.status == records.PAUSED:
        stop._resume(engine, container)
    seconds = config["stop_timeout"] if timeout is None else timeout
    if seconds:
        stop._signal(engine, container, config["stop_signal"])
    if not seconds or not liveness.wait_process(container, None if seconds < 0 else seconds * 1000):
        stop._kill_hard(engine, container)
    liveness.sync(engine, container)


def _anonymous_volumes(engine: Engine, container: Container) -> list[str]:
    names = engine.state.volumes.used_by(container.id)
    return [name for name in names if (volume := engine.state.volumes.get(name)) and volume.anonymous]


def _remove_volume(engine: Engine, name: str) -> None:
    from ocicore.engine import volumes
    from ocicore.engine.errors import VolumeInUse

    volume = engine.state.volumes.get(name)
    if volume is None:
        return
    try:
        volumes.remove(engine, volume)
    except VolumeInUse:
        pass  # another container was started with --volumes-from


def _delete(engine: Engine, container: Container) -> None:
    liveness.forget_exit(engine, container.id)
    for path in (f"{engine.paths.persist_dir}/{container.id}",):
        _remove_directory(path)
    try:
        # A record that lost its state (a reboot that was none) may still have a mount in its directory.
        shared_memory.release(engine, container)
        engine.store.delete_container(container.id)
    except NotFound:
        # Removed by podman or buildah, or a creation or removal was killed; its clean-up may have made directories since.
        engine.store.discard_container_files(container.id)
    cidfile = container.cidfile
    engine.state.containers.remove(container)
    if cidfile:
        _forget_id_file(cidfile, container.id)


def _remove_directory(path: str) -> None:
    import os

    try:
        for name in os.listdir(path):
            os.unlink(f"{path}/{name}")
        os.rmdir(path)
    except OSError:
        pass


def _forget_id_file(path: str, container_id: str) -> None:
    """Remove a --cidfile; one that a later container has written over is that container's."""
    import os

    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            mine = handle.read(len(container_id) + 1).strip() == container_id
        if mine:
            os.unlink(path)
    except OSError:
        pass
