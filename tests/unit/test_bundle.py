"""The modules' code in one file: used where it is what the sources say, and else not missed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROBE = """
import sys
sys.path += {paths!r}
from ocicore.bundle import Bundle, use
use({stem!r})
import pypod.told
loader = type(pypod.told.__loader__).__name__
print(loader, pypod.told.VALUE, pypod.__path__, pypod.told.__file__, pypod.told.whose.__code__.co_filename)
"""


class Installed:
    """A folder with a package `pypod`, and what dev/bundle made of it."""

    def __init__(self, folder: Path) -> None:
        self.modules, self.libexec = folder / "lib", folder / "libexec"
        package = self.modules / "pypod"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text('"""A package."""\n')
        self.source = package / "told.py"
        self.source.write_text("VALUE = 1\ndef whose():\n    pass\n")
        (self.modules / "ocicore").symlink_to(REPOSITORY / "shared/ocicore")
        self.bundle()

    def bundle(self, *more: str, path: Path | None = None, libexec: Path | None = None) -> None:
        subprocess.run(
            [
                *(sys.executable, "-IS", str(REPOSITORY / "dev/bundle"), *more),
                *("--libexec", str(libexec or self.libexec), "--path", str(path or self.modules)),
            ],
            check=True,
        )

    @property
    def index(self) -> Path:
        return self.libexec / f"modules.{sys.implementation.cache_tag}"

    @property
    def data(self) -> Path:
        (found,) = self.libexec.glob(f"{self.index.name}.*")
        return found

    def run(self) -> list[str]:
        script = PROBE.format(paths=[str(self.modules)], stem=str(self.libexec / "modules"))
        done = subprocess.run(
            [sys.executable, "-IS", "-B", "-c", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_modules_come_from_the_bundle(installed: Installed) -> None:
    source = str(installed.source)
    assert installed.run() == ["Bundle", "1", f"['{installed.modules}/pypod']", source, source]


def test_a_changed_source_counts(installed: Installed) -> None:
    before = installed.source.stat()
    installed.source.write_text("VALUE = 22\ndef whose():\n    pass\n")
    os.utime(installed.source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert installed.run()[:2] == ["SourceFileLoader", "22"]  # another size
    installed.source.write_text("VALUE = 3\ndef whose():\n    pass\n")
    os.utime(installed.source, (before.st_atime, before.st_mtime + 5))
    assert installed.run()[:2] == ["SourceFileLoader", "3"]  # another time
    installed.bundle()
    assert installed.run()[:2] == ["Bundle", "3"]


def test_without_the_files(installed: Installed) -> None:
    data = installed.data
    data.rename(f"{data}.away")
    assert installed.run()[:2] == ["SourceFileLoader", "1"]
    installed.index.unlink()
    assert installed.run()[:2] == ["SourceFileLoader", "1"]


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_torn_files(installed: Installed, kept: int) -> None:
    index, data = installed.index.read_bytes(), installed.data.read_bytes()
    installed.index.write_bytes(index[:kept])
    assert installed.run()[:2] == ["SourceFileLoader", "1"]
    installed.index.write_bytes(index)
    installed.data.write_bytes(data[: kept if kept >= 0 else 1000])
    assert installed.run()[:2] == ["SourceFileLoader", "1"]


def test_another_interpreters(installed: Installed) -> None:
    content = installed.index.read_bytes()
    from importlib.util import MAGIC_NUMBER

    assert content.count(MAGIC_NUMBER) == 1
    installed.index.write_bytes(content.replace(MAGIC_NUMBER, b"\x01\x02\r\n"))
    assert installed.run()[:2] == ["SourceFileLoader", "1"]


def test_the_last_one_is_removed(installed: Installed) -> None:
    first = installed.data
    installed.source.write_text("VALUE = 4444\ndef whose():\n    pass\n")
    installed.bundle()
    assert installed.data != first
    assert installed.run()[:2] == ["Bundle", "4444"]


def test_for_another_root(installed: Installed, tmp_path: Path) -> None:
    """--destdir is where the files are now; the bundle names where they will be."""
    stage = tmp_path / "stage"
    (stage / str(installed.modules).lstrip("/")).parent.mkdir(parents=True)
    installed.modules.rename(stage / str(installed.modules).lstrip("/"))
    installed.bundle("--destdir", str(stage), libexec=tmp_path / "final")
    (stage / str(installed.modules).lstrip("/")).rename(installed.modules)
    (stage / str(tmp_path).lstrip("/") / "final").rename(tmp_path / "final")
    installed.libexec = tmp_path / "final"
    source = str(installed.source)
    assert installed.run() == ["Bundle", "1", f"['{installed.modules}/pypod']", source, source]
    assert str(stage).encode() not in installed.index.read_bytes() + installed.data.read_bytes()
