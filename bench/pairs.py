"""Paired timing: A B A B …, so that a drift of the machine's speed hits both; the figure is the median of the pairs' ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence

Command = Sequence[str]
Step = Callable[[], None]


class Failed(Exception):
    """A command of a case did not succeed."""


def execute(command: Command, *, cwd: str | None = None) -> float:
    """Run one command, its output thrown away; seconds of wall time. Raises Failed with what it said."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=cwd,
        check=False,
    )
    spent = time.perf_counter() - start
    if done.returncode:
        raise Failed(
            f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.decode(errors='replace').strip()[-400:]}"
        )
    return spent


class Pair:
    """One thing done by both: the commands to time, and what is done before each timed run (not timed)."""

    def __init__(
        self,
        name: str,
        ours: Command,
        theirs: Command,
        *,
        before_ours: Step | None = None,
        before_theirs: Step | None = None,
        runs: int = 7,
    ) -> None:
        self.name = name
        self.ours, self.theirs = ours, theirs
        self.before_ours, self.before_theirs = before_ours, before_theirs
        self.runs = runs

    def measure(self) -> Result:
        """Warm both up once, then time `runs` pairs."""
        spent: tuple[list[float], list[float]] = ([], [])
        for number in range(self.runs + 1):
            for side, (command, before) in enumerate(
                ((self.ours, self.before_ours), (self.theirs, self.before_theirs))
            ):
                if before is not None:
                    before()
                seconds = execute(command)
                if number:
                    spent[side].append(seconds)
        return Result(self.name, *spent)


class Result:
    """Seconds of both sides, pair by pair."""

    def __init__(self, name: str, ours: list[float], theirs: list[float]) -> None:
        self.name, self.ours, self.theirs = name, ours, theirs

    @property
    def ratio(self) -> float:
        """Median of ours / theirs over the pairs."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    def row(self) -> tuple[str, str, str, str]:
        """Columns of the printed table."""

        def text(seconds: list[float]) -> str:
            middle = statistics.median(seconds)
            return f"{middle * 1000:.0f} ms" if middle < 10 else f"{middle:.1f} s"

        return self.name, text(self.ours), text(self.theirs), f"{self.ratio:.2f}"


class Counts:
    """Something counted rather than timed, once for each side."""

    def __init__(self, name: str, ours: int, theirs: int) -> None:
        self.name, self.ours, self.theirs = name, [float(ours)], [float(theirs)]

    def measure(self) -> Counts:
        """It was counted already."""
        return self

    @property
    def ratio(self) -> float:
        """ours / theirs."""
        return self.ours[0] / self.theirs[0]

    def row(self) -> tuple[str, str, str, str]:
        """Columns of the printed table."""
        return self.name, f"{self.ours[0]:.0f}", f"{self.theirs[0]:.0f}", f"{self.ratio:.2f}"


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
