"""Many containers and many processes on one store, some of them killed: nothing fails, nothing stays behind.

Small numbers in the ordinary run; `make test-many` sets PYPOD_PARALLEL, PYPOD_MANY and PYPOD_KILL_SECONDS.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.programs import Tool, ours
from support.pypod_life import IMAGE, NONET, names, started, until
from support.rootfs import busybox_tar

pytestmark = [pytest.mark.root, pytest.mark.timeout(7200)]  # the large numbers take their time

PARALLEL = int(os.environ.get("PYPOD_PARALLEL", "12"))
MANY = int(os.environ.get("PYPOD_MANY", "16"))
WORKERS = 8
KILL_SECONDS = float(os.environ.get("PYPOD_KILL_SECONDS", "6"))
#: A machine with hundreds of programs at once is slow, not stuck.
PATIENCE = 900


@pytest.fixture
def pypod(tmp_path: Path) -> Iterator[Tool]:
    """pypod with a store of its own that has one image."""
    options = ("--root", f"{tmp_path}/root", "--runroot", f"{tmp_path}/run", "--tmpdir", f"{tmp_path}/tmp")
    tool = ours("pypod", *options)
    archive = tmp_path / "box.tar"
    archive.write_bytes(busybox_tar())
    tool("import", "-c", 'CMD ["sh"]', str(archive), IMAGE)
    yield tool
    tool("rm", "-a", "-f", "-t", "0", "--depend", status=None, timeout=PATIENCE)
    for target in reversed(mounts_below(tmp_path)):
        subprocess.run(["umount", "--lazy", target], check=True)


def mounts_below(place: Path) -> list[str]:
    """Mount points in a directory."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [path for path in (line.split(" ")[4] for line in lines) if path.startswith(f"{place}/")]


def processes_of(place: Path) -> list[str]:
    """Command lines (without their end) of monitors and runtimes that work for the store."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if f"{place}/".encode() in words and int(entry.name) != os.getpid():
            found.append(words[:200].replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


def nothing_is_left(pypod: Tool, place: Path) -> None:
    """No container, mount, process, lock or cgroup of the store; the store is whole."""
    assert names(pypod, "-a", "--external") == []
    end = time.monotonic() + 60
    while processes_of(place) and time.monotonic() < end:
        time.sleep(0.1)  # monitors end after their last clean-up
    assert processes_of(place) == []
    # The driver's home is bound on itself, as with podman.
    assert [path for path in mounts_below(place) if "merged" in path or "shm" in path] == []
    locks = place / "tmp" / "locks"
    assert not locks.exists() or [entry.name for entry in locks.iterdir() if len(entry.name) >= 64] == []
    assert pypod.out("system", "check", timeout=PATIENCE) == ""
    # Directories without a container.
    assert [path.name for path in place.glob("r*/overlay-containers/*") if len(path.name) == 64] == []


def test_parallel_runs(pypod: Tool, tmp_path: Path) -> None:
    def run(number: int) -> str:
        return pypod.out("run", "--rm", *NONET, IMAGE, "echo", str(number), timeout=PATIENCE)

    with ThreadPoolExecutor(PARALLEL) as pool:
        assert list(pool.map(run, range(PARALLEL))) == [str(number) for number in range(PARALLEL)]
    nothing_is_left(pypod, tmp_path)


def test_many_containers_by_several_processes(pypod: Tool, tmp_path: Path) -> None:
    def whole_life(number: int) -> None:
        name = f"c{number}"
        pypod("create", "--name", name, *NONET, IMAGE, "sleep", "1000", timeout=PATIENCE)
        pypod("start", name, timeout=PATIENCE)

    def end(number: int) -> None:
        pypod("stop", "-t", "0", f"c{number}", timeout=PATIENCE)
        pypod("rm", f"c{number}", timeout=PATIENCE)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(whole_life, range(MANY)))
        assert sorted(names(pypod)) == sorted(f"c{number}" for number in range(MANY))
        list(pool.map(end, range(MANY)))
    nothing_is_left(pypod, tmp_path)


#: pypod whose layer comes a second after the record; the file named first is made in between.
_SLOW_CREATE = """
import sys, time
from ocicore.storage.store import Store
mark = sys.argv.pop(1)
create = Store.create_container
def slow(self, **options):
    open(mark, "w").close()
    time.sleep(1)
    return create(self, **options)
Store.create_container = slow
from pypod.main import main
sys.exit(main())
"""


#: pypod that does nothing for a second after `run` has created its container.
_SLOW_RUN = """
import sys, time
import pypod.commands.container.create as command
mark = sys.argv.pop(1)
make = command.make
def slow(*words):
    made = make(*words)
    open(mark, "w").close()
    time.sleep(1)
    return made
command.make = slow
from pypod.main import main
sys.exit(main())
"""


def test_removed_before_it_is_started(pypod: Tool, tmp_path: Path) -> None:
    """`run` that finds its container gone makes nothing for it any more."""
    mark = tmp_path / "created"
    paths = os.pathsep.join(path for path in sys.path if path)
    argv = [sys.executable, "-c", _SLOW_RUN, str(mark), *pypod.argv[1:]]
    process = started(
        Tool(argv, {**os.environ, "PYTHONPATH": paths}), "run", "-d", *NONET, IMAGE, "sleep", "9"
    )
    until(mark.exists, "the container is created")
    pypod("rm", "-f", "--latest")
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert errors.count(b"no such container") == 1, errors
    pypod("rm", "-a")  # takes the lock file that waited
    nothing_is_left(pypod, tmp_path)


def being_created(pypod: Tool, folder: Path) -> tuple[Path, subprocess.Popen[bytes]]:
    """The creation of container c, with the file that says that it is under way."""
    mark = folder / "recorded"
    paths = os.pathsep.join(path for path in sys.path if path)
    argv = [sys.executable, "-c", _SLOW_CREATE, str(mark), *pypod.argv[1:]]
    slow = Tool(argv, {**os.environ, "PYTHONPATH": paths})
    return mark, started(slow, "create", "--name", "c", *NONET, IMAGE, "true")


def test_removed_while_it_is_created(pypod: Tool, tmp_path: Path) -> None:
    """Whoever removes a container between its record and its layer leaves none of the two."""
    mark, process = being_created(pypod, tmp_path)
    until(mark.exists, "the record is made")
    pypod("rm", "-f", "c")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
    nothing_is_left(pypod, tmp_path)


def test_killed_while_it_is_created(pypod: Tool, tmp_path: Path) -> None:
    """A record without a layer is removed like any other."""
    mark, process = being_created(pypod, tmp_path)
    until(mark.exists, "the record is made")
    process.kill()
    process.communicate()
    pypod("inspect", "c")  # looks at its directories, and so makes them
    pypod("rm", "c")
    nothing_is_left(pypod, tmp_path)


def test_killed_at_random(pypod: Tool, tmp_path: Path) -> None:
    """kill -9 of whichever process: the store stays whole, and every container can be removed."""
    chance = random.Random(int(KILL_SECONDS * 1000))
    deadline = time.monotonic() + KILL_SECONDS
    verbs = (
        ("run", "-d", *NONET, IMAGE, "sleep", "1000"),
        ("run", "--rm", *NONET, IMAGE, "true"),
        ("create", *NONET, IMAGE, "true"),
        ("start", "--all"),
        ("stop", "-t", "0", "--latest"),
        ("rm", "-f", "-t", "0", "--latest"),
        ("container", "prune", "-f"),
        ("ps", "-a"),
    )

    def worker() -> None:
        while time.monotonic() < deadline:
            process = started(pypod, *chance.choice(verbs))
            try:
                process.communicate(timeout=chance.random() * 0.6)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    threads = [threading.Thread(target=worker) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    while time.monotonic() < deadline:
        time.sleep(0.3)
        victims = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and f"{tmp_path}/".encode() in _command_line(entry)
        ]
        if victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL)
    for thread in threads:
        thread.join()
    pypod("ps", "-a", timeout=PATIENCE)
    pypod("rm", "-a", "-f", "-t", "0", timeout=PATIENCE)
    nothing_is_left(pypod, tmp_path)


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""
