"""Our conmon beside upstream's: program text, private memory of an idle one, log throughput, what it adds to `run`."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pairs import Command, Counts, Pair, Step

if TYPE_CHECKING:
    from bench.cases import Bench

REPOSITORY = Path(__file__).resolve().parents[1]
OURS = str(REPOSITORY / "build" / "conmon" / "conmon")
FAKE_RUNTIME = REPOSITORY / "tests" / "conmon" / "fake_runtime.py"
#: An idle monitor has let go of what only starting needed after a second.
_SETTLED_SECONDS = 2.5
_LOG_BYTES = 256 << 20


def conmon(bench: Bench) -> Iterator[Pair | Counts]:
    """All of it; needs upstream's conmon."""
    theirs = shutil.which("conmon") or "/usr/bin/conmon"
    folder = bench.folder / "conmon"
    folder.mkdir()
    yield Counts("conmon: program text", _text(OURS), _text(theirs))
    yield Counts("conmon: private memory, first", *(_private(folder, path, 1)[0] for path in (OURS, theirs)))
    yield Counts(
        "conmon: private memory, of 20", *(min(_private(folder, path, 20)) for path in (OURS, theirs))
    )
    for name, line in (("80-byte lines", 80), ("64-KiB lines", 65536)):
        data = folder / f"lines-{line}"
        with data.open("wb") as file:
            block = (b"x" * (line - 1) + b"\n") * (-(-(1 << 20) // line))
            while file.tell() < _LOG_BYTES:
                file.write(block)
        sides = [_logging(folder, path, data) for path in (OURS, theirs)]
        yield Pair(
            f"conmon: k8s-file, {name}",
            sides[0][0],
            sides[1][0],
            before_ours=sides[0][1],
            before_theirs=sides[1][1],
            runs=bench.runs,
        )
        data.unlink()
    from bench.cases import LIMITS

    run = ["run", "--rm", "--network", "none", *LIMITS, "localhost/small", "true"]
    yield Pair(
        "conmon: podman run --rm true",
        [*bench.podman, "--conmon", OURS, *run],
        [*bench.podman, "--conmon", theirs, *run],
        runs=3 * bench.runs,
    )


def _text(program: str) -> int:
    """Bytes of the text segment (size(1): code and constants), without that of shared libraries."""
    done = subprocess.run(["size", program], capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[1].split()[0])


def _argv(folder: Path, program: str, name: str, command: list[str], *options: str) -> list[str]:
    bundle = folder / f"{Path(program).parent.name}-{name}"
    bundle.mkdir()
    (bundle / "config.json").write_text(json.dumps({"args": command}))
    return [
        program, "--api-version", "1", "--cid", name, "--cuuid", name, "--name", name, "--runtime", str(FAKE_RUNTIME),
        "--bundle", str(bundle), "--container-pidfile", f"{bundle}/pidfile", "--conmon-pidfile", f"{bundle}/conmon.pid",
        "--exit-dir", str(bundle), "--persist-dir", str(bundle), "--full-attach", *options,
    ]  # fmt: skip


def _private(folder: Path, program: str, number: int) -> list[int]:
    """Private bytes (USS) of so many idle monitors, each with a container that does nothing."""
    places = []
    for position in range(number):
        argv = _argv(folder, program, f"idle-{number}-{position}", ["sleep", "1000"])
        place = Path(argv[argv.index("--bundle") + 1])
        subprocess.run([*argv, "--log-path", f"k8s-file:{place}/log"], check=True, stdin=subprocess.DEVNULL)
        places.append(place)
    time.sleep(_SETTLED_SECONDS)
    found = []
    for place in places:
        rollup = Path(f"/proc/{(place / 'conmon.pid').read_text()}/smaps_rollup").read_text()
        lines = [line.split() for line in rollup.splitlines() if line.startswith("Private_")]
        found.append(sum(int(words[1]) * 1024 for words in lines))
    for place in places:
        subprocess.run(["kill", "-9", (place / "pidfile").read_text()], check=True)
    return found


def _logging(folder: Path, program: str, data: Path) -> tuple[Command, Step]:
    """(a monitor that logs the file's lines and ends, what is done before)."""
    argv = _argv(folder, program, f"log-{data.name}", ["cat", str(data)], "--sync", "--no-sync-log")
    log = Path(argv[argv.index("--bundle") + 1]) / "log"
    return [*argv, "--log-path", f"k8s-file:{log}"], lambda: log.unlink(missing_ok=True)
