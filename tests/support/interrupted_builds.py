"""Builds that are ended by a signal in the middle of a RUN, and what is to be left of them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from support.programs import Tool

#: A number of seconds that no other sleep has, so that a command that lives on is found.
_seconds = iter(range(51_000 + os.getpid() % 1000 * 50, 200_000))


class Build:
    """A build whose RUN sleeps.

    Attributes:
        process: of the program; temporary: its $TMPDIR; marker: argument of the sleep.
    """

    def __init__(self, process: subprocess.Popen[bytes], temporary: Path, marker: str) -> None:
        self.process = process
        self.temporary = temporary
        self.marker = marker

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; (exit status, what was written since the commands began)."""
        self.process.send_signal(number)
        assert self.process.stdout is not None
        # The end of the pipe: nobody writes any more, the command neither.
        rest = self.process.stdout.read().decode()
        return self.process.wait(60), rest

    def alive(self) -> bool:
        """Whether a command of the build goes on."""
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    if f"\0{self.marker}\0".encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                        return True
        return False

    def gone(self) -> bool:
        """Whether no command goes on, a moment later."""
        end = time.monotonic() + 10
        while self.alive():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True


@contextlib.contextmanager
def begun(
    tool: Tool,
    folder: Path,
    context: Path,
    text: str,
    *options: str,
    commands: int = 1,
    network: str = "none",
) -> Iterator[Build]:
    """A build in which `commands` RUN instructions have begun to sleep.

    Args:
        folder: where its $TMPDIR is, the user's own.
        text: of the Containerfile; SLEEP stands for a command that says so and sleeps.
    """
    marker = str(next(_seconds))
    (context / "Containerfile.slow").write_text(text.replace("SLEEP", f"echo asleep; exec sleep {marker}"))
    process = subprocess.Popen(
        [
            # As for a command in the background of a script: an ignored SIGINT is inherited.
            *("sh", "-c", 'trap "" INT; exec "$@"', "sh"),
            *tool.argv,
            *(
                "build",
                "--network",
                network,
                "-f",
                str(context / "Containerfile.slow"),
                *options,
                str(context),
            ),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**(os.environ if tool.env is None else tool.env), "TMPDIR": str(folder)},
        cwd=tool.cwd,
    )
    assert process.stdout is not None
    asleep = []
    try:
        while len(asleep) < commands:
            line = process.stdout.readline().decode()
            assert line, f"the build ended: {process.wait()} {asleep}"
            if line.rstrip().endswith("asleep") and "echo" not in line:
                asleep.append(line)
        build = Build(process, folder, marker)
        while not build.alive():  # the shell said so before it became sleep
            assert process.poll() is None
            time.sleep(0.01)
        yield build
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
