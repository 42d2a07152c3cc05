"""Bringing a container to life: mount, network, config.json, conmon, the runtime's create – and its start.

Between "configured" and "running" lies "created": the runtime has made the container, its process waits. `init`
stops there; `run` and `start -a` attach there, so that no output is lost.
"""

from __future__ import annotations

import os
import time

from ocicore.engine import events, liveness, prepare, records, sd_notify, shared_memory
from ocicore.engine.errors import WrongState
from ocicore.errors import Error
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.runtime.types import ContainerConfig, MonitorRequest, RuntimeSpec


def create_in_runtime(
    engine: Engine,
    container: Container,
    *,
    owner_fd: int = -1,
    extra_fds: Sequence[int] = (),
    terminal_size: tuple[int, int] | None = None,
    restarting: bool = False,
) -> None:
    """Take a container to "created". The caller holds its lock and has synced it.

    Args:
        owner_fd: read end of a pipe the caller keeps open while it will clean up by itself; -1: conmon's exit command does.
        extra_fds: descriptors that become 3, 4, … in the container.
        terminal_size: (rows, columns) of the container's terminal, if it has one and we know.
        restarting: a restart by policy, which does not reset the count of restarts.

    Raises:
        Error: with podman's statuses (126, 127) when the command cannot be run; everything is taken down again.
    """
    if container.status == records.CREATED:
        return
    if container.status not in (records.CONFIGURED, records.EXITED, records.STOPPED):
        raise WrongState(f"container {container.id} is in state {container.shown_status}: unable to start")
    if container.state.get("launching") or container.state.get("runtime_left"):
        # Somebody was killed between conmon's start and the record of it, or the runtime when it was to forget it.
        from ocicore.engine import cleanup

        cleanup.take_down(engine, container)
    start_dependencies(engine, container)
    if not restarting and container.restarts:
        engine.state.containers.update(container, restarts=0)
    try:
        _create(engine, container, owner_fd, extra_fds, terminal_size)
    except BaseException:
        from ocicore.engine import cleanup

        cleanup.take_down(engine, container)
        raise


def start_dependencies(engine: Engine, container: Container) -> None:
    """Start what this container needs, deepest first. Raises Error when one cannot be started."""
    for other in liveness.needed(engine, container):
        with engine.lock(other.id):
            if not liveness.up(engine, other):
                create_in_runtime(engine, other)
                start_created(engine, other)


def restore_in_runtime(engine: Engine, container: Container, images: str, words: Sequence[str]) -> None:
    """Let the runtime make the container from criu's images, and record that it runs. The caller holds the lock.

    Raises Error; what was put up is still there then.
    """
    _create(engine, container, -1, (), restore=images, restore_args=words)
    engine.state.containers.update(container, status=records.RUNNING, started=time.time_ns())
    _start_checks(engine, container)


def _create(
    engine: Engine,
    container: Container,
    owner_fd: int,
    extra_fds: Sequence[int],
    terminal_size: tuple[int, int] | None = None,
    *,
    restore: str = "",
    restore_args: Sequence[str] = (),
) -> None:
    """Reserve the ports, then `_set_up`."""
    from ocicore.engine import port_reservation

    # Before netavark makes its rules: those of another container that has such a port already must stay as they are.
    held = port_reservation.reserve(engine, container)
    try:
        _set_up(engine, container, owner_fd, extra_fds, terminal_size, held, restore, restore_args)
    finally:
        for descriptor in held:
            os.close(descriptor)


def _set_up(
    engine: Engine,
    container: Container,
    owner_fd: int,
    extra_fds: Sequence[int],
    terminal_size: tuple[int, int] | None,
    held_fds: tuple[int, ...],
    restore: str,
    restore_args: Sequence[str],
) -> None:
    from ocicore.engine import conmon_place, network_setup, root_files, runtime_choice
    from ocicore.runtime import monitor, spec

    config = container.config
    conmon_place.leave_session(engine, container)
    liveness.forget_exit(engine, container.id)
    root = _mount_root(engine, container)
    work = prepare.Preparation(engine, container, root)
    runtime = engine.runtime(config["oci_runtime"])
    netns = network_setup.create_namespace(engine, container)
    prepared = work.mounts()
    # From here on a crash must find what to take down.
    engine.state.containers.update(
        container,
        mountpoint=root,
        netns=netns,
        boot_id=engine.boot_id,
        state={
            **_kept(container.state),
            "launching": True,
            "static_dir": work.static_dir,
            "run_dir": work.run_dir,
            "overlays": prepared.overlays,
            "image_mounts": prepared.image_mounts,
            "volumes": prepared.volumes,
        },
    )
    if container.pod_id:
        from ocicore.engine import pod_verbs

        pod_verbs.before_start(engine, container)
    shm = shared_memory.place(engine, container, work.static_dir)
    network_status = network_setup.connect(engine, container, netns)
    network_setup.write_files(engine, container, work, network_status)
    work.environment_file()
    work.user_files()
    work.working_directory()
    root_files.mount_table(work)
    runtime_config: ContainerConfig = dict(config["runtime"])  # type: ignore[assignment]
    runtime_config["name"] = container.name
    runtime_config["namespaces"] = _namespaces(engine, container, netns)
    runtime_config["mounts"] = prepared.mounts
    if shm:
        runtime_config["shm_path"] = shm
    if config["secrets"]:
        from ocicore.engine import secret_options

        runtime_config["env"] = {**runtime_config["env"], **secret_options.environment(work)}
    notify = sd_notify.socket_for(engine, container)
    if notify:
        runtime_config["env"] = {**runtime_config["env"], "NOTIFY_SOCKET": sd_notify.INSIDE}
        runtime_config["mounts"] = [*prepared.mounts, sd_notify.mount(work.static_dir)]
    sockets, variables = sd_notify.listen(engine, extra_fds)
    if sockets:
        extra_fds = sockets
        runtime_config["env"] = {**runtime_config["env"], **variables}
    hooks = _hooks(engine, config)
    if hooks:
        runtime_config["hooks"] = hooks
    document = spec.generate(runtime_config, rootfs=root, host=engine.host, warn=engine.warn)
    if config.get("cdi"):
        from ocicore.engine import cdi

        binds = engine.rootless or bool(config["runtime"].get("uid_mappings"))
        cdi.inject(document, cdi.Registry(engine.cdi_dirs).edits(config["cdi"]), binds=binds)
    bundle = work.static_dir
    with open(f"{bundle}/config.json", "wb") as file:
        file.write(quick_json.dumps(document).encode())
    health: tuple[str, ...] = ()
    if config["health"]:
        from ocicore.engine import health_check

        health = health_check.words(engine, container, work.run_dir, document)
    request = _monitor_request(engine, container, bundle, work.run_dir, owner_fd, extra_fds, health)
    request.sdnotify_socket = notify
    _hide_kernel_mounts(engine, container, document, request)
    request.terminal_size = terminal_size
    if restore:
        from ocicore.engine import checkpointing

        checkpointing.fill_shared_memory(engine, container, work.static_dir)
        request.restore, request.restore_args = restore, tuple(restore_args)
    if config["runtime"].get("uid_mappings"):
        from ocicore.engine import traversal

        way = (work.run_dir, work.static_dir, root, engine.paths.volumes_dir, engine.paths.tmp_dir)
        traversal.open_way(way, *work.root_ids())
    if config["runtime"]["cgroups"] == "split":
        from ocicore.linux import cgroups

        cgroups.leave_for_children(engine.host.cgroup_root)
    request.held_fds = held_fds
    launched = monitor.launch(
        request, runtime=runtime, conmon=runtime_choice.conmon(engine), warn=engine.warn
    )
    if network_setup.made_by_runtime(engine, container):
        network_setup.connect_created(engine, container, work, launched.pid)
    from ocicore.linux import process

    engine.state.containers.update(
        container,
        status=records.CREATED,
        pid=launched.pid,
        pid_start=process.start_time(launched.pid),
        conmon_pid=launched.conmon_pid,
        conmon_start=process.start_time(launched.conmon_pid) if launched.conmon_pid else 0,
        boot_id=engine.boot_id,
        exit_code=0,
        oom_killed=False,
        stopped_by_user=False,
        state=_after_launch(container.state, document),
        health="starting" if config["health"] else "",
    )
    for path, pid in ((config["pidfile"], launched.pid), (config["conmon_pidfile"], launched.conmon_pid)):
        if path:
            _write_pid(path, pid)
    events.container(engine, "init", container)


def _after_launch(state: dict[str, Any], document: RuntimeSpec) -> dict[str, Any]:
    from ocicore.engine import cleanup

    result = {key: value for key, value in state.items() if key not in ("launching", cleanup.STOP_HOOKS)}
    if (document.get("hooks") or {}).get("poststop"):
        result[cleanup.STOP_HOOKS] = True
    return result


def _kept(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key in ("health_log", "exec_ids", "checkpoint")}


def _write_pid(path: str, pid: int) -> None:
    try:
        with open(path, "w") as file:
            file.write(str(pid))
    except OSError as error:
        raise Error(f"writing pid file {path}: {(error.strerror or '').lower()}") from error


def _mount_root(engine: Engine, container: Container) -> str:
    config = container.config
    if not config.get("rootfs"):
        if container.mountpoint and engine.store.mounted(container.id):
            return container.mountpoint
        return engine.store.mount(container.id)
    if config.get("rootfs_idmap"):
        return _mount_mapped_root(engine, container)
    if not config["rootfs_overlay"]:
        return config["rootfs"]  # type: ignore[no-any-return]
    from ocicore.linux import mount as mounts

    place = f"{engine.store.container_dir(container.id)}/rootfs"
    merged = f"{place}/merge"
    for name in ("merge", "upper", "work"):
        os.makedirs(f"{place}/{name}", mode=0o755, exist_ok=True)
    if not mounts.is_mount_point(merged):
        options = ["userxattr"] if engine.rootless else []
        mounts.overlay(merged, [config["rootfs"]], f"{place}/upper", f"{place}/work", options)
    return merged


def _mount_mapped_root(engine: Engine, container: Container) -> str:
    """--rootfs DIR:idmap: the directory with its owners shifted into the container's user namespace."""
    from ocicore.linux import mount as mounts

    config = container.config
    place = f"{engine.store.container_run_dir(container.id)}/rootfs"
    os.makedirs(place, mode=0o755, exist_ok=True)
    if not mounts.is_mount_point(place):
        uids, gids = (
            [(extent["container_id"], extent["host_id"], extent["size"]) for extent in extents]
            for extents in prepare.id_map(config["rootfs_idmap"], config["runtime"])
        )
        mounts.idmapped_bind(config["rootfs"], place, uids, gids)
    return place


def _pid_of(engine: Engine, container: Container, other_id: str) -> int:
    other = engine.state.containers.find(other_id)
    if other.status not in records.ALIVE:
        raise WrongState(
            f"container {other_id} is not running, and container {container.id} joins its namespaces"
        )
    return other.pid


def _joined_network(engine: Engine, container: Container) -> str:
    """Path of the network namespace shared with another container, "" for none or the host's."""
    network = container.config["network"]
    if network["kind"] != "container":
        return ""
    other = engine.state.containers.find(network["target"])
    if other.config["network"]["kind"] == "host":
        return ""
    return f"/proc/{_pid_of(engine, container, network['target'])}/ns/net"


def _namespaces(engine: Engine, container: Container, netns: str) -> Any:
    from ocicore.engine import network_setup
    from ocicore.engine.options.namespaces import resolve_mode

    def pid_of(other_id: str) -> int:
        return _pid_of(engine, container, other_id)

    modes = dict(container.config["namespaces"])
    for kind, mode in modes.items():
        # The other's may be the host's, which cannot be entered through its process by an ordinary user.
        if kind != "user" and mode.startswith("container:"):
            other = engine.state.containers.find(mode.removeprefix("container:"))
            if other.config["namespaces"][kind] == "host":
                modes[kind] = "host"
    default_cgroup = "private" if engine.host.cgroup_mode == "v2" else "host"
    result: dict[str, Any] = {
        kind: resolve_mode(kind, modes[kind], pid_of, default="private") for kind in ("pid", "ipc", "uts")
    }
    result["cgroup"] = resolve_mode("cgroup", modes["cgroup"], pid_of, default=default_cgroup)
    user = modes["user"]
    if container.config["runtime"].get("uid_mappings") and not user.startswith(("container:", "ns:")):
        result["user"] = {"mode": "private"}
    elif user.startswith(("container:", "ns:")):
        result["user"] = resolve_mode("user", user, pid_of, default="host")
    else:
        result["user"] = {"mode": "host"}
    result["net"] = network_setup.namespace(container, netns, _joined_network(engine, container))
    return result


def _hide_kernel_mounts(
    engine: Engine, container: Container, document: RuntimeSpec, request: MonitorRequest
) -> None:
    """Where a user namespace gets the host's whole /sys, what is mounted below its kernel folder (debugfs …) is not shown."""
    runtime = container.config["runtime"]
    if engine.rootless or not runtime.get("uid_mappings") or runtime["security"].get("privileged"):
        return
    if any(mount["destination"] == "/sys" and "rbind" in mount["options"] for mount in document["mounts"]):
        from ocicore.linux import mount as mounts

        request.hidden_below = "/sys"
        request.hidden_mounts = tuple(mounts.mounts_below("/sys/kernel"))


def _hooks(engine: Engine, config: dict[str, Any]) -> dict[str, Any]:
    """OCI hooks of the hooks directories that apply to this container."""
    directories = engine.options.hooks_dirs or tuple(engine.config.engine.hooks_dir)
    present = [path for path in directories if os.path.isdir(path)]
    if not present:
        return {}
    from ocicore.engine import hooks

    return hooks.matching(present, config)


def _monitor_request(
    engine: Engine,
    container: Container,
    bundle: str,
    run_dir: str,
    owner_fd: int,
    extra_fds: Sequence[int],
    health: tuple[str, ...],
) -> MonitorRequest:
    from ocicore.engine import conmon_place, runtime_choice
    from ocicore.runtime.types import MonitorRequest

    config = container.config
    runtime = config["runtime"]
    persist = f"{engine.paths.persist_dir}/{container.id}"
    for path in (engine.paths.exits_dir, persist):
        os.makedirs(path, mode=0o700, exist_ok=True)
    log = config["log"]
    driver, path = log["driver"], log["path"] or f"{bundle}/ctr.log"
    # conmon knows one way of passing streams through; the other name only allows terminals.
    target = f"{driver}:{path}" if driver == "k8s-file" else driver.removesuffix("-tty")
    # Split: the container stays below the unit's own group, which systemd has delegated; no scope is asked for.
    manager = {"disabled": "disabled", "split": "cgroupfs"}.get(runtime["cgroups"], runtime["cgroup_manager"])
    return MonitorRequest(
        container_id=container.id,
        name=container.name,
        bundle=bundle,
        run_dir=run_dir,
        exit_dir=engine.paths.exits_dir,
        persist_dir=persist,
        log=(target,),
        log_size_max=log["size"],
        log_tag=_log_tag(container, log["tag"]),
        terminal=runtime["terminal"],
        stdin=config["stdin"],
        leave_stdin_open=False,
        exit_command=exit_command(engine, container.id, remove=config["auto_remove"]),
        owner_fd=owner_fd,
        extra_fds=tuple(extra_fds),
        sdnotify=config["sdnotify"],
        timeout=config["timeout"],
        cgroup=conmon_place.slice_of(engine, container) if manager == "systemd" else "",
        cgroup_manager=manager,
        log_level=conmon_level(engine.options.log_level),
        syslog=engine.options.syslog,
        no_new_keyring=not engine.config.containers.keyring,
        env=runtime_choice.runtime_environment(engine),
        health=health,
    )


def _log_tag(container: Container, template: str) -> str:
    """--log-opt tag with its few Go template fields."""
    for field, value in (
        ("{{.ID}}", container.id[:12]),
        ("{{.FullID}}", container.id),
        ("{{.Name}}", container.name),
        ("{{.ImageName}}", container.image_name),
        ("{{.ImageID}}", container.image_id[:12]),
        ("{{.ImageFullID}}", container.image_id),
    ):
        template = template.replace(field, value)
    return template


def conmon_level(level: str) -> str:
    """Our log level in conmon's words."""
    return {"warn": "warning", "fatal": "error", "panic": "error"}.get(level, level)


def exit_command(
    engine: Engine, container_id: str, *, remove: bool = False, session: str = ""
) -> tuple[str, ...]:
    """What conmon runs when the container (or exec session) has ended."""
    words = [*engine.self_command, *engine.options.global_words, "container", "cleanup"]
    if remove:
        words.append("--rm")
    if session:
        words += ["--exec", session]
    return (*words, container_id)


def start_created(engine: Engine, container: Container) -> None:
    """Let a created container's process run. The caller holds the lock. Raises Error."""
    runtime = engine.runtime(container.config["oci_runtime"])
    try:
        runtime.start(container.id)
    except BaseException:
        from ocicore.engine import cleanup

        cleanup.take_down(engine, container)
        raise
    engine.state.containers.update(container, status=records.RUNNING, started=time.time_ns())
    events.container(engine, "start", container)
    _start_checks(engine, container)
    sd_notify.started(engine, container)


def _start_checks(engine: Engine, container: Container) -> None:
    """Timers for the health checks of a container whose monitor runs none."""
    check = container.config["health"]
    if check:
        from ocicore.engine import health_timers

        health_timers.start(engine, container, startup=bool(check.get("startup")))


def start(engine: Engine, container: Container) -> None:
    """Start a container in the background; nothing happens to one that runs. Raises Error."""
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
        if container.status == records.RUNNING:
            return
        if container.status == records.STOPPED:
            from ocicore.engine import cleanup

            cleanup.take_down(engine, container)
        create_in_runtime(engine, container)
        start_created(engine, container)
    sd_notify.wait_ready(engine, container)


def init(engine: Engine, container: Container) -> None:
    """Create the container in the runtime and start nothing. Raises WrongState when it is past that."""
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
        if container.status not in (records.CONFIGURED, records.EXITED, records.STOPPED):
            raise WrongState(f"container {container.id} has already been created in runtime")
        create_in_runtime(engine, container)
