"""Paired timing: A B A B …, so that a drift of the machine's speed hits both; the figure is the median of the pairs' ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

Command = Sequence[str]
#: A command, or what makes one for each run.
Made = Command | Callable[[], Command]
Step = Callable[[], None]


class Failed(Exception):
    """A command of a case did not succeed."""


def execute(command: Command, *, cwd: str | None = None) -> float:
    """Run one command, its output thrown away; seconds of wall time. Raises Failed with what it said."""
    return measure(command, cwd=cwd)[0]


def measure(command: Command, *, cwd: str | None = None) -> tuple[float, int]:
    """Like `execute`: (seconds, peak resident memory in bytes of the largest process it was)."""
    read_end, write_end = os.pipe()
    with tempfile.TemporaryFile() as said, open(read_end) as report:
        launcher = [sys.executable, "-IS", str(Path(__file__).with_name("timed.py")), str(write_end)]
        subprocess.run(
            [*launcher, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd=cwd,
            pass_fds=(write_end,),
            check=False,
        )
        os.close(write_end)
        words = report.read().split()
        if len(words) != 3 or words[1] != "0":
            said.seek(0)
            text = said.read().decode(errors="replace").strip()[-400:]
            raise Failed(f"{' '.join(command)}: exit status {words[1] if words else 'unknown'}: {text}")
    return float(words[0]), int(words[2]) * 1024


class Pair:
    """One thing done by both: the commands to time, and what is done before each timed run (not timed)."""

    def __init__(
        self,
        name: str,
        ours: Made,
        theirs: Made,
        *,
        before_ours: Step | None = None,
        before_theirs: Step | None = None,
        runs: int = 7,
        warm: bool = True,
    ) -> None:
        self.name = name
        self.ours, self.theirs = ours, theirs
        self.before_ours, self.before_theirs = before_ours, before_theirs
        self.runs = runs
        self.warm = warm

    def measure(self) -> Result:
        """Warm both up once (unless the case says otherwise), then time `runs` pairs."""
        spent: tuple[list[float], list[float]] = ([], [])
        peaks = [0, 0]
        for number in range(0 if self.warm else 1, self.runs + 1):
            for side, (command, before) in enumerate(
                ((self.ours, self.before_ours), (self.theirs, self.before_theirs))
            ):
                if before is not None:
                    before()
                seconds, peak = measure(command() if callable(command) else command)
                peaks[side] = max(peaks[side], peak)
                if number:
                    spent[side].append(seconds)
        return Result(self.name, *spent, peaks=(peaks[0], peaks[1]))


class Result:
    """Seconds of both sides, pair by pair, and the peak memory of each in bytes."""

    def __init__(
        self, name: str, ours: list[float], theirs: list[float], *, peaks: tuple[int, int] = (0, 0)
    ) -> None:
        self.name, self.ours, self.theirs, self.peaks = name, ours, theirs, peaks

    @property
    def ratio(self) -> float:
        """Median of ours / theirs over the pairs."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    def row(self) -> tuple[str, str, str, str, str]:
        """Columns of the printed table."""

        def text(seconds: list[float]) -> str:
            middle = statistics.median(seconds)
            return f"{middle * 1000:.0f} ms" if middle < 10 else f"{middle:.1f} s"

        memory = " / ".join(f"{peak / 1e6:.0f}" for peak in self.peaks)
        return self.name, text(self.ours), text(self.theirs), f"{self.ratio:.2f}", memory


class Counts:
    """Something counted rather than timed, once for each side."""

    def __init__(self, name: str, ours: int, theirs: int) -> None:
        self.name, self.ours, self.theirs = name, [float(ours)], [float(theirs)]
        self.peaks = (0, 0)

    def measure(self) -> Counts:
        """It was counted already."""
        return self

    @property
    def ratio(self) -> float:
        """ours / theirs."""
        return self.ours[0] / self.theirs[0]

    def row(self) -> tuple[str, str, str, str, str]:
        """Columns of the printed table."""
        return self.name, f"{self.ours[0]:.0f}", f"{self.theirs[0]:.0f}", f"{self.ratio:.2f}", ""


def quiet(*commands: Command) -> Step:
    """A step that runs commands and does not care whether they succeed (removing what may not be there)."""

    def step() -> None:
        for command in commands:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )

    return step


def settle() -> None:
    """Have dirty pages written before a case that is bound by the disk."""
    os.sync()
