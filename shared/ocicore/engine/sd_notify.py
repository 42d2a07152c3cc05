"""sd_notify(3) on behalf of containers: a service manager that started us learns the monitor's pid and readiness.

container: the program inside reports through a socket that conmon relays; conmon: ready once started; healthy: ready
once its check has succeeded; ignore: nothing. Also the sockets a manager hands over (sd_listen_fds(3)).
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.runtime.types import Mount

#: Where the container finds conmon's socket.
INSIDE = "/run/notify/notify.sock"
#: sd_listen_fds(3): SD_LISTEN_FDS_START.
FIRST_LISTEN_FD = 3


#: Seconds between two looks at the state of the health check.
_POLL = 0.1
_LISTEN = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def address(engine: Engine, container: Container) -> str:
    """The socket of the service manager, or the one that kube play gave the container instead; "" for none."""
    own: str = container.config.get("sdnotify_proxy", "")
    return own or engine.environ.get("NOTIFY_SOCKET", "")


def socket_for(engine: Engine, container: Container) -> str:
    """The socket that conmon has to relay to, else ""."""
    return address(engine, container) if container.config["sdnotify"] == "container" else ""


def mount(bundle: str) -> Mount:
    """The folder in which conmon makes its socket, as a mount for the container."""
    folder = f"{bundle}/notify"
    os.makedirs(folder, mode=0o755, exist_ok=True)
    return {
        "type": "bind",
        "source": folder,
        "destination": os.path.dirname(INSIDE),
        "options": ["bind", "private", "rw"],
    }


def started(engine: Engine, container: Container) -> None:
    """Tell the service manager that conmon is the service's main process, and that it is ready where conmon speaks."""
    target = address(engine, container)
    mode = container.config["sdnotify"]
    if not target or mode == "ignore" or not container.conmon_pid:
        return
    lines = [f"MAINPID={container.conmon_pid}"]
    if mode == "conmon":
        lines.append("READY=1")
    _send(engine, target, "\n".join(lines))


def send(engine: Engine, text: str) -> None:
    """Send assignments to the service manager that started us; nothing happens when none did. Failures are warnings."""
    target = engine.environ.get("NOTIFY_SOCKET", "")
    if target:
        _send(engine, target, text)


def wait_ready(engine: Engine, container: Container) -> None:
    """With --sdnotify=healthy: wait until the health check has succeeded, and tell the service manager then.

    The caller does not hold the container's lock. It returns without a word when the container has ended.
    """
    if container.config["sdnotify"] != "healthy":
        return
    import time

    from ocicore.engine import health_check
    from ocicore.linux import process

    while health_check.read(engine, container)["Status"] != "healthy":
        if not process.alive(container.pid, container.pid_start):
            return
        time.sleep(_POLL)
    target = address(engine, container)
    if target:
        _send(engine, target, "READY=1")


def wait_ready_beside(engine: Engine, container: Container) -> None:
    """The same while this program is attached to the container."""
    if container.config["sdnotify"] == "healthy":
        import _thread

        _thread.start_new_thread(wait_ready, (engine, container))


def listen(engine: Engine, given: Sequence[int]) -> tuple[tuple[int, ...], dict[str, str]]:
    """Sockets of a socket unit: (descriptors for the container, its variables).

    Args:
        given: descriptors that the user wants to be passed on; then no others are.

    Raises:
        InvalidInput: LISTEN_FDS is no number, or such a descriptor is not open.
    """
    environ = engine.environ
    count = environ.get("LISTEN_FDS", "")
    if not count:
        return (), {}
    if given:
        engine.warn("Ignoring LISTEN_FDS to preserve custom user-specified FDs")
        return (), {}
    if not (count.isascii() and count.isdigit()):
        raise InvalidInput(f"converting LISTEN_FDS={count}: not a number")
    descriptors = tuple(range(FIRST_LISTEN_FD, FIRST_LISTEN_FD + int(count)))
    for descriptor in descriptors:
        try:
            # The container's and nobody else's: a helper that outlives it would keep the socket busy.
            os.set_inheritable(descriptor, False)
        except OSError:
            raise InvalidInput(f"LISTEN_FDS={count}: file descriptor {descriptor} is not open") from None
    variables = {name: environ[name] for name in _LISTEN if name in environ}
    if "LISTEN_PID" in variables:
        variables["LISTEN_PID"] = "1"
    return descriptors, variables


def forget_listen(engine: Engine) -> None:
    """This program has the variables of conmon's environment, but none of the sockets."""
    engine.environ = {name: value for name, value in engine.environ.items() if name not in _LISTEN}


def _send(engine: Engine, target: str, text: str) -> None:
    import _socket

    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        sock.sendto(text.encode(), "\0" + target[1:] if target.startswith("@") else target)
    except OSError as error:
        engine.warn(f"notifying {target}: {(error.strerror or '').lower()}")
    finally:
        sock.close()
