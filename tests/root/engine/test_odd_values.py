"""Values that podman takes though they say nothing, and some it does not, through the whole command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool, ours

pytestmark = pytest.mark.root


def test_values_that_say_nothing(tmp_path: Path) -> None:
    pypod = ours("pypod", "--root", str(tmp_path / "r"), "--runroot", str(tmp_path / "rr"))
    rootfs = tmp_path / "rootfs"
    rootfs.mkdir()
    try:
        made = pypod(
            "create",
            "--env=",
            "--authfile=",
            "--cgroups=",
            "--sdnotify=",
            "--health-on-failure=",
            "--log-opt",
            "max-file=3",
            "--name=c",
            "--network=none",
            "--rootfs",
            str(rootfs),
            "true",
        )
        assert "log option 'max-file' is ignored" in made.stderr
        found = json.loads(pypod.out("inspect", "c"))[0]
        assert found["Config"]["sdNotifyMode"] == "container"
        failed = pypod("create", "--network=pasta", "--rootfs", str(rootfs), "true", status=125)
        assert "pasta networking is only supported for rootless mode" in failed.stderr
        assert pypod.out("ps", "-aq", "--no-trunc").split() == [found["Id"]]
    finally:
        pypod("rm", "-a", "-f", status=None)


@pytest.fixture
def pypod(tmp_path: Path) -> Iterator[Tool]:
    tool = ours("pypod", "--root", str(tmp_path / "r"), "--runroot", str(tmp_path / "rr"))
    rootfs = tmp_path / "rootfs"
    rootfs.mkdir()
    tool("create", "--name=c", "--network=none", "--rootfs", str(rootfs), "/true")
    yield tool
    tool("rm", "-a", "-f", status=None)


def test_sessions_that_cannot_be_made(pypod: Tool) -> None:
    """podman's statuses: 255 for the session, 125 for a container that is not there."""
    failed = pypod("exec", "c", "true", status=255)
    assert "can only create exec sessions on running containers: container state improper" in failed.stderr
    pypod("exec", "nope", "true", status=125)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("--log-opt=max-size", 'invalid log option "max-size"'),
        ("--systemd=0", '--systemd "0": expected "true", "false" or "always"'),
        ("--userns=:", "unrecognized namespace mode : passed"),
        ("--network=:", "network name cannot be empty"),
        (
            "--decryption-key=/no/such.key",
            "invalid decryption keys: open /no/such.key: no such file or directory",
        ),
    ],
)
def test_values_that_create_refuses(pypod: Tool, tmp_path: Path, word: str, told: str) -> None:
    failed = pypod("create", word, "--rootfs", str(tmp_path / "rootfs"), "true", status=125)
    assert told in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert len(pypod.out("ps", "-aq").split()) == 1


def test_descriptors_of_our_own_are_not_passed_on(pypod: Tool) -> None:
    failed = pypod("exec", "--preserve-fds=1", "c", "true", status=125)
    assert failed.stderr.startswith("Error: file descriptor 3 is not available - the preserve-fds option")


@pytest.mark.parametrize("verb", ["rm", "stop", "pause", "unpause", "restart"])
def test_filters_take_no_names(pypod: Tool, verb: str) -> None:
    failed = pypod(verb, "--filter", "name=c", "c", status=125)
    assert failed.stderr == "Error: --filter takes no arguments\n"


@pytest.mark.parametrize(("words", "file"), [(["rm"], "cidfile"), (["pod", "rm"], "pod-id-file")])
def test_files_of_ids_take_no_names(pypod: Tool, words: list[str], file: str) -> None:
    failed = pypod(*words, f"--{file}=/etc/hostname", "c", status=125)
    assert failed.stderr == f"Error: no arguments are needed with --latest or --{file}\n"


def test_a_container_on_a_root_directory_of_its_own(pypod: Tool) -> None:
    assert pypod.out("diff", "c") == ""
    assert pypod.out("mount", "--all") == ""
    assert "c  " in pypod.out("stats", "--no-stream", "c")


def test_cleanup_of_what_is_gone(pypod: Tool) -> None:
    pypod("container", "cleanup", "nope")


def test_format_of_mounted_images(pypod: Tool) -> None:
    failed = pypod("image", "mount", "--format", "table", status=125)
    assert failed.stderr == 'Error: unknown --format argument: "table"\n'


@pytest.mark.parametrize("verb", ["start", "init", "rm", "stop", "kill", "wait", "restart"])
def test_a_name_that_means_none_stops_all(pypod: Tool, verb: str) -> None:
    """As podman: nothing is done to any container, and every such name is told."""
    failed = pypod(verb, "c", "nope", "none", status=1 if verb == "rm" else 125)
    assert failed.stdout == ""
    told = failed.stderr.splitlines()
    assert len(told) == 2
    assert '"nope"' in told[0]
    assert '"none"' in told[1]
    assert pypod.out("ps", "-a", "--format", "{{.Status}}") == "Created"


def test_names_of_nothing(pypod: Tool) -> None:
    assert pypod("rmi", "nope", status=1).stderr == "Error: nope: image not known\n"
    assert "reference" in pypod("rmi", "UPPER", status=125).stderr
    pypod("image", "exists", "nope", status=1)
    pypod("image", "exists", "UPPER", status=125)
    assert "name or ID cannot be empty" in pypod("volume", "rm", "", status=125).stderr
    assert "--force option must be specified" in pypod("volume", "rm", "-t", "1", "v", status=125).stderr
    assert "name or ID cannot be empty" in pypod("rm", "/", status=125).stderr
    assert "sort" in pypod("ps", "--sort=", status=125).stderr


def test_the_time_a_container_was_made(pypod: Tool) -> None:
    """As podman: a time with methods in templates, seconds in JSON."""
    text = pypod.out(
        "ps", "-a", "--format", "{{.Created}}|{{.CreatedAt}}|{{.Created.Unix}}|{{json .Created}}"
    )
    made, again, seconds, quoted = text.split("|")
    assert made == again
    assert made[:10] == quoted[1:11]
    assert "." in made
    listed = json.loads(pypod.out("ps", "-a", "--format", "json"))[0]
    assert listed["Created"] == int(seconds)
    assert all(key[0] != "_" for key in listed)


def test_pods_of_which_one_is_not_there(pypod: Tool) -> None:
    pypod("pod", "create", "--infra=false", "p")
    assert pypod("pod", "rm", "p", "nope", status=1).stdout == ""
    assert pypod.out("pod", "ps", "--format", "{{.Name}}") == "p"
    assert pypod.out("pod", "logs", "p") == ""
    assert "name or ID cannot be empty" in pypod("pod", "rm", "", status=125).stderr
    pypod("pod", "rm", "p")


def test_detach_keys_of_a_session_are_looked_at(pypod: Tool) -> None:
    failed = pypod("exec", "--detach-keys=a=b", "c", "true", status=125)
    assert "invalid detach keys" in failed.stderr
