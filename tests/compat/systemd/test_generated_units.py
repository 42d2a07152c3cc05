"""Generated units against `podman generate systemd` on the same containers: equal to the byte, but for the names.

Known differences of podman 4.3, which are mistakes of its own, are left out of the comparison: it forgets
--restart-sec, prints several --env in any order, and doubles "$" in Environment=, where it means itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ocicore.systemd.generate import ContainerFacts, Names, Options, PodFacts, container_unit, pod_units
from support.peer_generations import peer_does
from support.peer_podman import podman_with_busybox
from support.programs import Tool

pytestmark = [pytest.mark.compat, pytest.mark.root]


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    with podman_with_busybox(tmp_path_factory.mktemp("podman")) as tool:
        yield tool


@pytest.fixture(scope="module")
def names(podman: Tool) -> Names:
    version = podman.out("--version").split()[-1]
    return Names((podman.argv[0],), version, title="Podman", manual="podman-generate-systemd(1)")


def _facts(podman: Tool, name: str) -> ContainerFacts:
    found: dict[str, Any] = json.loads(podman.out("inspect", "--type", "container", name))[0]
    return {
        "id": found["Id"],
        "name": found["Name"],
        "create_command": found["Config"].get("CreateCommand"),
        "conmon_pid_file": found["ConmonPidFile"],
        "stop_timeout": found["Config"]["StopTimeout"],
        "restart_policy": found["HostConfig"]["RestartPolicy"]["Name"],
        "env": found["Config"]["Env"],
        "run_root": podman.out("info", "--format", "{{.Store.RunRoot}}"),
        "depends_on": found["Dependencies"],
        "is_init": False,
    }


def _undated(text: str) -> str:
    if not peer_does("an old id file is written over"):
        text = re.sub(r"ExecStartPre=/bin/rm \\\n\t-f %t/.*\n", "", text)
    return re.sub(r"(?m)^# \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \S+ \d{4}$", "# DATE", text)


_VARIANTS: list[tuple[list[str], Options]] = [
    ([], Options()),
    (["--name"], Options(use_name=True)),
    (["--name", "--new"], Options(use_name=True, new=True)),
    (["--name", "--new", "--template"], Options(use_name=True, new=True, template=True)),
    (
        [
            "--new",
            "--restart-policy=always",
            "--no-header",
            "--start-timeout=9",
            "--stop-timeout=0",
            "-e",
            "C=d e",
        ],
        Options(
            new=True,
            restart_policy="always",
            no_header=True,
            start_timeout=9,
            stop_timeout=0,
            env=("C=d e",),
        ),
    ),
    (
        [
            "--name",
            "--container-prefix=",
            "--wants=a.service",
            "--wants=b.service",
            "--after=c.service",
            "--requires=d.service",
        ],
        Options(
            use_name=True,
            container_prefix="",
            wants=("a.service", "b.service"),
            after=("c.service",),
            requires=("d.service",),
        ),
    ),
    (
        ["--name", "--container-prefix=x", "--separator=_"],
        Options(use_name=True, container_prefix="x", separator="_"),
    ),
]
_CONTAINERS = [
    ["--name", "one", "-e", "HOME", "localhost/bb", "sleep", "100"],
    ["--name=two", "--replace=false", "--restart", "on-failure:3", "localhost/bb", "sh", "-c", "echo $HOME; sleep 1 %n"],
    ["-it", "--name", "three", "--restart=unless-stopped", "--stop-timeout", "25", "localhost/bb", "sleep", "9"],
    ["--rm", "--cgroups=enabled", "--name", "four", "--label", "a=b\\c", "-h", "foo", "localhost/bb", "--name", "x", "-d"],
    ["--name", "five", "--sdnotify", "ignore", "-e", 'A="q"', "localhost/bb", "sleep", "9"],
]  # fmt: skip


@pytest.mark.parametrize("words", _CONTAINERS, ids=" ".join)
def test_containers(podman: Tool, names: Names, words: list[str]) -> None:
    container_id = podman.out("create", *words)
    facts = _facts(podman, container_id)
    for flags, options in _VARIANTS:
        theirs = podman("generate", "systemd", *flags, container_id).stdout
        assert _undated(container_unit(facts, options, names).text) == _undated(theirs), flags


def test_pods(podman: Tool, names: Names) -> None:
    infra = ("--infra-image", "localhost/bb", "--infra-command", "/bin/sleep 9")
    podman("pod", "create", "--name", "p", *infra, "--share", "net")
    podman("create", "--pod", "p", "--name", "inside", "localhost/bb", "sleep", "9")
    found = json.loads(podman.out("pod", "inspect", "p"))
    if peer_does("pod inspect is a list"):
        (found,) = found
    pod: PodFacts = {
        "id": found["Id"],
        "name": found["Name"],
        "create_command": found["CreateCommand"],
        "infra": _facts(podman, found["InfraContainerID"]),
        "containers": [_facts(podman, "inside")],
    }
    for flags, options in (
        (["--name"], Options(use_name=True)),
        (["--new"], Options(new=True)),
        (["--name", "--new"], Options(use_name=True, new=True)),
    ):
        theirs = _undated(podman("generate", "systemd", *flags, "p").stdout)
        ours = [_undated(unit.text) for unit in pod_units(pod, options, names)]
        # podman prints the units of a pod in any order
        assert theirs in ("".join(ours), "".join(reversed(ours))), flags
