"""Our systemd generator beside podman's: no Quadlet files, one, 200, and one that has just changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pairs import Failed, Pair, Step

if TYPE_CHECKING:
    from bench.cases import Bench

REPOSITORY = Path(__file__).resolve().parents[1]
#: Where podman's packages have it; podman has one since 4.4.
_THEIRS = ("/usr/libexec/podman/quadlet", "/usr/lib/podman/quadlet")
_TEXT = """\
[Unit]
Description=number {0}
[Container]
Image=registry.example.com/image:{0}
Environment=A=1 B=2
PublishPort={0}:80
Volume=/data/{0}:/data:Z
[Service]
Restart=always
[Install]
WantedBy=default.target
"""


def quadlet(bench: Bench) -> Iterator[Pair]:
    """Needs podman's generator, of podman 4.4 or later."""
    theirs = next((path for path in _THEIRS if os.path.exists(path)), None)
    if theirs is None:
        raise Failed("podman's Quadlet generator is not installed: podman 4.4 or later has it")
    folder = bench.folder / "quadlet"
    folder.mkdir()
    script = folder / "generator"
    source = REPOSITORY / "dev/units/system-generators/pypod-system-generator"
    text = source.read_text().replace("@PREFIX@", str(REPOSITORY / "build"))
    # Ours stands back where podman's is installed; here both shall run.
    text = text.replace("podman-system-generator", "none").replace("/run/pypod-systemd", str(folder / "run"))
    script.write_text(text)
    script.chmod(0o755)
    files, out = folder / "files", folder / "out"
    given = os.environ.get("QUADLET_UNIT_DIRS")

    def empty() -> None:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()

    counter = iter(range(1_000_000))

    def change() -> None:
        empty()
        (files / "1.container").write_text(_TEXT.format(1000 + next(counter)))

    try:
        for count in (0, 1, 200):
            shutil.rmtree(files, ignore_errors=True)
            files.mkdir()
            for number in range(1, count + 1):
                (files / f"{number}.container").write_text(_TEXT.format(number))
            # Without the variable the usual folders are looked at, which are empty on a machine without Quadlet files.
            os.environ.pop("QUADLET_UNIT_DIRS", None)
            if count:
                os.environ["QUADLET_UNIT_DIRS"] = str(files)
            yield _pair(bench, f"generator, {count} files", script, theirs, out, empty)
        for number in range(2, 201):
            (files / f"{number}.container").unlink()
        yield _pair(bench, "generator, 1 file that has changed", script, theirs, out, change)
    finally:
        os.environ.pop("QUADLET_UNIT_DIRS", None)
        if given is not None:
            os.environ["QUADLET_UNIT_DIRS"] = given


def _pair(bench: Bench, name: str, script: Path, theirs: str, out: Path, before: Step) -> Pair:
    return Pair(
        name,
        [str(script), str(out)],
        [theirs, str(out)],
        before_ours=before,
        before_theirs=before,
        runs=3 * bench.runs,
    )
