"""What a copy reports while it works; drawing is the programs' business."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Progress:
    """Receives what happens. This one ignores everything; calls may come from several threads."""

    def note(self, text: str) -> None:
        """A line of the dialogue ("Getting image source signatures")."""

    #: Where remarks for whoever looks for a mistake go; the programs set it.
    debug: Callable[[str], None] = staticmethod(lambda text: None)

    def blob_started(self, digest: str, size: int | None, kind: str) -> None:
        """A blob's turn has come; `kind` is "blob" or "config", size in bytes."""

    def blob_progress(self, digest: str, done: int) -> None:
        """So many bytes of the source were read."""

    def blob_done(self, digest: str, *, skipped: bool) -> None:
        """The blob is at the destination; `skipped` when it was there already."""


class PlainProgress(Progress):
    """Lines as skopeo and podman print them when nobody watches."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def note(self, text: str) -> None:
        """Print a line."""
        self._write(text + "\n")

    def blob_started(self, digest: str, size: int | None, kind: str) -> None:
        """Print which blob is copied."""
        self._write(f"Copying {kind} {digest}\n")
