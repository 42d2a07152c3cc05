"""After a container has ended: network, mounts, the runtime's state; then its restart policy or its removal.

Runs in `container cleanup` (conmon's exit command), in the attached program that owns the container, and in any verb
that finds a container ended. Every step may find its work done already.
"""

from __future__ import annotations

from ocicore.engine import events, liveness, records
from ocicore.engine.errors import WrongState
from ocicore.errors import Error, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.runtime.oci import Deletion


#: Key of the state: the runtime could not forget the container (it was killed, say); the next to come tries again.
RUNTIME_LEFT = "runtime_left"
#: Key of the state: the runtime runs hooks when it deletes the container.
STOP_HOOKS = "stop_hooks"
#: Parts of the state that outlive a run.
_LASTING = frozenset(("checkpoint", "restored_at", "health_log", "static_dir", "run_dir"))


def take_down(engine: Engine, container: Container) -> None:
    """Undo what start put up, and leave the container "exited" (or "configured", when it never ran).

    The caller holds the lock. Each step is tried even when an earlier one failed; failures are warnings.
    """
    from ocicore.engine import network_setup, prepare, shared_memory

    def attempt(what: str, step: object, *values: object) -> bool:
        try:
            step(*values)  # type: ignore[operator]
        except NotFound:
            pass
        except (Error, OSError) as error:
            engine.warn(f"cleaning up container {container.id}: {what}: {error}")
            return False
        return True

    status = container.status
    if container.config["health"]:
        from ocicore.engine import health_check, health_timers

        attempt("health timer", health_timers.stop, engine, container)
        attempt("health state", health_check.record, engine, container)
    deleted = True
    deletion: Deletion | None = None
    if container.state.get("launching"):
        deleted = attempt("ending an unfinished start", _end_launch, engine, container)
    elif container.state.get(RUNTIME_LEFT) or status in (
        records.CREATED,
        records.STOPPED,
        records.RUNNING,
        records.STOPPING,
        records.PAUSED,
    ):
        deletion = _begin_delete(engine, container)
        if not deletion:
            deleted = attempt("deleting from the runtime", _delete, engine, container)
    if container.netns or container.state.get("network") or container.status == records.CREATED:
        attempt("network", network_setup.disconnect, engine, container)
    if container.config["network"]["kind"] == "container":
        from ocicore.engine import shared_hosts

        attempt("name in the network", shared_hosts.remove, engine, container)
    attempt("shared memory", shared_memory.release, engine, container)
    attempt("mounts", prepare.release, engine, container)
    attempt("root file system", _unmount_root, engine, container)
    if deletion:
        deleted = attempt("deleting from the runtime", deletion.finish)
    lasting = {key: value for key, value in container.state.items() if key in _LASTING}
    if not deleted:
        lasting[RUNTIME_LEFT] = True
    ran = status in (records.STOPPED, records.RUNNING, records.STOPPING, records.PAUSED, records.EXITED)
    engine.state.containers.update(
        container,
        status=records.EXITED if ran or container.finished else records.CONFIGURED,
        pid=0,
        pid_start=0,
        conmon_pid=0,
        conmon_start=0,
        mountpoint="",
        netns="",
        state=lasting,
    )


def _end_launch(engine: Engine, container: Container) -> None:
    """Undo a start whose program died before it recorded what conmon and the runtime had made."""
    from ocicore.engine import places
    from ocicore.linux import process

    try:
        with open(f"{places.run_dir(engine, container)}/conmon.pid") as file:
            pid = int(file.read().strip() or "0")
    except (OSError, ValueError):
        pid = 0
    if pid and container.boot_id == engine.boot_id and _is_monitor_of(pid, container.id):
        process.kill_process(pid, 9)
    engine.runtime(container.config["oci_runtime"]).delete(container.id, force=True)
    liveness.forget_exit(engine, container.id)


def _is_monitor_of(pid: int, container_id: str) -> bool:
    """Whether a pid read from a file is (still) the conmon of this container."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return False
    return container_id.encode() in words and b"--exit-dir" in words


def _begin_delete(engine: Engine, container: Container) -> Deletion | None:
    """The runtime's forgetting of what has ended, so that the mounts go meanwhile; None when that cannot be.

    It is not to be killed any more, and no hooks look at its files.
    """
    state = container.state
    if container.status != records.STOPPED or state.get(RUNTIME_LEFT) or state.get(STOP_HOOKS):
        return None
    try:
        return engine.runtime(container.config["oci_runtime"]).begin_delete(container.id)
    except Error:
        return None  # told by the ordinary way


def _delete(engine: Engine, container: Container) -> None:
    # conmon must be gone before a new one may use the same files.
    runtime = engine.runtime(container.config["oci_runtime"])
    force = container.status != records.STOPPED or RUNTIME_LEFT in container.state
    runtime.delete(container.id, force=force)


def _unmount_root(engine: Engine, container: Container) -> None:
    config = container.config
    if not container.mountpoint:
        return
    if not config.get("rootfs"):
        engine.store.unmount(container.id)
    elif config.get("rootfs_idmap"):
        from ocicore.linux import mount as mounts

        place = f"{engine.store.container_run_dir(container.id)}/rootfs"
        if mounts.is_mount_point(place):
            mounts.umount(place, mounts.MNT_DETACH)
    elif config["rootfs_overlay"]:
        from ocicore.engine import volumes
        from ocicore.linux import mount as mounts

        place = f"{engine.store.container_dir(container.id)}/rootfs"
        if mounts.is_mount_point(f"{place}/merge"):
            mounts.umount(f"{place}/merge", mounts.MNT_DETACH)
        if config["auto_remove"]:
            volumes.delete_tree(place)


def cleanup(
    engine: Engine, container: Container, *, remove: bool = False, remove_image: bool = False
) -> None:
    """What conmon's exit command does: clean up, then restart by policy or remove.

    Raises WrongState when it is to restart and what it needs has ended: a pod that is being taken down stays down.
    """
    ended: list[str] = []
    with engine.lock(container.id):
        try:
            engine.state.containers.refresh(container)
        except NotFound:
            engine.locks.discard(container.id)
            return
        liveness.sync(engine, container)
        if container.status in (records.RUNNING, records.PAUSED):
            return
        restart = container.status == records.STOPPED and wants_restart(engine, container)
        if container.status in (records.STOPPED, records.CREATED) or container.mountpoint:
            take_down(engine, container)
            events.container(engine, "cleanup", container)
        if restart:
            ended = _ended_dependencies(engine, container)
        if restart and not ended:
            _restart(engine, container)
            return
        if remove:
            auto_remove(engine, container, remove_image)
    if container.pod_id:
        from ocicore.engine import pod_verbs

        pod_verbs.after_end(engine, container)
    if ended:
        raise WrongState(
            f"some dependencies of container {container.id} are not started: {','.join(ended)}: "
            "container state improper"
        )


def _ended_dependencies(engine: Engine, container: Container) -> list[str]:
    """Ids of what a container needs and does not run."""
    ended = []
    for other in liveness.needed(engine, container):
        with engine.lock(other.id):
            if not liveness.up(engine, other):
                ended.append(other.id)
    return ended


def auto_remove(engine: Engine, container: Container, remove_image: bool = False) -> None:
    """Remove an --rm container with its anonymous volumes, and with --rmi its image."""
    from ocicore.engine import remove as removal

    removal.remove(engine, container, volumes=True)
    if remove_image or container.config["auto_remove_image"]:
        from ocicore.engine import image_removal

        try:
            # By the name it was asked for: other names of the image stay.
            image = engine.images.find(container.image_name)
            image_removal.remove(engine, image, referenced_by=container.image_name)
        except NotFound:
            pass
        except Error as error:
            engine.warn(f"removing image {container.image_name}: {error.message}")


def may_restart(container: Container) -> bool:
    """Whether the end of this container can be followed by another run, by its policy or its health check."""
    check = container.config["health"]
    if check and (check.get("on_failure") == "restart" or (check.get("startup") or {}).get("Retries")):
        return True
    return container.config["restart"]["name"] not in ("", "no")


def wants_restart(engine: Engine, container: Container) -> bool:
    """Whether a container that has just ended is to run again: its health check says so, or its restart policy."""
    if container.stopped_by_user:
        return False
    if container.config["health"]:
        from ocicore.engine import health_check

        action = health_check.read(engine, container)["Action"]
        if action in ("restart", "stop"):
            return bool(action == "restart")
    policy = container.config["restart"]
    name = policy["name"]
    if name in ("", "no"):
        return False
    if name == "on-failure":
        most = policy["max_retries"]
        return container.exit_code != 0 and (not most or container.restarts < most)
    return True


def _restart(engine: Engine, container: Container) -> None:
    from ocicore.engine import sd_notify, start

    engine.state.containers.update(container, restarts=container.restarts + 1)
    events.container(engine, "restart", container)
    sd_notify.forget_listen(engine)
    start.create_in_runtime(engine, container, restarting=True)
    start.start_created(engine, container)
