"""What a user types: `pypod quadlet install|list|print|rm`, `pypod-systemd check|explain|diff`, with files as people write them.

The folder is $QUADLET_UNIT_DIRS, and no manager is reloaded.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.programs import Tool

TOP = Path(__file__).parents[3]
WEB = """\
[Container]
Image=localhost/x
Volume=data.volume:/d
Environment="A=b c" D=$HOME%%é
Exec=sh -c "echo \\"hi\\""
[Install]
WantedBy=default.target
"""
PLAIN = "[Container]\nImage=localhost/x\n"
#: Names that are no unit's.
NO_UNITS = ("na me", "é", "a%n", "a$b", "a\nb", "q'u\"o")


class Desk:
    """A folder of files one writes, the folder they are installed in, the programs."""

    def __init__(self, folder: Path) -> None:
        self.own = folder / "own"
        self.installed = folder / "installed"
        for path in (self.own, self.installed):
            path.mkdir()
        env = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "QUADLET_UNIT_DIRS": str(self.installed),
            "PATH": "/usr/bin:/bin",
            "PODMAN": "/opt/bin/pypod",
        }
        self.quadlet = Tool([f"{TOP}/build/bin/pypod", "quadlet"], env, str(self.own))
        self.systemd = Tool([f"{TOP}/build/bin/pypod-systemd"], env, str(self.own))
        self.generator = [f"{TOP}/build/libexec/pypod/quadlet", "-no-kmsg-log"]
        self.env = env

    def write(self, name: str, text: str = PLAIN) -> str:
        (self.own / name).write_text(text)
        return name

    def install(self, *names: str, status: int = 0, **more: bool) -> str:
        words = [f"--{word}" for word, given in more.items() if given]
        done = self.quadlet("install", "--reload-systemd=false", *words, *names, status=status)
        return done.stderr if status else done.stdout

    def rm(self, *words: str, status: int = 0) -> str:
        done = self.quadlet("rm", "--reload-systemd=false", *words, status=status)
        return done.stderr if status else done.stdout

    def listed(self) -> list[str]:
        return [row["Name"] for row in json.loads(self.quadlet.out("list", "--format", "json"))]

    def generate(self, folder: Path) -> subprocess.CompletedProcess[str]:
        """For the manager that the commands mean: an ordinary user's own."""
        whose = [] if os.geteuid() == 0 else ["-user"]
        return subprocess.run(
            [*self.generator, *whose, str(folder)], env=self.env, capture_output=True, text=True, check=False
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def one_line(text: str) -> str:
    assert text.count("\n") == 1 and text.startswith("Error: ") and "Traceback" not in text
    return text[7:-1]


def test_from_install_to_rm(desk: Desk) -> None:
    web, data = desk.write("web.container", WEB), desk.write("data.volume", "[Volume]\n")
    assert desk.install(web, data).splitlines() == [f"{desk.installed}/{name}" for name in (web, data)]
    assert desk.quadlet("print", web).stdout == WEB
    rows = json.loads(desk.quadlet.out("list", "--format", "json"))
    assert [(row["Name"], row["UnitName"], row["App"]) for row in rows] == [
        ("data.volume", "data-volume.service", ".web.container.app"),
        ("web.container", "web.service", ".web.container.app"),
    ]
    assert desk.quadlet.out("list", "--filter", "name=web*", "--format", "{{.Name}} {{.Path}}") == (
        f"web.container {desk.installed}/web.container"
    )
    assert "can't evaluate field Nme" in one_line(
        desk.quadlet("list", "--format", "{{.Nme}}", status=125).stderr
    )
    again = one_line(desk.install(web, status=125))
    assert again == (
        'quadlet "web.container" failed to install: a Quadlet with name web.container already exists, '
        "refusing to overwrite (use --replace)"
    )
    (desk.own / web).write_text(WEB + "#\n")
    desk.install(web, replace=True)
    assert desk.quadlet("print", web).stdout == WEB + "#\n"
    assert desk.rm(web, data).splitlines() == [web, data]
    assert os.listdir(desk.installed) == []
    assert desk.listed() == []


@pytest.mark.parametrize("stem", [*NO_UNITS, "y" * 248])
def test_a_name_that_no_unit_can_have(desk: Desk, stem: str) -> None:
    is_long = len(stem) > 200  # too long for a file, too
    name = (
        desk.write("long.pod", f"[Pod]\nServiceName={stem}\n") if is_long else desk.write(f"{stem}.container")
    )
    said = desk.install(name, status=125)
    assert "Traceback" not in said and ": no unit can be called " in said
    assert os.listdir(desk.installed) == []
    checked = desk.systemd("check", name, status=1).stdout
    assert ": error: " in checked and "no unit can be called" in checked


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (PLAIN + "Imag=y\n", "bad.container:3: unsupported key 'Imag' in group 'Container'"),
        ("[Container\nImage=x\n", "bad.container:1: invalid section header '[Container'"),
        ("Image=x\n", "bad.container:1: "),
        ("[Container]\nImage\n", "bad.container:2: "),
    ],
)
def test_a_file_that_cannot_become_a_service_is_not_installed(desk: Desk, text: str, wrong: str) -> None:
    desk.write("bad.container", text)
    assert wrong in one_line(desk.install("bad.container", status=125))
    assert os.listdir(desk.installed) == []
    assert "bad.container:" in one_line(desk.systemd("explain", "bad.container", status=125).stderr)


def test_bytes_that_are_no_text(desk: Desk) -> None:
    (desk.own / "bad.container").write_bytes(b"[Container]\nImage=\xff\xfe\n")
    assert "bad.container:2: not UTF-8" in one_line(desk.install("bad.container", status=125))
    assert desk.systemd("check", "bad.container", status=1).stdout == "bad.container:2:1: error: not UTF-8\n"


def test_some_of_several_are_wrong(desk: Desk) -> None:
    desk.write("good.container")
    desk.write("bad.container", "[Container]\nX=1\n")
    done = desk.quadlet("install", "--reload-systemd=false", "good.container", "bad.container", status=125)
    assert done.stdout == f"{desk.installed}/good.container\n"
    assert "bad.container:2" in one_line(done.stderr)
    assert desk.listed() == ["good.container"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("install",), "must provide at least one argument"),
        (("install", "none.container"), "cannot read none.container: No such file or directory"),
        (("install", "x.txt"), '".txt" is not a supported Quadlet file type'),
        (
            ("print", "none.container"),
            'could not locate quadlet "none.container" in any supported quadlet directory',
        ),
        (("print", "../own/web.container"), "is a path: give the name of a Quadlet file"),
        (("rm", "none.container"), "unable to remove Quadlet none.container: could not locate quadlet"),
        (("rm",), "at least one quadlet file must be selected"),
        (("list", "--filter", "x=y"), "x is not a valid filter"),
    ],
)
def test_bad_input_of_quadlet(desk: Desk, words: tuple[str, ...], message: str) -> None:
    desk.write("x.txt")
    desk.write("web.container", WEB)
    assert message in one_line(desk.quadlet(*words, status=125).stderr)
    assert os.listdir(desk.installed) == []


def test_rm_ignores_what_is_not_there_when_told(desk: Desk) -> None:
    assert desk.rm("--ignore", "none.container") == "none.container\n"
    desk.install(desk.write("a.container"), desk.write("b.container"))
    assert set(desk.rm("--all").splitlines()) == {"a.container", "b.container"}
    assert os.listdir(desk.installed) == []


def test_check_tells_every_mistake_and_its_place(desk: Desk) -> None:
    desk.write("web.container", WEB)
    desk.write("data.volume", "[Volume]\n")
    desk.write("bad.container", "[Container]\nImage=localhost/x\nImag=y\n[Contaner]\n")
    desk.write("a.container", "[Unit]\nAfter=b.container\n" + PLAIN)
    desk.write("b.container", "[Unit]\nAfter=a.container\n" + PLAIN)
    desk.write("c.container", PLAIN + "ServiceName=web\n")
    desk.write("d.container")
    (desk.own / "d.container.d").mkdir()
    (desk.own / "d.container.d/x.conf").write_text("[Container\nX=1\n")
    files = ("web", "bad", "a", "b", "c", "d")
    done = desk.systemd("check", *(f"{name}.container" for name in files), status=1)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "web.container:1:1: error: web.service is made from c.container, too",
        "bad.container:3:1: error: unsupported key Imag in [Container], did you mean Image?",
        "bad.container:4:1: error: unknown section [Contaner], which systemd passes over, did you mean [Container]?",
        "a.container:2:7: error: needs itself: a.container -> b.container -> a.container",
        "b.container:2:7: error: needs itself: b.container -> a.container -> b.container",
        "c.container:3:13: error: web.service is made from web.container, too",
        f"{desk.own}/d.container.d/x.conf:1:1: error: invalid section header '[Container'",
    ]
    assert desk.systemd("check", "data.volume").stdout == ""
    assert desk.systemd("check", "none.container", status=1).stdout == (
        "none.container:1:1: error: cannot read: No such file or directory\n"
    )
    for path in desk.own.glob("*.*"):
        path.rename(desk.installed / path.name)
    made = desk.generate(desk.own / "out")
    assert made.returncode == 1
    assert sorted(path.name for path in (desk.own / "out").glob("*.service")) == [
        "d.service",
        "data-volume.service",
        "web.service",
    ]


def test_explain_names_the_line_of_every_word(desk: Desk) -> None:
    desk.write("data.volume", "[Volume]\n")
    shown = desk.systemd.out("explain", desk.write("web.container", WEB)).splitlines()
    assert shown[0] == f"web.service, from {desk.own}/web.container"
    for line in (
        "  -v systemd-data:/d                                web.container:3",
        '  --env "A=b c"                                     web.container:4',
        "  --env D=$HOME%%é                                  web.container:4",
        "  localhost/x                                       web.container:2",
        '  -c "echo \\"hi\\""                                  web.container:5',
        "  data.volume                                       web.container:3",
    ):
        assert line in shown, line
    assert one_line(desk.systemd("explain", "none.container", status=125).stderr).endswith(
        "none.container:1: cannot read: No such file or directory"
    )
    assert "is not a supported Quadlet file type" in one_line(
        desk.systemd("explain", "web.txt", status=125).stderr
    )


def test_diff(desk: Desk) -> None:
    there = desk.own / "generated"
    there.mkdir()
    words = ("diff", "--generated", str(there))
    desk.install(desk.write("web.container", WEB), desk.write("data.volume", "[Volume]\n"))
    new = desk.systemd(*words, status=1).stdout
    assert "+++ web.service (new)" in new and "--- /dev/null" in new
    assert desk.generate(there).returncode == 0
    assert desk.systemd(*words).stdout == ""
    (desk.installed / "web.container").write_text(WEB.replace("localhost/x", "localhost/y"))
    changed = desk.systemd(*words, status=1).stdout.splitlines()
    assert "-Image=localhost/x" in changed and "+Image=localhost/y" in changed
    desk.rm("web.container")
    gone = desk.systemd(*words, status=1).stdout
    assert f"--- {there}/web.service" in gone and "+++ /dev/null" in gone
    desk.write("bad.container", "[Container]\nX=1\n")
    assert "bad.container:2: unsupported key 'X'" in one_line(
        desk.systemd(*words, "bad.container", status=125).stderr
    )
    assert "is not a supported Quadlet file type" in one_line(
        desk.systemd(*words, "x.foo", status=125).stderr
    )
