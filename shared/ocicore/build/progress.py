"""What a build tells whoever watches it: buildah's lines, or an object a line; a terminal's view is `cli.build_view`.

The methods are called from several threads when stages are built side by side.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ocicore.build.options import BuildResult


class Place:
    """A step of a build.

    Attributes:
        label: of a build for several platforms ("[linux/arm64] "), else "".
        stage, stages: which stage of how many, from 1; name: its alias, "" for none.
        step, steps: which step of how many, from 1.
    """

    __slots__ = ("label", "name", "stage", "stages", "step", "steps")

    def __init__(self, label: str, stage: int, stages: int, name: str, step: int, steps: int) -> None:
        self.label = label
        self.stage = stage
        self.stages = stages
        self.name = name
        self.step = step
        self.steps = steps

    def key(self) -> tuple[str, int, int]:
        """What makes two places the same."""
        return self.label, self.stage, self.step

    def __str__(self) -> str:
        stage = f"[{self.stage}/{self.stages}] " if self.stages > 1 else ""
        return f"{self.label}{stage}STEP {self.step}/{self.steps}"


class BuildProgress:
    """Plain lines in the order of events.

    Args:
        write: receives one line without newline.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write_line = write
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """A line that belongs to no step."""
        with self._lock:
            self._write_line(text)

    def began(self, place: Place, text: str) -> None:
        """A step begins: its text is the instruction."""
        self.say(f"{place}: {text}")

    def cached(self, place: Place, image_id: str) -> None:
        """The step was found in the cache."""
        self.say(f"{place.label}--> Using cache {image_id}")

    def made(self, place: Place, image_id: str) -> None:
        """There is an image of everything up to the step."""
        self.say(f"{place.label}--> {image_id[:12]}")

    def ended(self, place: Place, seconds: float) -> None:
        """The step is done."""

    def failed(self, place: Place, message: str) -> None:
        """The step failed; the error follows by itself."""

    def finished(self, result: BuildResult) -> None:
        """The build is done."""

    @contextmanager
    def streams(self, place: Place, stdout: int, stderr: int) -> Iterator[tuple[int, int]]:
        """Descriptors for what a command writes, instead of the given ones."""
        yield stdout, stderr


class JsonLines(BuildProgress):
    """One JSON object a line, each with "event" and "time" (seconds since the build began)."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(write)
        self._start = monotonic()

    def _event(self, event: str, place: Place | None = None, **values: object) -> None:
        import json

        found: dict[str, object] = {"event": event, "time": round(monotonic() - self._start, 3)}
        if place is not None:
            found |= {"stage": place.stage, "stages": place.stages, "step": place.step, "steps": place.steps}
            if place.name:
                found["name"] = place.name
            if place.label:
                found["platform"] = place.label.strip("[] ")
        # Whatever bytes a command writes, this is UTF-8.
        text = json.dumps({**found, **values}, ensure_ascii=False)
        super().say(text.encode("utf-8", "replace").decode("utf-8"))

    def say(self, text: str) -> None:
        self._event("note", text=text)

    def began(self, place: Place, text: str) -> None:
        self._event("step", place, instruction=text)

    def cached(self, place: Place, image_id: str) -> None:
        self._event("cached", place, image=image_id)

    def made(self, place: Place, image_id: str) -> None:
        self._event("image", place, image=image_id)

    def ended(self, place: Place, seconds: float) -> None:
        self._event("done", place, seconds=round(seconds, 3))

    def failed(self, place: Place, message: str) -> None:
        self._event("failed", place, error=message)

    def finished(self, result: BuildResult) -> None:
        self._event("result", image=result.image_id, digest=result.digest, names=list(result.names))

    @contextmanager
    def streams(self, place: Place, stdout: int, stderr: int) -> Iterator[tuple[int, int]]:
        with captured(lambda name, line: self._event("output", place, stream=name, text=line)) as numbers:
            yield numbers


@contextmanager
def captured(tell: Callable[[str, str], None]) -> Iterator[tuple[int, int]]:
    """Pipes for standard output and error whose lines go to `tell(name, line)`; all of them have when the context ends.

    A command's child that lives on and holds a pipe open is not waited for longer than two seconds.
    """
    writers: list[int] = []
    readers: list[threading.Thread] = []
    for name in ("stdout", "stderr"):
        reader, writer = os.pipe2(os.O_CLOEXEC)
        writers.append(writer)
        thread = threading.Thread(target=_read_lines, args=(reader, name, tell), name=name, daemon=True)
        thread.start()
        readers.append(thread)
    try:
        yield writers[0], writers[1]
    finally:
        for writer in writers:
            os.close(writer)
        for thread in readers:
            thread.join(2)


def _read_lines(descriptor: int, name: str, tell: Callable[[str, str], None]) -> None:
    with open(descriptor, encoding="utf-8", errors="replace", newline="\n") as stream:
        for line in stream:
            tell(name, line.rstrip("\r\n"))
