"""Options before the command, each by what it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE, NONET
from support.pypod_store import pypod_with_box
from support.rootfs import busybox_tar

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def pypod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    with pypod_with_box(tmp_path_factory.mktemp("store")) as tool:
        yield tool


def test_hooks_of_a_folder(pypod: Tool, tmp_path: Path) -> None:
    hook = {
        "version": "1.0.0",
        "hook": {"path": "/bin/sh", "args": ["sh", "-c", f"cat > {tmp_path}/seen"]},
        "when": {"always": True},
        "stages": ["createRuntime"],
    }
    (tmp_path / "hook.json").write_text(json.dumps(hook))
    pypod("--hooks-dir", str(tmp_path), "run", "--rm", *NONET, IMAGE, "true")
    assert json.loads((tmp_path / "seen").read_text())["status"] in ("creating", "created")


def test_images_in_a_store_of_their_own(pypod: Tool, tmp_path: Path) -> None:
    (tmp_path / "box.tar").write_bytes(busybox_tar())
    apart = pypod.with_options("--imagestore", str(tmp_path / "images"))
    apart("import", f"{tmp_path}/box.tar", "localhost/apart")
    assert "localhost/apart" in (tmp_path / "images/overlay-images/images.json").read_text()
    assert sorted(apart.out("images", "--format", "{{.Repository}}").split()) == ["localhost/apart", IMAGE]
    assert pypod.out("images", "--format", "{{.Repository}}").split() == [IMAGE]
    assert apart.out("run", "--rm", *NONET, "localhost/apart", "echo", "runs") == "runs"


def test_options_of_pulls(pypod: Tool) -> None:
    assert pypod.out("--pull-option", "enable_partial_images=true", "images", "-q")
    for word, reason in (
        ("convert_images=true", "convert_images is not supported"),
        ("nothing=1", 'unknown pull option "nothing"'),
    ):
        assert reason in pypod("--pull-option", word, "images", status=125).stderr


def test_flags_of_the_runtime(pypod: Tool, tmp_path: Path) -> None:
    log = tmp_path / "runtime.log"
    words = ("--runtime-flag", "log-format=json", "--runtime-flag", f"log={log}")
    pypod(*words, "run", "--rm", *NONET, IMAGE, "true")
    assert log.exists()
    refused = pypod("--runtime-flag", "no-such-flag", "run", "--rm", *NONET, IMAGE, "true", status=None)
    assert refused.returncode in (125, 126, 127)
    assert "no-such-flag" in refused.stderr


def test_options_of_the_driver(pypod: Tool) -> None:
    nodev = pypod.with_options("--storage-opt", "overlay.mountopt=nodev")
    container = nodev.out("create", *NONET, IMAGE, "true")
    place = nodev.out("mount", container)
    lines = [line.split(" ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    (options,) = [fields[5] for fields in lines if fields[4] == place]
    assert "nodev" in options.split(",")
    nodev("unmount", container)
    nodev("rm", container)


def test_volumes_elsewhere(pypod: Tool, tmp_path: Path) -> None:
    place = tmp_path / "volumes"
    elsewhere = pypod.with_options("--volumepath", str(place))
    elsewhere("volume", "create", "v")
    assert elsewhere.out("volume", "inspect", "--format", "{{.Mountpoint}}", "v") == f"{place}/v/_data"
    words = ("run", "--rm", *NONET, "--volume", "v:/v", IMAGE, "touch", "/v/made")
    elsewhere(*words)
    assert (place / "v/_data/made").exists()
    elsewhere("volume", "rm", "v")


@pytest.mark.parametrize("flag", ["--connection", "--host", "--url", "--identity", "--ssh"])
def test_there_is_no_client_of_a_service(pypod: Tool, flag: str) -> None:
    refused = pypod(flag, "x", "ps", status=125).stderr
    assert "asks for a remote service" in refused
    assert refused.count("\n") == 1


def test_registries_of_another_file(pypod: Tool, tmp_path: Path) -> None:
    (tmp_path / "registries.conf").write_text('[[registry]]\nlocation = "blocked.example"\nblocked = true\n')
    words = ("--registries-conf", f"{tmp_path}/registries.conf", "pull", "blocked.example/image")
    assert "blocked" in pypod(*words, status=125).stderr.replace("blocked.example", "")
