"""sd_notify(3) on behalf of containers: a service manager that started us learns the monitor's pid and readiness.

container: the program inside reports through a socket that conmon relays; conmon: ready once started; ignore: nothing.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.runtime.types import Mount

#: Where the container finds conmon's socket.
INSIDE = "/run/notify/notify.sock"


def socket_for(engine: Engine, mode: str) -> str:
    """The service manager's socket when conmon has to relay to it, else ""."""
    return engine.environ.get("NOTIFY_SOCKET", "") if mode == "container" else ""


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
    address = engine.environ.get("NOTIFY_SOCKET", "")
    mode = container.config["sdnotify"]
    if not address or mode == "ignore" or not container.conmon_pid:
        return
    lines = [f"MAINPID={container.conmon_pid}"]
    if mode == "conmon":
        lines.append("READY=1")
    import _socket

    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        sock.sendto("\n".join(lines).encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        engine.warn(f"notifying {address}: {(error.strerror or '').lower()}")
    finally:
        sock.close()
