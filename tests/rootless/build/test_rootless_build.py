"""Working containers and builds as an ordinary user: the main job, unshare, and the same digest as root's."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.interrupted_builds import begun
from support.programs import Tool, ours, theirs
from support.rootfs import busybox_tar
from support.users import OrdinaryUser, ordinary_user

pytestmark = pytest.mark.rootless

TEXT = (
    "FROM scratch AS base\nADD base.tar /\nFROM base\nCOPY --chown=5:6 a /a\n"
    'RUN id -u > /id && chown 7:8 /id && rm /etc/group\nENV A=1\nCMD ["cat", "/a"]\n'
)


@pytest.fixture
def user(tmp_path: Path) -> OrdinaryUser:
    return ordinary_user(tmp_path)


@pytest.fixture
def context(user: OrdinaryUser, tmp_path: Path) -> Iterator[Path]:
    """A context the user can read."""
    folder = user.home / f"build-{tmp_path.name}"
    folder.mkdir()
    (folder / "base.tar").write_bytes(busybox_tar())
    (folder / "a").write_text("a\n")
    (folder / "Containerfile").write_text(TEXT)
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, user.uid, user.gid)
    yield folder
    user.tool("buildah", "unshare", "rm", "-rf", str(folder))(status=None)


@pytest.fixture
def own(user: OrdinaryUser, context: Path) -> Tool:
    return user.tool("pybuildah", "--root", f"{context}/s/root", "--runroot", f"{context}/s/run")


def test_steps(own: Tool, context: Path) -> None:
    container = own.out("from", "scratch")
    own("add", container, f"{context}/base.tar", "/")
    own("copy", "--chown", "1000:50", container, f"{context}/a", "/app/")
    own("config", "--cmd", "cat /app/a", "--user", "user", container)
    assert (
        own.out("run", "--network", "host", container, "--", "sh", "-c", "id -u; stat -c %u:%g /app/a")
        == "1000\n1000:50"
    )
    image = own.out("commit", container, "mine")
    assert image[:12] in own.out("images")
    assert own("mount", container, status=125).stderr
    # As root the words before "--" become the user.
    program = own.argv[own.argv.index("--") + 1 :] if "--" in own.argv else own.argv
    seen = own.out("unshare", "sh", "-c", f"ls $({' '.join(program)} mount {container})/app")
    assert seen == "a"
    own("umount", container)
    own("rm", "-a")
    assert own.out("containers", "-q") == ""


def test_unshare_mounts(own: Tool) -> None:
    container = own.out("from", "scratch")
    own("unshare", "--mount", f"M={container}", "sh", "-c", "echo hello > $M/made")
    assert (
        own.out("unshare", "--mount", f"M={container}", "sh", "-c", "cat $M/made; exit 3", status=3)
        == "hello"
    )
    own("rm", container)


def test_run_step_after_su(own: Tool, context: Path) -> None:
    """su and chroot set no XDG_RUNTIME_DIR; the runtime must not look for its state in root's /run."""
    bare = Tool(own.argv, {k: v for k, v in (own.env or {}).items() if k != "XDG_RUNTIME_DIR"}, own.cwd)
    bare("build", "-q", "--network", "none", str(context))


@pytest.mark.root
def test_the_same_digest_as_roots(own: Tool, context: Path, tmp_path: Path) -> None:
    options = ("build", "-q", "--network", "none", str(context))
    mine = own.out(*options)
    root = ours("pybuildah", "--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run"))
    assert root.out(*options) == mine
    theirs("umount", "-l", "-R", str(tmp_path / "root" / "overlay"))(status=None)


@pytest.mark.compat
def test_buildah_sees_it(own: Tool, user: OrdinaryUser, context: Path) -> None:
    container = own.out("from", "scratch")
    peer = user.tool("buildah", "--root", f"{context}/s/root", "--runroot", f"{context}/s/run")
    assert container in peer.out("containers")
    peer("copy", container, f"{context}/a", "/theirs")
    own("copy", container, f"{context}/a", "/ours")
    own("commit", container, "both")
    assert "both" in peer.out("images")
    peer("rm", container)
    assert own.out("containers", "-q") == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_interrupted(own: Tool, user: OrdinaryUser, context: Path, number: signal.Signals) -> None:
    """The command ends with the build; what SIGKILL leaves goes with prune."""
    temporary = context / "tmp"
    temporary.mkdir()
    shutil.chown(temporary, user.uid, user.gid)
    text = "FROM scratch\nADD base.tar /\nRUN SLEEP\n"
    with begun(own, temporary, context, text, network="host") as build:
        assert build.alive()
        status, _ = build.end(number)
        assert build.gone()
    own = Tool(own.argv, {**(own.env or {}), "TMPDIR": str(temporary)}, own.cwd)
    if number == signal.SIGKILL:
        assert len(own.out("containers", "-q").splitlines()) == 1
        assert str(temporary) in own.out("prune")
    else:
        assert status == 128 + number
    assert list(temporary.iterdir()) == []
    assert own.out("containers", "-q") == ""


def test_builds_at_once_have_ids_of_their_own(own: Tool, context: Path) -> None:
    """Each waits in its second step, whose working container is not the first step's, for the other to get there."""
    sync = context / "sync"
    sync.mkdir()
    sync.chmod(0o777)
    own("build", "--network=none", "-t", "base", str(context))
    text = (
        "FROM base\nARG me\nARG other\nRUN true\n"
        "RUN touch /sync/$me; while ! [ -e /sync/$other ]; do sleep 0.1; done; cat /proc/self/uid_map\n"
    )
    (context / "Containerfile.auto").write_text(text)
    words = ("build", "--network=none", "--layers", "--userns=auto:size=2000", f"--volume={sync}:/sync")
    words += ("-f", f"{context}/Containerfile.auto")
    running = [
        subprocess.Popen(
            [*own.argv, *words, f"--build-arg=me={me}", f"--build-arg=other={other}", str(context)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=own.env,
        )
        for me, other in (("a", "b"), ("b", "a"))
    ]
    outputs = [process.communicate(timeout=100)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    maps = [line.split() for text in outputs for line in text.splitlines() if line.split()[-1:] == ["2000"]]
    assert len(maps) == 2
    assert len({words[1] for words in maps}) == 2
    assert own.out("containers", "-q") == ""
