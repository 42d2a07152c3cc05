"""Showing what an image copy does: bars on a terminal, the peers' lines elsewhere, or JSON lines.

Used as a context, so that the terminal is left in order whatever happens:

    with progress.shown(ctx.stderr) as report:
        copy(source, destination, progress=report, ...)
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from ocicore.image.progress import PlainProgress, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TextIO

#: Digits of a digest that are shown on a bar.
_SHORT = 12


@contextlib.contextmanager
def shown(
    stream: TextIO,
    *,
    quiet: bool = False,
    json: bool = False,
    debug: Callable[[str], None] | None = None,
) -> Iterator[Progress]:
    """What draws on a stream.

    Args:
        stream: usually standard error.
        quiet: show nothing.
        json: one JSON object a line, for programs.
        debug: gets remarks for whoever looks for a mistake.
    """

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    report: Progress
    if quiet:
        report = Progress()
    elif json:
        report = JsonProgress(stream)
    elif stream.isatty():
        report = BarProgress(stream)
    else:
        report = PlainProgress(write)
    if debug is not None:
        report.debug = debug
    with report if isinstance(report, BarProgress) else contextlib.nullcontext():
        yield report


class JsonProgress(Progress):
    """One object a line: {"event": "note" | "start" | "progress" | "done", …}.

    Progress is reported in steps of at least one per cent or one mebibyte, whichever is more.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._reported: dict[str, int] = {}

    def _write(self, **values: object) -> None:
        from ocicore.cli.gojson import dumps

        with self._lock:
            self._stream.write(dumps(values, escape_html=False) + "\n")
            self._stream.flush()

    def note(self, text: str) -> None:
        self._write(event="note", text=text)

    def blob_started(self, digest: str, size: int | None, kind: str) -> None:
        self._sizes[digest] = size or 0
        self._reported[digest] = 0
        self._write(event="start", kind=kind, digest=digest, size=size)

    def blob_progress(self, digest: str, done: int) -> None:
        step = max(self._sizes.get(digest, 0) // 100, 1 << 20)
        if done - self._reported.get(digest, 0) >= step:
            self._reported[digest] = done
            self._write(event="progress", digest=digest, done=done)

    def blob_done(self, digest: str, *, skipped: bool) -> None:
        self._write(event="done", digest=digest, skipped=skipped)


class BarProgress(Progress):
    """A bar for every blob that is on its way; finished ones become plain lines above."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars

        self._console = Console(file=stream, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            console=self._console,
            transient=True,
        )
        self._lock = threading.Lock()
        self._tasks: dict[str, Any] = {}
        self._kinds: dict[str, str] = {}

    def __enter__(self) -> BarProgress:
        self._bars.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bars.stop()

    def note(self, text: str) -> None:
        self._console.print(text, markup=False)

    def blob_started(self, digest: str, size: int | None, kind: str) -> None:
        with self._lock:
            self._kinds[digest] = kind
            self._tasks[digest] = self._bars.add_task(f"Copying {kind} {_short(digest)}", total=size)

    def blob_progress(self, digest: str, done: int) -> None:
        task = self._tasks.get(digest)
        if task is not None:
            self._bars.update(task, completed=done)

    def blob_done(self, digest: str, *, skipped: bool) -> None:
        with self._lock:
            task = self._tasks.pop(digest, None)
            kind = self._kinds.pop(digest, "blob")
        if task is not None:
            self._bars.remove_task(task)
        outcome = "skipped: already exists" if skipped else "done"
        self._console.print(f"Copying {kind} {_short(digest)} {outcome}", markup=False)


def _short(digest: str) -> str:
    return digest.partition(":")[2][:_SHORT] or digest
