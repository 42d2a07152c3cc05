"""Steps that cannot be done: the error names the step, and nothing of it stays. And what --mount=type=ssh gives a user."""

from __future__ import annotations

import os
import socket
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

from support.programs import Tool, theirs

pytestmark = pytest.mark.root

BASE = "FROM scratch AS base\nADD base.tar /\n"


def failing(own: Tool, context: Path, text: str, *options: str, status: int = 125) -> str:
    (context / "Containerfile").write_text(text)
    return own("build", "--network", "none", *options, str(context), status=status).stderr


def test_a_stage_that_nobody_was_seen_to_need(own: Tool, context: Path) -> None:
    """What a base image's ONBUILD copies from is only known when the stages to build are chosen."""
    (context / "Containerfile").write_text(f"{BASE}ONBUILD COPY --from=other /a /seen\n")
    own("build", "--format", "docker", "-t", "with-trigger", str(context))
    text = "FROM scratch AS other\nCOPY a /\nFROM with-trigger\nRUN grep a /seen\n"
    said = failing(own, context, text, "--format", "docker")
    assert "COPY --from=other: the stage was left out" in said and "--skip-unused-stages=false" in said
    own("build", "--format", "docker", "--network", "none", "--skip-unused-stages=false", str(context))


def test_environment_of_a_stage_names_another(own: Tool, context: Path) -> None:
    text = f"{BASE}FROM scratch AS one\nCOPY a /\nFROM base AS with-name\nENV WHICH=one\nFROM with-name\nCOPY --from=$WHICH /a /b\nRUN grep a /b\n"
    (context / "Containerfile").write_text(text)
    own("build", "--network", "none", str(context))


@pytest.mark.parametrize("kind", ["cache,target=/c", "secret,id=s", "ssh"])
@pytest.mark.parametrize("field", ["uid", "gid"])
def test_ids_that_are_no_numbers(own: Tool, context: Path, tmp_path: Path, kind: str, field: str) -> None:
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        options = ("--secret", f"id=s,src={context}/a", "--ssh", f"default={tmp_path}/agent")
        said = failing(
            own.with_env(TMPDIR=str(tmp_path)),
            context,
            f"{BASE}RUN --mount=type={kind},{field}=root true\n",
            *options,
        )
    assert f'invalid {field} "root" in --mount=type={kind},{field}=root' in said
    assert 'building at STEP "RUN' in said


@pytest.mark.parametrize("options", [(), ("--layers",)])
def test_a_working_directory_that_cannot_be(
    own: Tool, context: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Its mounts are undone, too (`own` looks for those)."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    text = f"{BASE}WORKDIR /bin/busybox\nRUN --mount=type=bind,rw,target=/x true\n"
    said = failing(own.with_env(TMPDIR=str(folder)), context, text, *options)
    step = "RUN --mount=type=bind,rw,target=/x true" if options else "WORKDIR /bin/busybox"
    assert f'building at STEP "{step}": /bin/busybox: exists and is not a directory' in said
    assert os.listdir(folder) == []


def test_an_agent_for_an_ordinary_user(own: Tool, context: Path, tmp_path: Path) -> None:
    """The agent's own socket is for its owner; the command's user reaches it through one of its own."""
    path = tmp_path / "agent"
    show = "stat -c '%u:%g %a' $SSH_AUTH_SOCK; test -w $SSH_AUTH_SOCK"
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(path))
        path.chmod(0o600)
        agent.listen()
        text = f"{BASE}USER 1000:1001\nRUN --mount=type=ssh,uid=1000,gid=1001,mode=0640 {show}\n"
        (context / "Containerfile").write_text(text)
        options = ("--network", "none", "--ssh", f"default={path}")
        assert "1000:1001 640" in own("build", *options, str(context)).stdout
        (context / "Containerfile").write_text(f"{BASE}RUN --mount=type=ssh {show}\n")
        maps = ("--userns-uid-map", "0:100000:2000", "--userns-gid-map", "0:200000:2000")
        assert "0:0 600" in own("build", *options, *maps, str(context)).stdout
    assert path.stat().st_mode & 0o777 == 0o600


def test_nobody_else_enters_the_root_of_a_command(own: Tool, context: Path) -> None:
    """With ids of its own a command's root is mounted once more, where these ids get to it – and no others."""
    (context / "Containerfile").write_text(f"{BASE}RUN echo here; read line\n")
    maps = ("--userns-uid-map", "0:100000:2000", "--userns-gid-map", "0:100000:2000")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        with subprocess.Popen(
            [*own.argv, "build", "--stdin", "--network", "none", *maps, str(context)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": folder},
        ) as building:
            assert building.stdin is not None and building.stdout is not None
            try:
                assert "here\n" in iter(building.stdout.readline, "")
                targets = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
                (root,) = (
                    target for target in targets if target.startswith(f"{folder}/") and "/root-" in target
                )
                assert os.path.exists(f"{root}/bin/busybox")
                as_user = theirs("setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups")
                assert "ermission denied" in as_user("ls", f"{root}/bin", status=None).stderr
            finally:
                said, _ = building.communicate("on\n")
            assert building.returncode == 0, said
        assert os.listdir(folder) == []


def test_an_image_whose_dev_is_a_link(own: Tool, context: Path, tmp_path: Path) -> None:
    """It leads into the image, and to nothing of the host's."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(context / "base.tar") as given, tarfile.open(context / "links.tar", "w") as made:
        for member in given:
            if not member.name.removeprefix("./").startswith("dev"):
                made.addfile(member, given.extractfile(member) if member.isreg() else None)
        link = tarfile.TarInfo("dev")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        made.addfile(link)
    text = "FROM scratch\nADD links.tar /\nRUN test -e /dev/null\n"
    (context / "Containerfile").write_text(text)
    own("build", "--isolation", "chroot", str(context))
    assert os.listdir(outside) == []
