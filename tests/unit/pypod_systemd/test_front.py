"""The program before the generator: it writes what was made the last time, unless anything has changed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

TOP = Path(__file__).parents[3]
FRONT = TOP / "build/libexec/pypod/quadlet-front"
#: Nanoseconds: a program changed so recently is not relied upon.
YOUNG = 2_000_000_000


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generator, which leaves a line in `started` beside it."""
    folder = tmp_path_factory.mktemp("prefix") / "libexec/pypod"
    folder.mkdir(parents=True)
    path = folder / "quadlet"
    text = (TOP / "build/libexec/pypod/quadlet").read_text()
    mark = f"\nwith open({str(folder / 'started')!r}, 'a') as file:\n    file.write('x')\n"
    path.write_text(text.replace("\nimport sys\n", f"\nimport sys\n{mark}", 1))
    path.chmod(0o755)
    newest = max(file.stat().st_ctime_ns for file in (path, *TOP.glob("tools/pypod_systemd/*.py")))
    time.sleep(max(0.0, (newest + YOUNG - time.time_ns()) / 1e9) + 0.1)
    return path


class Machine:
    """Folders of Quadlet files, the kept file, and the programs."""

    def __init__(self, folder: Path, launcher: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.files.mkdir()
        self.kept = folder / "run/quadlet"
        self.copy = folder / "var/lib/quadlet"
        self.launcher = launcher
        self.env = {"QUADLET_UNIT_DIRS": str(self.files), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
        self.words: list[str] = []

    def starts(self) -> int:
        """How often the generator has been started."""
        mark = self.launcher.parent / "started"
        return len(mark.read_text()) if mark.exists() else 0

    def run(self, out: str, *front: str) -> dict[str, str]:
        """Everything in the folder afterwards; links begin with "->"."""
        target = self.folder / out
        subprocess.run(["rm", "-rf", target], check=True)
        words = [*front, str(self.launcher), *self.words, str(target), "early", "late"]
        self.done = subprocess.run(words, env=self.env, capture_output=True, text=True, check=False)
        found = {}
        for path in sorted(target.rglob("*")):
            if path.is_symlink():
                found[str(path.relative_to(target))] = f"->{path.readlink()}"
            elif path.is_file():
                found[str(path.relative_to(target))] = path.read_text()
        return found

    def front(self) -> tuple[dict[str, str], bool]:
        """What the front made, and whether the generator was started for it."""
        before = self.starts()
        found = self.run("front", str(FRONT), str(self.kept))
        return found, self.starts() > before

    def keep(self, status: int = 0) -> None:
        """What the service does."""
        words = [str(FRONT), "-keep", str(self.kept), str(self.copy)]
        self.done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert self.done.returncode == status, self.done.stderr

    def boot(self) -> tuple[dict[str, str], bool]:
        """The first start after one: what it made, and whether the generator was started for it."""
        self.kept.unlink(missing_ok=True)
        before = self.starts()
        found = self.run("front", str(FRONT), "-lasting", str(self.copy), str(self.kept))
        return found, self.starts() > before

    def plain(self) -> dict[str, str]:
        return self.run("plain")


@pytest.fixture
def machine(tmp_path: Path, launcher: Path) -> Machine:
    return Machine(tmp_path, launcher)


GOOD = "[Container]\nImage=localhost/x\nVolume=data.volume:/d\nAddDevice=-{0}/device\n[Install]\nWantedBy=default.target\nAlias=other.service\n"


def furnish(machine: Machine) -> None:
    (machine.files / "a.container").write_text(GOOD.format(machine.folder))
    (machine.files / "data.volume").write_text("[Volume]\nVolumeName=data\n")
    (machine.files / "a.container.d").mkdir()
    (machine.files / "a.container.d/one.conf").write_text("[Container]\nEnvironment=A=1\n")


def test_the_second_start_needs_no_generator(machine: Machine) -> None:
    furnish(machine)
    first, started = machine.front()
    assert started and first == machine.plain()
    assert set(first) == {
        "a.service", "data-volume.service", "default.target.wants/a.service", "other.service",
    }  # fmt: skip
    assert machine.front() == (first, False)
    assert machine.done.returncode == 0 and machine.done.stderr == ""
    assert (machine.folder / "front/a.service").stat().st_mode & 0o777 == 0o644


CHANGES: dict[str, Callable[[Machine], object]] = {
    "a line": lambda m: (m.files / "a.container").write_text(GOOD.format(m.folder) + "#\n"),
    "a letter": lambda m: (m.files / "data.volume").write_text("[Volume]\nVolumeName=dato\n"),
    "a new file": lambda m: (m.files / "b.container").write_text("[Container]\nImage=localhost/b\n"),
    "a new name": lambda m: (m.files / "a.container").rename(m.files / "z.container"),
    "a file less": lambda m: (m.files / "a.container").unlink(),
    "a drop-in": lambda m: (m.files / "a.container.d/two.conf").write_text("[Container]\nEnvironment=B=2\n"),
    "a drop-in's line": lambda m: (m.files / "a.container.d/one.conf").write_text(
        "[Container]\nEnvironment=A=2\n"
    ),
    "a drop-in less": lambda m: (m.files / "a.container.d/one.conf").unlink(),
    "drop-ins of all": lambda m: (
        (m.files / "container.d").mkdir(),
        (m.files / "container.d/x.conf").write_text("[Service]\nRestart=always\n"),
    ),
    "a folder below": lambda m: (
        (m.files / "more").mkdir(),
        (m.files / "more/c.container").write_text("[Container]\nImage=localhost/c\n"),
    ),
    "a link to a folder": lambda m: (
        (m.folder / "else").mkdir(),
        (m.folder / "else/d.container").write_text("[Container]\nImage=localhost/d\n"),
        (m.files / "link").symlink_to(m.folder / "else"),
    ),
    "a device": lambda m: (m.folder / "device").write_text(""),
    "the engine": lambda m: m.env.update(PODMAN="/opt/other"),
    "other folders": lambda m: (
        (m.folder / "others").mkdir(),
        m.env.update(QUADLET_UNIT_DIRS=f"{m.folder}/others:{m.files}"),
    ),
    "a user's manager": lambda m: m.words.append("-user"),
    "an unreadable file": lambda m: (
        (m.files / "data.volume").unlink(),
        (m.files / "data.volume").symlink_to("/nowhere"),
    ),
    "a folder's name": lambda m: (
        m.files.rename(m.folder / "moved"),
        m.files.symlink_to(m.folder / "moved"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_seen(machine: Machine, change: str) -> None:
    furnish(machine)
    before, _ = machine.front()
    assert machine.front() == (before, False)
    CHANGES[change](machine)
    after, started = machine.front()
    status, said = machine.done.returncode, machine.done.stderr
    assert started
    assert after == machine.plain()
    assert (machine.done.returncode, machine.done.stderr.count("\n")) == (status, said.count("\n"))
    again, started = machine.front()
    assert again == after
    assert started == bool(status or said)


def test_a_change_back_is_seen_too(machine: Machine) -> None:
    furnish(machine)
    first, _ = machine.front()
    (machine.files / "a.container").write_text("[Container]\nImage=localhost/y\n")
    machine.front()
    (machine.files / "a.container").write_text(GOOD.format(machine.folder))
    assert machine.front() == (first, True)
    assert machine.front() == (first, False)


def test_complaints_are_made_every_time(machine: Machine) -> None:
    furnish(machine)
    (machine.files / "bad.container").write_text("[Container]\nImage=localhost/x\nNonsense=1\n")
    for _ in range(2):
        found, started = machine.front()
        assert started and machine.done.returncode == 1
        assert "a.service" in found and "bad.service" not in found
    assert not machine.kept.exists()


def test_no_quadlet_file_among_others(machine: Machine) -> None:
    (machine.files / "README").write_text("")
    assert machine.front() == ({}, True)
    assert machine.front() == ({}, False)
    (machine.files / "a.container").write_text("[Container]\nImage=localhost/x\n")
    found, started = machine.front()
    assert started and set(found) == {"a.service"}


@pytest.mark.parametrize(
    "wrong", ["the file's mode", "the folder's mode", "a link", "cut off", "other bytes", "empty"]
)
def test_what_is_kept_is_believed_only_when_nobody_else_can_have_written_it(
    machine: Machine, wrong: str
) -> None:
    furnish(machine)
    first, _ = machine.front()
    assert machine.kept.stat().st_mode & 0o777 == 0o600
    assert machine.kept.parent.stat().st_mode & 0o777 == 0o700
    data = machine.kept.read_bytes()
    if wrong == "the file's mode":
        machine.kept.chmod(0o620)
    elif wrong == "the folder's mode":
        machine.kept.parent.chmod(0o777)
    elif wrong == "a link":
        machine.kept.rename(machine.folder / "away")
        machine.kept.symlink_to(machine.folder / "away")
    elif wrong == "cut off":
        machine.kept.write_bytes(data[: len(data) // 2])
    elif wrong == "other bytes":
        machine.kept.write_bytes(data.replace(b"\n\0", b"\n\1"))
    else:
        machine.kept.write_bytes(b"")
    assert machine.front() == (first, True)


def test_what_was_kept_for_another_program_is_not_used(machine: Machine) -> None:
    furnish(machine)
    first, _ = machine.front()
    os.utime(machine.launcher)
    assert machine.front() == (first, True)


def test_a_generator_that_was_replaced_a_moment_ago_leaves_nothing(machine: Machine) -> None:
    """It may not be the one that was read."""
    furnish(machine)
    os.utime(machine.launcher)
    machine.front()
    assert not machine.kept.exists()
    time.sleep(YOUNG / 1e9 + 0.1)


def test_there_is_no_place_to_keep_it(machine: Machine) -> None:
    furnish(machine)
    machine.kept = machine.folder / "no/such/folder/quadlet"
    first, _ = machine.front()
    assert machine.front() == (first, True)
    assert machine.done.stderr == ""


@pytest.mark.parametrize("words", [("-v",), ("-dryrun",), ("-version",), ("-nonsense",)])
def test_other_words_are_the_generator_s(machine: Machine, words: tuple[str, ...]) -> None:
    furnish(machine)
    machine.front()
    for command in ([str(FRONT), str(machine.kept), str(machine.launcher)], [str(machine.launcher)]):
        before = machine.starts()
        found = subprocess.run(
            [*command, *words, str(machine.folder / "x")], env=machine.env, capture_output=True, text=True
        )
        assert machine.starts() == before + 1
        if command[0] == str(FRONT):
            first = found
    assert (first.returncode, first.stdout) == (found.returncode, found.stdout)


def test_nothing_is_asked_of_the_file_system_behind_the_witness_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer that the services follow from is kept."""
    from ocicore.systemd.quadlet import disk
    from pypod_systemd import generator

    furnish(machine)

    def refuse(*_: object) -> None:
        raise AssertionError("asked without a witness")

    class Only(disk.Witness):
        __slots__ = ()

    plain = disk.Disk
    for name in ("real", "exists", "entries", "read"):
        asked = getattr(plain, name)
        monkeypatch.setattr(
            plain,
            name,
            lambda self, *words, asked=asked: asked(self, *words) if isinstance(self, Only) else refuse(),
        )
    witness = Only()
    status = generator.generate(
        str(machine.folder / "out"),
        str(machine.launcher),
        is_user=False,
        dry=False,
        log=generator._Log(kernel=False, also_stderr=True, debug=False),
        environ=machine.env,
        disk=witness,
    )
    assert status == 0
    asked_files = {question for kind, question, _ in witness.answers if kind == "F"}
    assert len(asked_files) == 3


def test_a_boot_needs_no_generator(machine: Machine) -> None:
    furnish(machine)
    first, _ = machine.front()
    machine.keep()
    assert machine.copy.read_bytes() == machine.kept.read_bytes()
    assert (machine.copy.stat().st_mode & 0o777, machine.copy.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert machine.boot() == (first, False)
    assert not machine.kept.exists()
    assert machine.boot() == (first, False)


def test_a_boot_without_a_copy(machine: Machine) -> None:
    """The disk is not there yet, or nothing was kept: /run has what the generator makes."""
    furnish(machine)
    first, started = machine.boot()
    assert started and machine.kept.exists()
    assert machine.front() == (first, False)


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changed_before_a_boot_is_seen(machine: Machine, change: str) -> None:
    furnish(machine)
    machine.front()
    machine.keep()
    CHANGES[change](machine)
    after, started = machine.boot()
    assert started
    assert after == machine.plain()


def test_the_newer_of_both_counts(machine: Machine) -> None:
    """The copy may be of an earlier state: it is asked about, too, but never instead of what there is now."""
    furnish(machine)
    first, _ = machine.front()
    machine.keep()
    (machine.files / "data.volume").write_text("[Volume]\nVolumeName=dato\n")
    second, started = machine.boot()
    assert started and second != first
    assert machine.run("front", str(FRONT), "-lasting", str(machine.copy), str(machine.kept)) == second
    (machine.files / "data.volume").write_text("[Volume]\nVolumeName=data\n")
    before = machine.starts()
    assert machine.run("front", str(FRONT), "-lasting", str(machine.copy), str(machine.kept)) == first
    assert machine.starts() == before


@pytest.mark.parametrize("wrong", ["the file's mode", "the folder's mode", "cut off", "a link", "a folder"])
def test_a_copy_is_believed_under_the_same_conditions(machine: Machine, wrong: str) -> None:
    furnish(machine)
    first, _ = machine.front()
    machine.keep()
    if wrong == "the file's mode":
        machine.copy.chmod(0o620)
    elif wrong == "the folder's mode":
        machine.copy.parent.chmod(0o777)
    elif wrong == "cut off":
        machine.copy.write_bytes(machine.copy.read_bytes()[:-30])
    else:
        machine.copy.rename(machine.folder / "away")
        if wrong == "a link":
            machine.copy.symlink_to(machine.folder / "away")
        else:
            machine.copy.mkdir()
    assert machine.boot() == (first, True)


def test_what_is_kept(machine: Machine) -> None:
    furnish(machine)
    machine.keep()
    assert not machine.copy.exists()  # nothing has been made yet
    machine.front()
    machine.keep()
    before = machine.copy.stat().st_ino
    machine.keep()
    assert machine.copy.stat().st_ino == before  # unchanged: not written
    machine.kept.write_bytes(machine.kept.read_bytes()[:-30])
    machine.keep(status=1)
    assert machine.done.stderr == f"quadlet-front: {machine.kept} is not whole\n"
    assert machine.copy.stat().st_ino == before
    (machine.files / "data.volume").write_text("[Volume]\nVolumeName=dato\n")
    machine.front()
    (machine.copy.parent / "quadlet.new").write_text("of one that was killed")
    machine.keep()
    assert machine.copy.read_bytes() == machine.kept.read_bytes()
    assert sorted(path.name for path in machine.copy.parent.iterdir()) == ["quadlet"]


def test_the_copy_cannot_be_written(machine: Machine) -> None:
    furnish(machine)
    machine.front()
    (machine.folder / "var").write_text("a file")
    machine.keep(status=1)
    assert machine.done.stderr == f"quadlet-front: cannot write {machine.copy}: Not a directory\n"


def test_folders_that_come_and_go_with_a_boot_change_nothing(machine: Machine) -> None:
    """As /run/containers does: what is searched in it is not there, before and after."""
    furnish(machine)
    machine.env["QUADLET_UNIT_DIRS"] = f"{machine.files}:{machine.folder}/run2/containers/systemd"
    (machine.folder / "run2/containers").mkdir(parents=True)
    first, started = machine.front()
    assert started
    machine.keep()
    (machine.folder / "run2/containers").rmdir()
    assert machine.boot() == (first, False)
    (machine.folder / "run2").rmdir()
    assert machine.boot() == (first, False)
    (machine.folder / "run2/containers/systemd").mkdir(parents=True)
    assert machine.boot() == (first, True)


@pytest.mark.parametrize("where", ["run2", "run2/containers", "run2/containers/systemd"])
def test_a_link_where_nothing_was_is_seen(machine: Machine, where: str) -> None:
    furnish(machine)
    machine.env["QUADLET_UNIT_DIRS"] = f"{machine.files}:{machine.folder}/run2/containers/systemd"
    first, _ = machine.front()
    assert machine.front() == (first, False)
    rest = "run2/containers/systemd".removeprefix(where).strip("/")
    place = machine.folder / "elsewhere"
    (place / rest).mkdir(parents=True)
    (place / rest / "e.container").write_text("[Container]\nImage=localhost/e\n")
    link = machine.folder / where
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(place)
    after, started = machine.front()
    assert started and "e.service" in after
    assert after == machine.plain()
    (place / rest / "e.container").unlink()
    link.unlink()
    link.symlink_to(machine.folder / "nowhere")  # leads to nothing
    assert machine.front()[0] == first
