"""Commands under a guard: their statuses and descriptors, and that nothing of them is left."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ocicore.errors import Error
from ocicore.linux import process
from ocicore.linux.commands import Commands, Stopped
from ocicore.linux.spawn import SpawnError

PATIENCE = 60
#: Writes its pid to the file, and sleeps.
SLEEPER = "import os, sys, time; open(sys.argv[1] + '.new', 'w').write(str(os.getpid())); os.rename(sys.argv[1] + '.new', sys.argv[1]); time.sleep(1000)"


def python(script: str, *args: str) -> list[str]:
    return [sys.executable, "-ISc", script, *args]


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children() -> set[int]:
    """This process's, ended ones that nobody waited for too; other tests may have left some."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == os.getpid():
                    found.add(int(name))
    return found


def pid_in(path: Path) -> int:
    wait_until(path.exists)
    return int(path.read_text())


class Running:
    """A command in a thread of its own."""

    def __init__(self, argv: list[str], after: list[str] | None = None) -> None:
        self.commands = Commands()
        self.ended: int | Error | None = None
        self._words = argv, after or []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        argv, after = self._words
        try:
            self.ended = self.commands.run(argv, {}, {}, after)
        except Error as error:
            self.ended = error

    def join(self) -> int | Error | None:
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return self.ended


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("", 0),
        ("raise SystemExit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGUSR1)", 128 + signal.SIGUSR1),
    ],
)
def test_status(script: str, status: int) -> None:
    assert Commands().run(python(script), {}, {}) == status


def test_descriptors_and_signals_of_the_command(tmp_path: Path) -> None:
    """Nothing is blocked, and of what Python ignores or handles nothing is inherited."""
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        with open(tmp_path / "out", "w+b") as out:
            # An interpreter ignores SIGPIPE by itself: what was inherited is seen before it starts.
            argv = ["/bin/sh", "-c", "cat /proc/self/status >&5"]
            assert Commands().run(argv, {"PATH": "/usr/bin:/bin"}, {5: out.fileno()}) == 0
            out.seek(0)
            text = out.read().decode()
    finally:
        signal.signal(signal.SIGUSR2, before)
    values = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert int(values["SigBlk"], 16) == 0
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGUSR2, signal.SIGINT):
        assert not int(values["SigIgn"], 16) >> (number - 1) & 1


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    before = children()
    with pytest.raises(SpawnError, match="no such file or directory"):
        Commands().run([str(tmp_path / "none")], {}, {})
    assert children() <= before


def test_stopped_with_all_it_started(tmp_path: Path) -> None:
    """Also what has left its parent, its group and its session; only then what is to be done afterwards."""
    script = f"import os\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  exec({SLEEPER!r})\n os._exit(0)\nos.wait()\nimport time; time.sleep(1000)"
    mark = tmp_path / "after"
    after = python("import sys; open(sys.argv[1], 'x').close()", str(mark))
    running = Running(python(script, str(tmp_path / "pid")), after)
    lost = pid_in(tmp_path / "pid")
    running.commands.stop()
    assert isinstance(running.join(), Stopped)
    assert not process.alive(lost)
    assert mark.exists()
    with pytest.raises(Stopped):
        running.commands.run(python(""), {}, {})


def test_no_clean_up_after_an_ordinary_end(tmp_path: Path) -> None:
    after = python("import sys; open(sys.argv[1], 'x').close()", str(tmp_path / "after"))
    assert Commands().run(python("raise SystemExit(3)"), {}, {}, after) == 3
    assert not (tmp_path / "after").exists()


def test_a_guard_that_is_killed_takes_its_command_with_it(tmp_path: Path) -> None:
    running = Running(python(SLEEPER, str(tmp_path / "pid")))
    command = pid_in(tmp_path / "pid")
    guard = process.parent(command)
    assert guard != os.getpid()
    os.kill(guard, signal.SIGKILL)
    assert running.join() == 128 + signal.SIGKILL
    wait_until(lambda: not process.alive(command))


def test_the_death_of_its_caller_ends_it(tmp_path: Path) -> None:
    script = "import sys; from ocicore.linux.commands import Commands; Commands().run(sys.argv[2:], {}, {})"
    words = python(SLEEPER, str(tmp_path / "pid"))
    path = os.pathsep.join(sys.path)
    caller = os.posix_spawn(sys.executable, [sys.executable, "-c", script, "x", *words], {"PYTHONPATH": path})
    command = pid_in(tmp_path / "pid")
    os.kill(caller, signal.SIGKILL)
    os.waitpid(caller, 0)
    wait_until(lambda: not process.alive(command))


def test_a_stop_while_the_command_ends_by_itself() -> None:
    """The thread that waits may have reaped the guard in between: that is no error of who stops."""
    commands = Commands()
    gone = os.posix_spawn(sys.executable, python(""), {})
    os.waitpid(gone, 0)
    commands._guards.add(gone)
    commands.stop()
    assert commands.stopped()
