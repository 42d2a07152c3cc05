"""Checkpoint and restore of containers: criu, through the OCI runtime, keeps the processes; we keep everything around them.

The images of criu lie in `<static directory>/checkpoint` (a pre-dump in `pre-checkpoint`), where podman has them too.
Archives for another machine are made and read by `checkpoint_archive`.
"""

from __future__ import annotations

import os
import shutil
import time

from ocicore.engine import cleanup, events, liveness, places, records
from ocicore.engine.errors import WrongState
from ocicore.errors import Error, InvalidInput, MissingProgram, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

IMAGES = "checkpoint"
PRE_IMAGES = "pre-checkpoint"
SHM = "devshm-checkpoint.tar"
STATS = "stats-dump"
_LOGS = ("dump.log", STATS, SHM)


class CheckpointOptions:
    """What a checkpoint shall be; see the flags of `container checkpoint`."""

    __slots__ = ("archive", "compression", "file_locks", "ignore_rootfs", "ignore_volumes", "image", "keep",
                 "leave_running", "pre", "tcp_established", "with_previous")  # fmt: skip

    def __init__(self, **values: Any) -> None:
        self.archive: str = values.get("archive", "")
        self.compression: str = values.get("compression", "zstd")
        self.file_locks: bool = values.get("file_locks", False)
        self.ignore_rootfs: bool = values.get("ignore_rootfs", False)
        self.ignore_volumes: bool = values.get("ignore_volumes", False)
        self.image: str = values.get("image", "")
        self.keep: bool = values.get("keep", False)
        self.leave_running: bool = values.get("leave_running", False)
        self.pre: bool = values.get("pre", False)
        self.tcp_established: bool = values.get("tcp_established", False)
        self.with_previous: bool = values.get("with_previous", False)


def check_support(engine: Engine, container: Container) -> None:
    """Raises Unsupported or MissingProgram, with the reason, where containers cannot be checkpointed."""
    if engine.rootless:
        raise Unsupported("checkpointing a container requires root", hint="run it as root")
    from ocicore.linux import spawn

    runtime = engine.runtime(container.config["oci_runtime"])
    name = runtime.name
    if name.startswith("crun"):
        # crun has criu built in, as a library, or not at all.
        if "+CRIU" not in runtime.version():
            raise Unsupported(
                f"configured runtime does not support checkpoint/restore: {name} was built without criu"
            )
        return
    if name.startswith("runsc"):
        raise Unsupported(f"checkpoints with the runtime {name} are not supported", hint="use runc or crun")
    folders = engine.environ.get("PATH", "").split(":")
    if not spawn.find("criu", [*folders, "/usr/sbin", "/sbin", "/usr/bin"]):
        raise MissingProgram(
            "checkpoint/restore requires at least CRIU 31100: criu is not installed",
            hint="install the package criu",
        )


def checkpoint(engine: Engine, container: Container, options: CheckpointOptions) -> dict[str, Any]:
    """Write a running container's state to disk, and end it unless it shall go on.

    Returns the figures for --print-stats. Raises WrongState, InvalidInput, Unsupported, Error (criu's, with its log's place);
    then the container runs on.
    """
    check_support(engine, container)
    begun = time.monotonic()
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
        if container.status != records.RUNNING:
            raise WrongState(f'"{container.id}" is not running, cannot checkpoint')
        if (
            container.auto_remove
            and not options.archive
            and not options.image
            and not options.leave_running
            and not options.pre
        ):
            raise InvalidInput(
                "cannot checkpoint containers that have been started with '--rm' unless '--export' is used"
            )
        static = places.static_dir(engine, container)
        stays = options.leave_running or options.pre
        network = dict(container.state.get("network") or {})
        _dump(engine, container, static, options)
        if not options.pre:
            _save_shared_memory(static)
        duration = int((time.monotonic() - begun) * 1_000_000)
        if not stays:
            _ended(engine, container)
        if options.archive or options.image:
            from ocicore.engine import checkpoint_archive

            checkpoint_archive.export(engine, container, options, network)
        if not stays:
            marks = {"at": time.time_ns(), "network": network}
            cleanup.take_down(engine, container)
            engine.state.containers.update(container, state={**container.state, "checkpoint": marks})
        figures = {
            "Id": container.id,
            "runtime_checkpoint_duration": duration,
            "criu_statistics": statistics(f"{static}/{STATS}"),
        }
        if not options.keep and not options.pre:
            for name in ("dump.log", STATS):
                _unlink(f"{static}/{name}")
        if options.archive and not options.keep and not options.pre:
            # It is in the archive: what stays here would only be restored by mistake.
            shutil.rmtree(f"{static}/{IMAGES}", ignore_errors=True)
            _unlink(f"{static}/{SHM}")
        if container.auto_remove and not stays:
            cleanup.auto_remove(engine, container)
    events.container(engine, "checkpoint", container)
    return figures


def _dump(engine: Engine, container: Container, static: str, options: CheckpointOptions) -> None:
    images = f"{static}/{PRE_IMAGES if options.pre else IMAGES}"
    if options.with_previous and not os.path.isdir(f"{static}/{PRE_IMAGES}"):
        raise InvalidInput(
            f"container {container.name} has no pre-checkpoint", hint="make one with --pre-checkpoint"
        )
    shutil.rmtree(images, ignore_errors=True)
    os.makedirs(images, mode=0o700)
    words = []
    if options.leave_running:
        words.append("--leave-running")
    if options.tcp_established:
        words.append("--tcp-established")
    if options.file_locks:
        words.append("--file-locks")
    if options.pre:
        words.append("--pre-dump")
    if options.with_previous:
        words += ["--parent-path", f"../{PRE_IMAGES}"]
    runtime = engine.runtime(container.config["oci_runtime"])
    try:
        runtime.checkpoint(container.id, image_path=images, work_path=static, options=words)
    except Error as error:
        shutil.rmtree(images, ignore_errors=True)
        reason = _last_error(f"{static}/dump.log")
        error.message = f"checkpointing container {container.name}: {reason or error.message}"
        error.hint = f"criu's log is {static}/dump.log; criu check says what this kernel lacks"
        raise


def _last_error(path: str) -> str:
    """The first line in which criu's log names an error, "" when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if "Error" in line:
                    return line.strip()
    except OSError:
        pass
    return ""


def _save_shared_memory(static: str) -> None:
    """/dev/shm is a mount from outside for criu: its files are ours to keep."""
    if not os.path.ismount(f"{static}/shm"):
        return
    from ocicore.engine import tar_stream

    descriptor = os.open(f"{static}/{SHM}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        tar_stream.write_tree(f"{static}/shm", descriptor)
    finally:
        os.close(descriptor)


def _ended(engine: Engine, container: Container) -> None:
    """criu has ended the processes: wait until that is known."""
    liveness.wait_process(container, 10_000)
    engine.state.containers.update(container, stopped_by_user=True)
    liveness.sync(engine, container)


def restore(
    engine: Engine,
    container: Container,
    *,
    keep: bool = False,
    tcp_established: bool = False,
    tcp_close: bool = False,
    file_locks: bool = False,
    ignore_static_ip: bool = False,
    ignore_static_mac: bool = False,
) -> dict[str, Any]:
    """Let a checkpointed container go on. Returns the figures for --print-stats.

    Raises WrongState, InvalidInput (there is no checkpoint), Unsupported, Error (criu's); then the checkpoint stays.
    """
    check_support(engine, container)
    from ocicore.engine import start

    begun = time.monotonic()
    with engine.lock(container.id):
        engine.state.containers.refresh(container)
        liveness.sync(engine, container)
        if container.status not in (records.CONFIGURED, records.EXITED, records.STOPPED):
            raise WrongState(f"container {container.id} is running or paused, cannot restore")
        static = engine.store.container_dir(container.id)
        images = f"{static}/{IMAGES}"
        if not os.path.exists(f"{images}/inventory.img"):
            raise InvalidInput(
                "a complete checkpoint for this container cannot be found, cannot restore: invalid argument"
            )
        if container.status == records.STOPPED:
            cleanup.take_down(engine, container)
        network = (container.state.get("checkpoint") or {}).get("network") or {}
        words = [
            word
            for word, wanted in (
                ("--tcp-established", tcp_established),
                ("--tcp-close", tcp_close),
                ("--file-locks", file_locks),
            )
            if wanted
        ]
        with _addresses(engine, container, network, ignore_static_ip, ignore_static_mac):
            start.start_dependencies(engine, container)
            try:
                start.restore_in_runtime(engine, container, images, words)
            except Error as error:
                cleanup.take_down(engine, container)
                reason = _last_error(f"{static}/restore.log")
                error.message = f"restoring container {container.name}: {reason or error.message}"
                raise
        kept = {key: value for key, value in container.state.items() if key != "checkpoint"}
        engine.state.containers.update(container, state={**kept, "restored_at": time.time_ns()})
        figures = {
            "Id": container.id,
            "runtime_restore_duration": int((time.monotonic() - begun) * 1_000_000),
            "criu_statistics": statistics(f"{static}/stats-restore"),
        }
        if not keep:
            shutil.rmtree(images, ignore_errors=True)
            shutil.rmtree(f"{static}/{PRE_IMAGES}", ignore_errors=True)
            for name in (*_LOGS, "restore.log", "stats-restore"):
                _unlink(f"{static}/{name}")
    events.container(engine, "restore", container)
    return figures


class _addresses:
    """While it is entered, the container's networks ask for the addresses it had when it was checkpointed."""

    def __init__(
        self, engine: Engine, container: Container, status: dict[str, Any], ignore_ip: bool, ignore_mac: bool
    ) -> None:
        self._engine = engine
        self._container = container
        self._config = container.config
        self._status = status
        self._ignore = (ignore_ip, ignore_mac)

    def __enter__(self) -> None:
        network = self._config["network"]
        wanted = {}
        for name, options in network["networks"].items():
            mine = dict(options)
            for interface in (self._status.get(name, {}).get("interfaces") or {}).values():
                addresses = [
                    str(subnet["ipnet"]).partition("/")[0] for subnet in interface.get("subnets") or ()
                ]
                if addresses and not self._ignore[0]:
                    mine["static_ips"] = addresses
                if interface.get("mac_address") and not self._ignore[1]:
                    mine["static_mac"] = interface["mac_address"]
            if self._ignore[0]:
                mine.pop("static_ips", None)
            if self._ignore[1]:
                mine.pop("static_mac", None)
            wanted[name] = mine
        changed = {**self._config, "network": {**network, "networks": wanted}}
        self._engine.state.containers.update(self._container, config=changed)

    def __exit__(self, *unused: object) -> None:
        self._engine.state.containers.update(self._container, config=self._config)


def fill_shared_memory(engine: Engine, container: Container, static: str) -> None:
    """Put back what was in /dev/shm; called by start with the new mount in place."""
    path = f"{static}/{SHM}"
    if not os.path.exists(path) or not os.path.ismount(f"{static}/shm"):
        return
    from ocicore.engine import tar_stream

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        tar_stream.read_tree(descriptor, f"{static}/shm", rootless=engine.rootless)
    finally:
        os.close(descriptor)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


_DUMP = (
    "freezing_time",
    "frozen_time",
    "memdump_time",
    "memwrite_time",
    "pages_scanned",
    "pages_skipped_parent",
    "pages_written",
)
_RESTORE = ("pages_compared", "pages_skipped_cow", "forking_time", "restore_time", "pages_restored")
_IMAGE_HEAD = 12


def statistics(path: str) -> dict[str, int]:
    """criu's figures (stats.proto in an image file: two magics, a size, the message), {} when there are none."""
    try:
        with open(path, "rb") as file:
            data = file.read(4096)
    except OSError:
        return {}
    for number, payload in _fields(data[_IMAGE_HEAD:]):
        names = {1: _DUMP, 2: _RESTORE}.get(number)
        if names is not None and isinstance(payload, bytes):
            values = dict(_fields(payload))
            return {
                name: value
                for index, name in enumerate(names, 1)
                if isinstance(value := values.get(index), int)
            }
    return {}


def _fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """Fields of a protobuf message: varints and nested messages; what is cut off ends the list."""
    found: list[tuple[int, int | bytes]] = []
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    try:
        while position < len(data):
            key = varint()
            if key & 7 == 0:
                found.append((key >> 3, varint()))
            elif key & 7 == 2:
                length = varint()
                found.append((key >> 3, data[position : position + length]))
                position += length
            else:
                break
    except IndexError:
        pass
    return found
