"""Load: much log through rotation without a lost byte, many attach clients without a leaked descriptor.

The sizes are small by default; `make -C conmon load` runs the same tests with those of a day's work.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from support.monitor import Client, Monitor, wait_until

BYTES = int(os.environ.get("CONMON_LOAD_BYTES", "100000000"))
CLIENTS = int(os.environ.get("CONMON_LOAD_CLIENTS", "300"))
#: Written before the reader takes all rotated files away, so that the disk does not fill.
CHUNK = min(BYTES, 1_000_000_000)
LIMIT = 8_000_000
KEPT = 1000
PATIENCE = 600

#: Writes lines of all lengths, long ones, empty ones and bytes that are no text; after each chunk a line that says so, and
#: a file until whose removal it waits. Leaves the digest of everything at the end.
_WRITER = """
import hashlib, os, random, sys, time
total, chunk, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
draw = random.Random(1)
blocks = []
for size, count in ((80, 5000), (80, 5000), (1, 3000), (0, 1000), (200, 2000), (4096, 100), (70000, 6), (300000, 1)):
    blocks.append(b"".join(draw.randbytes(size).replace(b"\\n", b"x") + b"\\n" for _ in range(count)))
digest, written = hashlib.sha256(), 0

def put(data):
    global written
    digest.update(data)
    written += len(data)
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]

for number in range(-(-total // chunk)):
    end = written + chunk
    while written < end:
        put(draw.choice(blocks))
    put(b"end of chunk\\n")
    with open(folder + "/pause", "w") as file:
        file.write(f"{written} {digest.hexdigest()}")
    while os.path.exists(folder + "/pause"):
        time.sleep(0.01)
"""

#: TIME STREAM TAG TEXT: a full record is its text and the newline, of a partial one the newline is ours.
_RECORD = re.compile(rb"^[0-9T:.+-]{35} stdout (?:F |P ([^\n]*)\n)", re.MULTILINE)


class Reader:
    """Takes rotated files away, oldest first, and puts the container's output together from their records."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.digest, self.size, self.largest, self.files = folder, hashlib.sha256(), 0, 0, 0

    def take(self, path: Path) -> None:
        data = path.read_bytes()
        text, records = _RECORD.subn(rb"\1", data)
        assert data.endswith(b"\n")
        assert records == data.count(b"\n")
        self.digest.update(text)
        self.size += len(text)
        self.largest = max(self.largest, len(data))
        self.files += 1
        path.unlink()

    def rotated(self) -> list[Path]:
        """Rotated files, oldest (the highest number) first."""
        found = [path for path in self.folder.iterdir() if path.name.startswith("log.")]
        return sorted(found, key=lambda path: -int(path.suffix[1:]))

    def complete(self) -> bool:
        """Whether the end of the chunk is in the log: from then on nothing is written and nothing rotated."""
        with (self.folder / "log").open("rb") as file:
            file.seek(-min(200, os.fstat(file.fileno()).st_size), os.SEEK_END)
            return file.read().endswith(b" stdout F end of chunk\n")


def test_no_byte_is_lost_through_rotation(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    command = [sys.executable, "-c", _WRITER, str(BYTES), str(CHUNK), str(logs)]
    options = ("--log-rotate", "--log-size-max", str(LIMIT), "--log-max-files", str(KEPT))
    with Monitor(tmp_path, command, *options, log=(f"k8s-file:{logs}/log",)) as monitor:
        monitor.launched().sync()
        reader = Reader(logs)
        for _ in range(-(-BYTES // CHUNK)):
            wait_until((logs / "pause").exists, "a chunk", PATIENCE)
            wait_until(reader.complete, "the end of the chunk in the log", PATIENCE)
            for path in reader.rotated():
                reader.take(path)
            told = (logs / "pause").read_text()
            (logs / "pause").unlink()
        assert monitor.exit_status() == 0
        reader.take(logs / "log")
        assert reader.rotated() == []
    assert f"{reader.size} {reader.digest.hexdigest()}" == told
    assert reader.size >= BYTES
    assert reader.largest <= LIMIT
    assert reader.files >= BYTES // LIMIT


def descriptors(pid: int) -> collections.Counter[str]:
    """What the descriptors of a process lead to, without those it closes meanwhile."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(path))
    return collections.Counter(found)


def test_clients_come_and_go_in_every_way(tmp_path: Path) -> None:
    """Killed ones, half-closed ones, ones that never read, ones that are gone before they were accepted."""
    with Monitor(tmp_path, "while :; do echo tick; sleep 0.01; done", "-i", "--leave-stdin-open") as monitor:
        monitor.launched().sync()
        wait_until(lambda: "tick" in monitor.log_text(), "the container")
        before = descriptors(monitor.conmon_pid)
        resident = memory(monitor.conmon_pid)
        path = str(monitor.bundle / "attach")
        for number in range(CLIENTS):
            clients = [Client(path) for _ in range(1 + number % 4)]
            for position, client in enumerate(clients):
                kind = (number + position) % 6
                if kind == 1:
                    client.send(b"some input\n" * 100)
                elif kind == 2:
                    client.end_input()
                elif kind == 3 and number % 10 == 0:
                    client.read_until(b"tick")
                elif kind == 4:
                    client.socket.shutdown(2)
            for client in clients:
                client.close()
        if CLIENTS >= 1000:
            killed = subprocess.run(
                [sys.executable, "-c", f"{_ATTACHED}\nos.kill(os.getpid(), 9)", path], check=False
            )
            assert killed.returncode == -9
        # What its start needed may have been closed meanwhile too.
        wait_until(lambda: not descriptors(monitor.conmon_pid) - before, "descriptors to be closed", 60)
        # What those that are gone had sent and nobody has read is kept, but no more than 4 MiB of it.
        assert memory(monitor.conmon_pid) - resident < (4 << 20) + (512 << 10)
        with monitor.attach() as client:
            client.read_until(b"tick")


_ATTACHED = """
import os, socket, sys
folder = os.open(os.path.dirname(sys.argv[1]), os.O_PATH)
kept = []
for _ in range(200):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.connect(f"/proc/self/fd/{folder}/attach")
    client.send(b"x")
    kept.append(client)
"""


def memory(pid: int) -> int:
    """Private bytes of a process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Private_"))
