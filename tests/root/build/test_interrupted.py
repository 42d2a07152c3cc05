"""Builds that a signal ends: the command ends too, nothing stays, or prune sees and removes it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.interrupted_builds import begun
from support.programs import Tool, ours, theirs

pytestmark = pytest.mark.root

BASE = "FROM scratch AS base\nADD base.tar /\n"
SLOW = BASE + "RUN SLEEP\nRUN echo lived\n"


@pytest.fixture
def own(own: Tool, temporary: Path) -> Tool:
    return Tool(own.argv, {**os.environ, "TMPDIR": str(temporary)})


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


def left(tmp_path: Path) -> list[str]:
    """What a build has besides its store's own files."""
    return [
        *os.listdir(tmp_path / "tmp"),
        *(name for name in os.listdir(tmp_path / "run") if name.startswith(("network-", "pybuildah-"))),
        *(name for name in os.listdir(tmp_path / "root" / "overlay-containers") if len(name) == 64),
    ]


@pytest.mark.parametrize("isolation", ["oci", "chroot"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal(
    own: Tool, context: Path, temporary: Path, tmp_path: Path, number: signal.Signals, isolation: str
) -> None:
    with begun(own, temporary, context, SLOW, "--isolation", isolation, network="host") as build:
        assert build.alive()
        status, said = build.end(number)
        assert not build.alive()
    assert status == 128 + number
    assert said.splitlines()[-1] == f"Error: interrupted by {number.name}"
    assert "lived" not in said and "Traceback" not in said
    assert left(tmp_path) == []
    assert own.out("containers", "-q") == ""


def test_nohup(own: Tool, context: Path, temporary: Path) -> None:
    """A build that is to outlive its terminal does."""
    nohup = Tool(["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *own.argv], own.env)
    with begun(nohup, temporary, context, SLOW) as build:
        build.process.send_signal(signal.SIGHUP)
        assert build.end(signal.SIGTERM)[1].splitlines()[-1] == "Error: interrupted by SIGTERM"


def test_stages_side_by_side(own: Tool, context: Path, temporary: Path, tmp_path: Path) -> None:
    """Both commands end, though each is waited for by a thread of its own, and layers keep no container of them."""
    text = BASE + "FROM base AS one\nRUN SLEEP\nFROM base AS two\nRUN SLEEP\nFROM base\n"
    text += "COPY --from=one /bin /one\nCOPY --from=two /bin /two\n"
    with begun(own, temporary, context, text, "--jobs", "2", "--layers", commands=2) as build:
        status, _ = build.end(signal.SIGTERM)
        assert not build.alive()
    assert status == 128 + signal.SIGTERM
    assert left(tmp_path) == []
    assert own.out("containers", "-q") == ""


@pytest.mark.parametrize("isolation", ["oci", "chroot"])
def test_killed(own: Tool, context: Path, temporary: Path, tmp_path: Path, isolation: str) -> None:
    """After SIGKILL the command ends all the same; prune removes container, folders and mounts, once the build is dead."""
    text = BASE + "RUN --mount=type=bind,from=named,target=/named SLEEP\n"
    (context / "Containerfile").write_text(BASE)
    own("build", "-t", "named", str(context))
    with begun(own, temporary, context, text, "--isolation", isolation, network="host") as build:
        assert own.out("prune") == ""
        working = own.out("containers", "-q")
        assert len(working) == 64 and build.alive()
        build.end(signal.SIGKILL)
        assert build.gone()
    assert own.out("containers", "-q") == working
    removed = own.out("prune").splitlines()
    assert removed[0] == working and removed[1].startswith(str(temporary))
    assert left(tmp_path) == []
    assert own.out("containers", "-q") == ""
    own("rmi", "named")
    if isolation == "oci":
        assert working[:12] not in theirs("runc", "list", "-q")().stdout


def test_killed_with_a_network(own: Tool, context: Path, temporary: Path, tmp_path: Path) -> None:
    """The namespace and netavark's bridge go with prune, too."""
    before = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
    with begun(own, temporary, context, SLOW, network="private") as build:
        made = set(os.listdir("/run/netns")) - before
        assert made
        build.end(signal.SIGKILL)
        assert build.gone()
    removed = own.out("prune").splitlines()
    assert {f"/run/netns/{name}" for name in made} & set(removed)
    assert not {name for name in made if f"/run/netns/{name}" in removed} & set(os.listdir("/run/netns"))
    assert left(tmp_path) == []


def test_pypod_prune(own: Tool, context: Path, temporary: Path, tmp_path: Path) -> None:
    """`pypod system prune --build` removes what a killed build left, and leaves a living one alone."""
    pypod = ours("pypod", "--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run"))
    environment = {"TMPDIR": str(temporary)}
    with begun(pypod, temporary, context, SLOW, "--layers=false") as build:
        living = own.out("containers", "-q")
        assert living and living not in pypod.out("system", "prune", "-f", "--build", env=environment)
        assert build.alive() and own.out("containers", "-q") == living
        build.end(signal.SIGKILL)
        assert build.gone()
    assert living in pypod.out("system", "prune", "-f", "--build", env=environment)
    assert left(tmp_path) == []


def test_run_in_a_working_container(own: Tool, tmp_path: Path, context: Path, temporary: Path) -> None:
    """`pybuildah run` ends with its command, and the container stays the caller's."""
    container = own.out("from", "scratch")
    own("add", container, str(context / "base.tar"), "/")
    words = ["run", "--network", "none", container, "--", "sh", "-c", "echo asleep; exec sleep 47113"]
    with subprocess.Popen([*own.argv, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"asleep\n"
        process.terminate()
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"Error: interrupted by SIGTERM\n")
    assert process.returncode == 143
    assert "sleep\x0047113" not in theirs("sh", "-c", "cat /proc/[0-9]*/cmdline")(status=None).stdout
    assert own.out("prune") == ""
    own("rm", container)


def test_containers_kept_on_purpose(own: Tool, context: Path, tmp_path: Path) -> None:
    """--rm=false keeps each step's container, a step that failed its own unless --force-rm; prune leaves them alone."""

    def kept(text: str, *options: str, status: int = 0, cached: bool = False) -> int:
        (context / "Containerfile").write_text(text)
        options = options if cached else ("--no-cache", *options)
        own("build", "--network", "none", *options, str(context), status=status)
        own(*(("containers",) if cached else ("prune",)))
        count = len(own.out("containers", "-q").splitlines())
        own("rm", "--all")
        return count

    good, bad = BASE + "RUN true\nENV a=b\n", BASE + "RUN true\nRUN exit 3\n"
    assert kept(good, "--layers") == 0
    assert kept(good, "--layers", "--rm=false") == 3
    assert kept(good, "--layers", "--rm=false", "--force-rm") == 2
    assert kept(good, "--rm=false") == 0
    assert kept(bad, "--layers", status=3) == 1
    assert kept(bad, "--layers", "--force-rm", status=3) == 0
    assert kept(bad, status=3) == 0
    assert kept(BASE + "COPY nothing /\n", "--layers", status=125) == 1
    # Steps found in the cache count like others.
    (context / "Containerfile").write_text(good)
    own("build", "--network", "none", "--layers", str(context))
    assert kept(good, "--layers", "--rm=false", cached=True) == 3
    assert kept(BASE + "COPY nothing /\n", "--layers", status=125, cached=True) == 1
