"""pypod and podman on one store, and what both say to the same words."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.peer_generations import peer_does
from support.programs import PODMAN_RUN_FLAGS, Tool, ours, theirs
from support.rootfs import busybox_tar

pytestmark = [pytest.mark.root, pytest.mark.compat]

NONET = ("--network", "none")


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Tool, Tool]]:
    """pypod and podman on one store with the image localhost/box."""
    # podman refuses run roots of more than 50 characters.
    run_root = tempfile.mkdtemp(prefix="pypod-", dir="/run")
    store = ("--root", f"{tmp_path}/root", "--runroot", run_root)
    pypod = ours("pypod", *store, "--runtime", "runc", "--tmpdir", f"{tmp_path}/ours")
    podman = theirs("podman", *store, "--tmpdir", f"{tmp_path}/theirs", "--cgroup-manager", "cgroupfs")
    archive = tmp_path / "box.tar"
    archive.write_bytes(busybox_tar())
    pypod("import", "-q", "-c", 'CMD ["sh"]', str(archive), "localhost/box")
    yield pypod, podman
    pypod("rm", "-a", "-f", "-t", "0", status=None)
    podman("rm", "-a", "-f", "-t", "0", status=None)
    podman("unmount", "-a", status=None)
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        if line.split(" ")[4].startswith((f"{tmp_path}/", f"{run_root}/")):
            subprocess.run(["umount", "--lazy", line.split(" ")[4]], check=True)
    shutil.rmtree(run_root)


def test_images_of_one_run_with_the_other(both: tuple[Tool, Tool]) -> None:
    pypod, podman = both
    assert podman.out("run", "--rm", *PODMAN_RUN_FLAGS, *NONET, "localhost/box", "echo", "hi") == "hi"
    pypod("run", "--name", "c", *NONET, "localhost/box", "sh", "-c", "echo mine > /mine")
    pypod("commit", "-q", "c", "localhost/from-pypod")
    flags = (*PODMAN_RUN_FLAGS, *NONET)
    assert podman.out("run", "--rm", *flags, "localhost/from-pypod", "cat", "/mine") == "mine"
    podman("run", "--name", "p", *flags, "localhost/box", "sh", "-c", "echo theirs > /theirs")
    podman("commit", "-q", "p", "localhost/from-podman")
    assert pypod.out("run", "--rm", *NONET, "localhost/from-podman", "cat", "/theirs") == "theirs"
    ids = "{{.Id}}"
    for name in ("box", "from-pypod", "from-podman"):
        image = f"localhost/{name}"
        assert pypod.out("image", "inspect", "-f", ids, image) == podman.out(
            "image", "inspect", "-f", ids, image
        )


def test_names_in_the_store_are_shared(both: tuple[Tool, Tool]) -> None:
    pypod, podman = both
    theirs_id = podman.out("create", "--name", "x", *PODMAN_RUN_FLAGS, "localhost/box", "true")
    taken = pypod("create", "--name", "x", "localhost/box", "true", status=125)
    assert f'the container name "x" is already in use by {theirs_id}' in taken.stderr
    assert pypod.out("ps", "-aq") == ""
    ours_id = pypod.out("create", "--name", "y", "localhost/box", "true")
    taken = podman("create", "--name", "y", *PODMAN_RUN_FLAGS, "localhost/box", "true", status=125)
    assert f'the container name "y" is already in use by {ours_id}' in taken.stderr
    assert "x" in pypod.out("ps", "-a", "--external", "--format", "{{.Names}}").split()
    assert pypod("container", "exists", "x", status=1).stdout == ""
    pypod("container", "exists", "--external", "x")
    assert "image is in use by a container" in pypod("rmi", "localhost/box", status=2).stderr


def keys(value: Any, path: str = "") -> set[str]:
    """Every key path of the dicts whose keys are fields rather than names."""
    found = set()
    if isinstance(value, dict):
        for key, item in value.items():
            found.add(f"{path}.{key}")
            if key not in ("Labels", "Annotations", "Networks", "Ports", "PortBindings", "Data", "Tmpfs"):
                found |= keys(item, f"{path}.{key}")
    elif isinstance(value, list) and value:
        found |= keys(value[0], path)
    return found


def test_json_has_podmans_keys(both: tuple[Tool, Tool]) -> None:
    pypod, podman = both
    for tool, flags in ((pypod, PODMAN_RUN_FLAGS), (podman, PODMAN_RUN_FLAGS)):
        tool(
            "run",
            "-d",
            "--name",
            f"k-{tool is podman}",
            *flags,
            *NONET,
            "-v",
            "/tmp:/x",
            "localhost/box",
            "sleep",
            "1000",
        )
    for command in (("inspect",), ("ps", "--format", "json")):
        mine = json.loads(pypod.out(*command, *(["k-False"] if command == ("inspect",) else [])))
        peers = json.loads(podman.out(*command, *(["k-True"] if command == ("inspect",) else [])))
        # 5.x dropped the health object of containers without a check.
        missing = {key for key in keys(peers) - keys(mine) if not key.startswith(".State.Health")}
        assert missing == set()
    image = ("image", "inspect", "localhost/box")
    assert json.loads(pypod.out(*image)) == json.loads(podman.out(*image))


def test_network_settings_are_podmans(both: tuple[Tool, Tool]) -> None:
    shown = []
    for tool, prefix in zip(both, ("m", "t"), strict=True):
        for kind in ("none", "host"):
            tool(
                "create",
                "--name",
                f"{prefix}-{kind}",
                "--network",
                kind,
                *PODMAN_RUN_FLAGS,
                "localhost/box",
                "true",
            )
        joined = ("--network", f"container:{prefix}-none", *PODMAN_RUN_FLAGS, "localhost/box", "true")
        tool("create", "--name", f"{prefix}-joined", *joined)
        names = [f"{prefix}-{kind}" for kind in ("none", "host", "joined")]
        shown.append([entry["NetworkSettings"] for entry in json.loads(tool.out("inspect", *names))])
    mine, peers = shown
    if not peer_does("inspect shows the mode as a network"):
        for settings in mine:
            settings.pop("Networks")
    assert mine == peers


@pytest.mark.parametrize(
    "words",
    [
        ("start", "nosuch"),
        ("stop", "nosuch"),
        ("kill", "nosuch"),
        ("rm", "nosuch"),
        ("exec", "nosuch", "true"),
        ("logs", "nosuch"),
        ("wait", "nosuch"),
        ("port", "nosuch"),
        ("attach", "nosuch"),
        ("pause", "nosuch"),
        ("inspect", "nosuch"),
        ("rmi", "nosuch"),
        ("image", "exists", "nosuch"),
        ("container", "exists", "nosuch"),
        ("volume", "rm", "nosuch"),
        ("volume", "inspect", "nosuch"),
        ("start",),
        ("stop",),
        ("rm",),
        ("run",),
        ("bogus",),
        ("ps", "--bogus"),
        ("ps", "--filter", "bogus=1"),
        ("create", "--restart", "bogus", "localhost/box"),
        ("create", "--memory", "x", "localhost/box"),
        ("create", "-v", "/nosuch/at/all:/x", "localhost/box"),
        ("create", "--mount", "type=bogus,dst=/x", "localhost/box"),
        ("create", "--name", "a b", "localhost/box"),
        ("create", "--pull", "bogus", "localhost/box"),
        ("create", "--pull", "never", "localhost/nosuch"),
        ("create", "--network", "container:nosuch", "localhost/box"),
        ("create", "--pid", "bogus", "localhost/box"),
        ("create", "--security-opt", "bogus", "localhost/box"),
        ("run", "--rm", "-d", "--restart", "always", "localhost/box"),
    ],
    ids=" ".join,
)
def test_mistakes_end_alike(both: tuple[Tool, Tool], words: tuple[str, ...]) -> None:
    pypod, podman = both
    mine, peers = pypod(*words, status=None), podman(*words, status=None)
    assert mine.returncode == peers.returncode, (mine.stderr, peers.stderr)
    assert bool(mine.stderr) == bool(peers.stderr), (mine.stderr, peers.stderr)
    assert "Traceback" not in mine.stderr
    assert "internal error" not in mine.stderr
