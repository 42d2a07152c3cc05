"""Signals that end a command which has something to tidy up: SIGINT, SIGTERM and SIGHUP become an exception.

A second signal of the same kind ends the process at once, as if there were no handler.
"""

from __future__ import annotations

import contextlib
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A signal came. `status` is the exit status that says so (128 + number)."""

    def __init__(self, number: int) -> None:
        self.message = f"interrupted by {signal.Signals(number).name}"
        self.status = 128 + number
        super().__init__(self.message)


@contextlib.contextmanager
def ending(stop: Callable[[], None]) -> Iterator[None]:
    """While this lasts a signal calls `stop` and raises Interrupted in the main thread.

    As with buildah SIGINT counts even where the caller had it ignored, as shells do for commands in the background;
    an ignored SIGHUP (nohup) stays ignored.

    Args:
        stop: makes other threads come to an end; must not wait.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        stop()
        raise Interrupted(number)

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue
        before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
