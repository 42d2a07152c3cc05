"""The process of a health check: the runtime's exec with a limit of time and of output, as our conmon runs it."""

from __future__ import annotations

import os
import time

from ocicore.engine import execute, places
from ocicore.files import quick_json
from ocicore.linux import process, spawn
from ocicore.runtime import monitor_protocol as protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

_SIGKILL = 9
#: After its command was killed the runtime ends by itself; else it is killed too.
_GRACE_SECONDS = 2.0
_PIECE = 65536


def run(
    engine: Engine, container: Container, words: Sequence[str], *, timeout: int, limit: int
) -> tuple[int, bytes]:
    """Run a command in a container: (exit status, the first `limit` bytes of both its outputs).

    Args:
        timeout: nanoseconds; a command that takes longer is killed, and HEALTH_EXIT_TIMED_OUT its status.

    Raises:
        Error: no process can be started in the container.
    """
    options = execute.ExecOptions(words)
    execute.require_running(engine, container)
    specification = execute.process_object(engine, container, options)
    runtime = engine.runtime(container.config["oci_runtime"])
    # Several may check at once.
    pid_file = f"{places.run_dir(engine, container)}/health-{os.urandom(4).hex()}.pid"
    spec_fd = os.memfd_create("process.json", os.MFD_CLOEXEC)
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    output, written = os.pipe2(os.O_CLOEXEC)
    try:
        os.write(spec_fd, quick_json.dumps(specification).encode())
        argv = runtime.argv("exec", "--pid-file", pid_file, "--process", "/proc/self/fd/3", container.id)
        try:
            child = spawn.spawn(
                argv, runtime.env, {0: null, 1: written, 2: written, 3: spec_fd}, new_group=True
            )
        except spawn.SpawnError as error:
            return protocol.HEALTH_EXIT_CANNOT_RUN, error.message.encode()[:limit]
        os.close(written)
        written = -1
        try:
            return _follow(child, output, pid_file, timeout / 1_000_000_000, limit)
        except BaseException:
            _kill(child, pid_file)
            spawn.wait(child)
            raise
    finally:
        spawn.close(fd for fd in (spec_fd, null, output, written) if fd >= 0)
        try:
            os.unlink(pid_file)
        except FileNotFoundError:
            pass


def _follow(child: int, output: int, pid_file: str, seconds: float, limit: int) -> tuple[int, bytes]:
    """Read until the runtime has ended: what a background process of the check holds open keeps nobody waiting."""
    import select

    os.set_blocking(output, False)
    text = bytearray()
    descriptor = process.pidfd_open(child)
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        poller.register(output, select.POLLIN)
        deadline = time.monotonic() + seconds
        expired = killed = False
        while True:
            left = deadline - time.monotonic()
            if left <= 0 and expired and not killed:
                os.killpg(child, _SIGKILL)
                killed = True
            elif left <= 0 and not expired:
                expired = True
                deadline = time.monotonic() + _GRACE_SECONDS
                left = _GRACE_SECONDS
                _kill(child, pid_file)
            ready = dict(poller.poll(None if killed else max(int(left * 1000) + 1, 1)))
            if output in ready and _read(output, text, limit) == 0:
                poller.unregister(output)
            if descriptor in ready:
                break
        while len(text) < limit and _read(output, text, limit) > 0:
            pass
        status = spawn.wait(child)
    finally:
        os.close(descriptor)
    if expired:
        return protocol.HEALTH_EXIT_TIMED_OUT, bytes(text)
    return (status if status >= 0 else 128 - status), bytes(text)


def _read(output: int, text: bytearray, limit: int) -> int:
    """Take what is there, keep what there is room for; how much it was: 0 at the end, -1 when there is nothing now."""
    try:
        piece = os.read(output, _PIECE)
    except BlockingIOError:
        return -1
    text += piece[: limit - len(text)]
    return len(piece)


def _kill(child: int, pid_file: str) -> None:
    """End the command inside the container; killing only the runtime would leave it there."""
    try:
        with open(pid_file) as file:
            pid = int(file.read())
        descriptor = process.pidfd_open(pid)
    except (OSError, ValueError):
        os.killpg(child, _SIGKILL)
        return
    try:
        # Only now is it certain whose number that is.
        if process.parent(pid) == child:
            process.pidfd_send_signal(descriptor, _SIGKILL)
        else:
            os.killpg(child, _SIGKILL)
    except OSError:
        os.killpg(child, _SIGKILL)
    finally:
        os.close(descriptor)
