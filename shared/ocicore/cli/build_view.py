"""A build on a terminal: finished steps with their times, below them what is being done now, with its last output.

What is finished scrolls away like ordinary lines; only the lower part is drawn anew.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from time import monotonic
from typing import TYPE_CHECKING

from ocicore.build.progress import BuildProgress, JsonLines, Place, captured
from ocicore.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from ocicore.build.environment import BuildEnvironment
    from ocicore.build.options import BuildResult

KINDS = ("auto", "plain", "tty", "json")
_TAIL = 5
#: Columns of "12m34s", "cached" or "failed".
_TIME_WIDTH = 7
#: Output of a step that is kept to be shown should it fail, in lines.
_KEPT = 2000
_SECONDS_A_FRAME = 0.1


@contextlib.contextmanager
def shown(
    kind: str,
    stream: TextIO,
    write: Callable[[str], None],
    environment: BuildEnvironment,
    *,
    quiet: bool,
) -> Iterator[BuildProgress]:
    """What --progress asks for; "auto" is a live view on a terminal, and lines elsewhere.

    Args:
        stream: where `write` writes.
        environment: of the build; with a live view its remarks appear above it, and pulls draw nothing of their own.

    Raises:
        InvalidInput: an unknown word.
    """
    if kind not in KINDS:
        raise InvalidInput(f'unknown --progress "{kind}"', hint=f"choose one of {', '.join(KINDS)}")
    if kind == "json":
        yield JsonLines(write)
    elif not quiet and (kind == "tty" or (kind == "auto" and stream.isatty())):
        view = LiveView(stream)
        environment.quiet_pulls = True
        environment.warn = lambda text: view.say(f"Warning: {text}")
        with view:
            yield view
    else:
        yield BuildProgress(write)


class _Running:
    """A step being done."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.begun = monotonic()
        self.from_cache = False
        self.output: list[str] = []


class LiveView(BuildProgress):
    """Draws on a terminal; to be used as a context, which leaves the terminal in order.

    Args:
        stream: the terminal.
        width: its columns, asked for at every frame.
    """

    def __init__(
        self, stream: TextIO, width: Callable[[], int] = lambda: shutil.get_terminal_size().columns
    ) -> None:
        super().__init__(lambda text: None)
        self._stream = stream
        self._width = width
        self._running: dict[tuple[str, int, int], _Running] = {}
        self._drawn = 0
        self._ended = threading.Event()
        self._drawer = threading.Thread(target=self._draw_on, name="view", daemon=True)

    def __enter__(self) -> LiveView:
        self._drawer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._drawer.join()
        with self._lock:
            self._erase()
            self._stream.flush()

    def say(self, text: str) -> None:
        with self._lock:
            self._above(text)

    def began(self, place: Place, text: str) -> None:
        with self._lock:
            self._running[place.key()] = _Running(f"{place}: {text}")

    def cached(self, place: Place, image_id: str) -> None:
        with self._lock:
            running = self._running.get(place.key())
            if running is not None:
                running.from_cache = True

    def made(self, place: Place, image_id: str) -> None:
        """The times say enough."""

    def ended(self, place: Place, seconds: float) -> None:
        with self._lock:
            running = self._running.pop(place.key(), None)
            if running is not None:
                self._above(
                    _line(running.text, "cached" if running.from_cache else _time(seconds), self._width())
                )

    def failed(self, place: Place, message: str) -> None:
        with self._lock:
            running = self._running.pop(place.key(), None)
            if running is not None:
                self._above(_line(running.text, "failed", self._width()))
                for line in running.output:
                    self._above(f"    {line}")

    def finished(self, result: BuildResult) -> None:
        """The caller prints the image's id."""

    @contextlib.contextmanager
    def streams(self, place: Place, stdout: int, stderr: int) -> Iterator[tuple[int, int]]:
        def tell(name: str, line: str) -> None:
            with self._lock:
                running = self._running.get(place.key())
                if running is not None:
                    running.output.append(_printable(line))
                    del running.output[:-_KEPT]

        with captured(tell) as numbers:
            yield numbers

    def _draw_on(self) -> None:
        while not self._ended.wait(_SECONDS_A_FRAME):
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            self._erase()
            width = self._width()
            lines = []
            for running in self._running.values():
                lines.append(_line(running.text, _time(monotonic() - running.begun), width))
                lines += [f"    {line}"[: width - 1] for line in running.output[-_TAIL:]]
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()
            self._drawn = len(lines)

    def _above(self, text: str) -> None:
        self._erase()
        self._stream.write(f"{text}\n")

    def _erase(self) -> None:
        if self._drawn:
            self._stream.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0


def _line(text: str, right: str, width: int) -> str:
    """ "text      right", cut to the width."""
    room = max(width - _TIME_WIDTH - 2, 10)
    short = text if len(text) <= room else f"{text[: room - 1]}…"
    return f"{short:<{room}} {right:>{_TIME_WIDTH}}"


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f}s"
    return f"{int(seconds) // 60}m{int(seconds) % 60:02}s"


def _printable(line: str) -> str:
    """A command's line without what would move the cursor; of a line drawn over itself, the last state."""
    shown = line.rpartition("\r")[2].expandtabs()
    return "".join(letter for letter in shown if letter.isprintable())
