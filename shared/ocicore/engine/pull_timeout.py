"""A pull may take longer than systemd gives a service to start: it is told to wait, again and again, as long as we pull.

systemd.service(5): "EXTEND_TIMEOUT_USEC=" of sd_notify(3). Five minutes in all, as podman does.
"""

from __future__ import annotations

import socket
import threading

from ocicore.image.progress import Progress

_EXTENSION_SECONDS = 30
_TIMES = 10
#: Earlier than the extension ends.
_EVERY_SECONDS = 25
_BEGINNING = "Trying to pull "


class Extending(Progress):
    """Passes on to another Progress, and tells systemd from the first attempt on.

    Args:
        address: of NOTIFY_SOCKET.
    """

    def __init__(self, inner: Progress, address: str) -> None:
        self._inner = inner
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._done = threading.Event()
        self._begun = False

    def note(self, text: str) -> None:
        self._inner.note(text)
        if text.startswith(_BEGINNING) and not self._begun:
            self._begun = True
            name = text.removeprefix(_BEGINNING).removesuffix("...")
            minutes = _EXTENSION_SECONDS * _TIMES // 60
            self._inner.note(f"Pulling image //{name} inside systemd: setting pull timeout to {minutes}m0s")
            if self._extend():
                threading.Thread(target=self._repeat, daemon=True).start()

    def blob_started(self, digest: str, size: int | None, kind: str) -> None:
        self._inner.blob_started(digest, size, kind)

    def blob_progress(self, digest: str, done: int) -> None:
        self._inner.blob_progress(digest, done)

    def blob_done(self, digest: str, *, skipped: bool) -> None:
        self._inner.blob_done(digest, skipped=skipped)

    def finish(self) -> None:
        """No further extension: what comes next has the ordinary time."""
        self._done.set()

    def _repeat(self) -> None:
        for _ in range(_TIMES - 1):
            if self._done.wait(_EVERY_SECONDS) or not self._extend():
                return

    def _extend(self) -> bool:
        """Whether systemd could be told."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            try:
                sock.sendto(f"EXTEND_TIMEOUT_USEC={_EXTENSION_SECONDS * 1_000_000}".encode(), self._address)
            except OSError as error:
                self._inner.note(f"Increasing EXTEND_TIMEOUT_USEC failed: {(error.strerror or '').lower()}")
                return False
        return True
