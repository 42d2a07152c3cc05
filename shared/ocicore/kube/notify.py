"""Sockets between containers of `kube play` and the service manager: play is ready when all its containers are.

A container whose annotation `io.containers.sdnotify[/NAME]` asks for a policy gets a socket of its own instead of the
manager's; what comes there is kept until READY=1 (sd_notify(3)) has come, and goes nowhere.
"""

from __future__ import annotations

import os
import socket
import tempfile
from typing import TYPE_CHECKING

from ocicore.errors import Error, InvalidInput
from ocicore.linux import process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocicore.engine.records import Container

ANNOTATION = "io.containers.sdnotify"
_POLICIES = ("ignore", "container", "conmon", "healthy")
#: Seconds after which is looked whether the container still runs.
_PATIENCE = 0.25


def policy_of(annotations: Mapping[str, str], name: str) -> str:
    """The policy of the container with this name in the pod, "ignore" by default. Raises InvalidInput."""
    policy = annotations.get(f"{ANNOTATION}/{name}") or annotations.get(ANNOTATION) or "ignore"
    if policy not in _POLICIES:
        raise InvalidInput(
            f"container {name}: annotation {ANNOTATION}: unsupported sdnotify policy {policy!r}",
            hint=f"known are {', '.join(_POLICIES)}",
        )
    return policy


class Proxy:
    """One socket; `path` is what the container is told."""

    def __init__(self) -> None:
        # A socket's name may have 107 bytes: it cannot be below just any directory of the engine.
        self._folder = tempfile.mkdtemp(prefix="pypod-notify-")
        self.path = f"{self._folder}/proxy.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(_PATIENCE)
        self._socket.bind(self.path)
        # The container's user may be another one than ours.
        os.chmod(self._folder, 0o755)
        os.chmod(self.path, 0o777)

    def wait(self, container: Container) -> None:
        """Until the container is ready. Raises Error when it ended before, be it that it has been restarted since.

        Args:
            container: as it was started, its pid known.
        """
        first = (container.pid, container.pid_start)
        ended = False
        while True:
            try:
                lines = self._socket.recv(65536).decode("utf-8", "replace").split("\n")
            except TimeoutError:
                if ended:
                    raise Error(
                        f"waiting for sd-notify proxy: container {container.id} exited before READY=1 came"
                    ) from None
                ended = not process.alive(*first)  # what it sent last is still read
                continue
            if "READY=1" in lines:
                return

    def close(self) -> None:
        """Remove the socket."""
        self._socket.close()
        for remove, path in ((os.unlink, self.path), (os.rmdir, self._folder)):
            try:
                remove(path)
            except FileNotFoundError:
                pass
