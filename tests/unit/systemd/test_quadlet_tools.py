"""check, from-container and the installation of Quadlet files, as libraries."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.errors import Conflict, InvalidInput, NotFound
from ocicore.systemd.create_command import parse as parse_command
from ocicore.systemd.quadlet.from_command import container_file
from ocicore.systemd.quadlet.installed import Installation, check, find, split_bundle
from ocicore.systemd.quadlet.lint import check as lint
from ocicore.systemd.quadlet.service import Host
from ocicore.systemd.quoting import literal
from ocicore.systemd.unit_file import UnitFileError
from unit.systemd.test_quadlet_keys import services, words

HOST = Host("/opt/bin/pypod", is_user=False)


def findings(path: Path, text: str, **more: tuple[int, ...]) -> list[str]:
    path.write_text(text)
    return [str(finding).removeprefix(f"{path}:") for finding in lint(str(path), HOST, **more)]  # type: ignore[arg-type]


def test_a_good_file_has_no_findings(tmp_path: Path) -> None:
    (tmp_path / "n.network").write_text("[Network]\n")
    assert findings(tmp_path / "a.container", "[Container]\nImage=x.io/x\nNetwork=n.network\n") == []


def test_every_mistake_has_its_place(tmp_path: Path) -> None:
    text = """\
[Unit]
Description=x
[Container]
Imag=a
Image=localhost/x
Image=localhost/y
  Network=net.network
Subnet=1.2.3.4
ReadOnly=\\
  perhaps
HttpProxy=no
Exec=a 'b
[Service]
PodmanArgs=--x
User=1
[Instal]
[Volume]
[Install]
WantedBye=x
"""
    assert findings(tmp_path / "a.container", text) == [
        "4:1: error: unsupported key Imag in [Container], did you mean Image?",
        "6:1: warning: Image is set in line 5 already: this one counts",
        "7:11: error: requested Quadlet unit net.network was not found",
        "8:1: error: unsupported key Subnet in [Container]: it is a key of [Network]",
        "9:10: error: ReadOnly=perhaps: neither yes nor no",
        "11:1: note: HttpProxy needs podman 5.7; pypod has it",
        "12:6: error: Exec: a quotation that opens with ' is not closed",
        "14:1: error: PodmanArgs belongs in [Container]",
        "15:1: warning: User in [Service] changes who runs the engine, not the container",
        "16:1: error: unknown section [Instal], which systemd passes over, did you mean [Install]?",
        "17:1: error: [Volume] is of .volume files; this one has [Container]",
        "19:1: error: unknown key WantedBye in [Install], did you mean WantedBy?",
    ]


def test_the_version_a_key_needs(tmp_path: Path) -> None:
    text = "[Container]\nImage=x.io/x\nHealthCmd=x\nMemory=1g\n"
    path = tmp_path / "a.container"
    assert findings(path, text, version=(5, 5)) == []
    assert findings(path, text, version=(5, 4)) == ["4:1: error: Memory needs podman 5.5"]
    assert findings(path, text, version=(4, 4))[0] == "3:1: error: HealthCmd needs podman 4.5"


def test_drop_ins_are_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "a.container.d"
    folder.mkdir()
    (folder / "x.conf").write_text("[Container]\n\nLable=a=b\n")
    (folder / "y.conf").write_text("[Container\n")
    (tmp_path / "a.container").write_text("[Container]\nImage=x.io/x\n")
    assert [str(finding) for finding in lint(str(tmp_path / "a.container"), HOST)] == [
        f"{folder}/x.conf:3:1: error: unsupported key Lable in [Container], did you mean Label?",
        f"{folder}/y.conf:1:1: error: invalid section header '[Container'",
    ]


@pytest.mark.parametrize(
    ("name", "start"), [("a.txt", "1:1: error: not a Quadlet file"), ("a.pod", "1:1: error: cannot read")]
)
def test_files_that_are_none(tmp_path: Path, name: str, start: str) -> None:
    (found,) = lint(str(tmp_path / name), HOST)
    assert str(found).startswith(f"{tmp_path}/{name}:{start}")


COMMAND = [
    "/usr/bin/pypod", "run", "-d", "--rm", "--name", "web", "-e", "A=1 'x' $y %z", "-e", "GIVEN", "--env", "LOST",
    "-v", "/srv/a b:/data:Z", "-p", "80:80", "-l", "a=b c", "--label", "io.containers.autoupdate=registry", "-u", "1:2",
    "-w", "/work dir", "--read-only", "--init=false", "--security-opt", "no-new-privileges", "--security-opt",
    "label=type:t", "--sysctl", "a.b=c", "--memory", "1g", "--cpus", "2", "-it", "--restart", "unless-stopped",
    "--health-cmd", '["CMD","x"]', "--mount", "type=tmpfs,dst=/x", "--cap-add", "NET_ADMIN", "--sdnotify=healthy",
    "--", "localhost/x", "sh", "-c", "echo 'a b' $HOME \\n",
]  # fmt: skip


def test_a_container_becomes_a_file_that_makes_it(tmp_path: Path) -> None:
    text, notes = container_file(parse_command(COMMAND), "web", {"GIVEN": "by%it"})
    assert notes == []
    service = services(tmp_path, {"web.container": text})["web.container"]
    line = [literal(word) for word in words(service) if not word.startswith("--cidfile")]
    start = line.index("run")
    assert line[start + 1 : start + 5] == ["--name", "web", "--replace", "--rm"]
    for pair in (
        ("--env", "A=1 'x' $y %z"), ("--env", "GIVEN=by%it"), ("-v", "/srv/a b:/data:Z"), ("--publish", "80:80"),
        ("--label", "a=b c"), ("--label", "io.containers.autoupdate=registry"), ("--user", "1:2"),
        ("--workdir", "/work dir"), ("--sysctl", "a.b=c"), ("--memory", "1g"), ("--health-cmd", '["CMD","x"]'),
        ("--mount", "type=tmpfs,dst=/x"), ("--cap-add", "net_admin"),
    ):  # fmt: skip
        assert any(tuple(line[at : at + 2]) == pair for at in range(len(line))), pair
    for word in (
        "--read-only",
        "--init=false",
        "--security-opt=no-new-privileges",
        "--security-opt=label=type:t",
        "--cpus=2",
        "--sdnotify=healthy",
    ):
        assert word in line, word
    assert line[-4:] == ["localhost/x", "sh", "-c", "echo 'a b' $HOME \\n"]
    assert "LOST" not in text
    assert service.get("Service", "Restart") == "always"
    assert not [f for f in lint(str(tmp_path / "web.container"), HOST) if f.level == "error"]


def test_files_are_installed_and_forgotten(tmp_path: Path) -> None:
    there = Installation(f"{tmp_path}/q")
    assert (
        there.add("a.container", b"[Container]\n", ".app.app", replace=False) == f"{tmp_path}/q/a.container"
    )
    there.add("a.env", b"X=1\n", ".app.app", replace=False)
    with pytest.raises(Conflict, match="already exists, refusing to overwrite"):
        there.add("a.container", b"", ".app.app", replace=False)
    there.add("a.container", b"[Container]\nImage=x\n", ".app.app", replace=True)
    assert there.applications() == {".app.app": ["a.container", "a.env"]}
    assert there.application_of("a.env") == ".app.app"
    assert find("a.container", [f"{tmp_path}/none", there.folder]) == f"{there.folder}/a.container"
    with pytest.raises(NotFound):
        find("b.container", [there.folder])
    with pytest.raises(InvalidInput):
        find("b.txt", [there.folder])
    Path(there.folder, "a.container").unlink()
    there.forget(".app.app", "a.container")
    assert list(Path(there.folder).iterdir()) == []


@pytest.mark.parametrize("name", ["../x.container", ".hidden.container", ""])
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        Installation(str(tmp_path)).add(name, b"", ".x.app", replace=True)
    (tmp_path / ".x.app").write_text("../../etc/passwd\n..\nfine.env\n")
    assert Installation(str(tmp_path)).members(".x.app") == ["fine.env"]


def test_form_is_checked_before_installing() -> None:
    check("a.container", b"[Container]\nImage=x\n", "a.container")
    with pytest.raises(UnitFileError, match=r"a\.container:2: unsupported key 'Imag'"):
        check("a.container", b"[Container]\nImag=x\n", "a.container")
    with pytest.raises(UnitFileError, match="not UTF-8"):
        check("a.container", b"[Container]\n#\xff\n", "a.container")


def test_bundles() -> None:
    text = "# FileName=web\n[Container]\nImage=x\n---\n# FileName=data\n[Volume]\n---\n"
    assert list(split_bundle(text, "b")) == [
        ("web.container", "# FileName=web\n[Container]\nImage=x\n"),
        ("data.volume", "# FileName=data\n[Volume]\n"),
    ]
    for broken, reason in (
        ("[Volume]\n", "b:1: a part without a line"),
        ("# FileName=x\nA=b\n", "b:1: no section"),
        ("", "b:1: no Quadlet file"),
    ):
        with pytest.raises(UnitFileError, match=reason):
            list(split_bundle(broken, "b"))
