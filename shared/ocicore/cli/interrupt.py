"""Signals that end a command which has something to tidy up: SIGINT, SIGTERM and SIGHUP become an exception.

A second signal of the same kind ends the process at once, as if there were no handler. On the hot path.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Any
else:
    import _signal  # what `signal` wraps in enumerations

_NAMES: dict[int, str] = {_signal.SIGHUP: "SIGHUP", _signal.SIGINT: "SIGINT", _signal.SIGTERM: "SIGTERM"}


class Interrupted(KeyboardInterrupt):
    """A signal came. `status` is the exit status that says so (128 + number)."""

    def __init__(self, number: int) -> None:
        self.message = f"interrupted by {_NAMES[number]}"
        self.status = 128 + number
        super().__init__(self.message)


class ending:
    """As a context: a signal calls `stop` and raises Interrupted in the main thread.

    As with buildah SIGINT counts even where the caller had it ignored, as shells do for commands in the background;
    an ignored SIGHUP (nohup) stays ignored.

    Args:
        stop: makes other threads come to an end; must not wait.
    """

    __slots__ = ("_before", "_stop")

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in _NAMES:
            if number != _signal.SIGHUP or _signal.getsignal(number) != _signal.SIG_IGN:
                self._before[number] = _signal.signal(number, self._handle)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            _signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        _signal.signal(number, _signal.SIG_DFL)
        self._stop()
        raise Interrupted(number)
