"""What a handler may touch of the outside world: standard streams, environment, warnings.

Warnings are logrus lines on standard error, because scripts written for podman filter those:
`time="2026-01-02T15:04:05Z" level=warning msg="…"`, or `WARN[0000] …` on a terminal.
"""

from __future__ import annotations

import sys

from ocicore.cli.values import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO, TextIO

    from ocicore.cli.bind import Args
    from ocicore.cli.declare import Program

#: Log levels from the quietest to the most talkative, and other spellings.
LEVELS = ("panic", "fatal", "error", "warning", "info", "debug", "trace")


def level_number(name: str) -> int | None:
    """The rank of a level's name, or None when there is no such level."""
    lowered = name.lower()
    if lowered == "warn":
        lowered = "warning"
    return LEVELS.index(lowered) if lowered in LEVELS else None


class Context:
    """Handed to every handler.

    Slots:
        program: the declaration of the running program.
        path: proper names that lead to the command: ("container", "list"), also when its alias was typed.
        globals: values of the global options.
        environ: the environment.
        stdin, stdout, stderr: text streams (UTF-8, surrogateescape).
        log_level: rank in `LEVELS` of the chosen `--log-level`.
    """

    __slots__ = ("environ", "globals", "log_level", "path", "program", "stderr", "stdin", "stdout")

    def __init__(
        self,
        program: Program,
        *,
        path: tuple[str, ...],
        globals_: Args,
        environ: Mapping[str, str],
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        log_level: int = 3,
    ) -> None:
        self.program = program
        self.path = path
        self.globals = globals_
        self.environ = environ
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.log_level = log_level

    @property
    def command_name(self) -> str:
        """The whole command: "pypod container list"."""
        return " ".join((self.program.name, *self.path))

    @property
    def stdout_bytes(self) -> BinaryIO:
        """Standard output for bytes; what was written as text comes first."""
        self.stdout.flush()
        return self.stdout.buffer

    @property
    def stderr_bytes(self) -> BinaryIO:
        """Standard error for bytes; what was written as text comes first."""
        self.stderr.flush()
        return self.stderr.buffer

    @property
    def stdin_bytes(self) -> BinaryIO:
        """Standard input for bytes."""
        return self.stdin.buffer

    def print(self, text: str = "") -> None:
        """One line on standard output."""
        self.stdout.write(text + "\n")

    def notice(self, message: str) -> None:
        """A remark on standard error that is no log line, whatever the level."""
        self.stdout.flush()
        self.stderr.write(message + "\n")

    def warn(self, message: str) -> None:
        """A warning on standard error; pass this method wherever a `warn` callable is asked for."""
        self.log("warning", message)

    def info(self, message: str) -> None:
        self.log("info", message)

    def debug(self, message: str) -> None:
        self.log("debug", message)

    def log(self, level: str, message: str) -> None:
        """A log line, unless `--log-level` keeps it back."""
        if LEVELS.index(level) <= self.log_level:
            write_log(self.stderr, level, message)


def write_log(stderr: TextIO, level: str, message: str) -> None:
    """Writes a line as logrus does; text that was written to standard output before comes first."""
    if stderr is sys.stderr:
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            pass  # a closed or broken standard output is reported where it matters: at the end
    stderr.write(format_log(level, message, terminal=stderr.isatty()) + "\n")
    stderr.flush()


def format_log(level: str, message: str, *, terminal: bool) -> str:
    """One log line without its newline."""
    if terminal:
        return f"{level[:4].upper()}[0000] {message}"
    import time

    now = time.localtime()
    zone = time.strftime("%z", now)
    zone = "Z" if zone in ("+0000", "-0000") else f"{zone[:3]}:{zone[3:]}"
    bare = message.isascii() and message.replace("-", "").replace(".", "").isalnum()
    text = message if bare else quote(message)
    return f'time="{time.strftime("%Y-%m-%dT%H:%M:%S", now)}{zone}" level={level} msg={text}'
