"""Global options that act before any command, and the commands that a program without a service does not have."""

from __future__ import annotations

import io
import json
import pstats
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from ocicore.build.commit import COMPATIBLE_VERSION
from ocicore.cli.main import main
from pypod.program import PROGRAM


def run(*words: str, home: Path, **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(
        PROGRAM, list(words), {"HOME": str(home), "PATH": "/bin", **environ}, io.StringIO(), out, err
    )
    return status, out.getvalue(), err.getvalue()


REFUSED = {
    ("--max-workers", "0"): "maximum workers must be set to a positive number (got 0)",
    ("--max-workers=-3",): "maximum workers must be set to a positive number (got -3)",
    ("--namespace", "x"): "namespaces are not supported",
    ("--network-backend", "cni"): 'unsupported network backend "cni"',
    ("--registries-conf", "/nonexistent"): "locating specified registries.conf: faccessat /nonexistent",
    ("--context", "nope"): 'connection "nope" not found',
    ("--db-backend", "x"): 'unsupported database backend: "x"',
    ("--cpu-profile", "/nonexistent/p"): "opening the profile /nonexistent/p: no such file or directory",
    ("--memory-profile", "/nonexistent/p"): "opening the profile /nonexistent/p: no such file or directory",
}


@pytest.mark.parametrize("words", REFUSED)
def test_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    status, out, err = run(*words, "ps", home=tmp_path)
    assert (status, out, err.count("\n")) == (1 if "profile" in words[0] else 125, "", 1)
    assert REFUSED[words] in err


@pytest.mark.parametrize(
    "words",
    [
        ("--max-workers", "7"),
        ("--network-backend", "netavark"),
        ("--context", "default"),
        ("--namespace", ""),
        ("--trace",),
    ],
)
def test_taken(words: tuple[str, ...], tmp_path: Path) -> None:
    status, out, err = run(*words, "version", "--format", "{{.Client.APIVersion}}", home=tmp_path)
    assert (status, out, err) == (0, "5.4.2\n", "")


def test_a_context_is_a_connection(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"Connection": {"Connections": {"far": {"URI": "tcp://h:1"}}}}))
    status, _, err = run("--context", "far", "ps", home=tmp_path, PODMAN_CONNECTIONS_CONF=str(file))
    assert status == 125
    assert "--context far asks for a remote service" in err


@pytest.mark.parametrize(
    "words",
    [
        ("compose", "up"),
        ("farm",),
        ("machine", "ls"),
        ("system", "service"),
        ("system", "dial-stdio", "--help"),
    ],
)
def test_what_there_is_no_service_for(words: tuple[str, ...], tmp_path: Path) -> None:
    status, out, err = run(*words, home=tmp_path)
    typed = " ".join(words[: 2 if words[0] == "system" else 1])
    assert (status, out, err.count("\n")) == (125, "", 1)
    assert err.startswith(f"Error: unrecognized command `pypod {typed}`: there ")


@pytest.mark.parametrize("group", ["buildx", "builder"])
def test_docker_s_names_of_the_builder(group: str, tmp_path: Path) -> None:
    assert run(group, "version", home=tmp_path)[1] == f"buildah {COMPATIBLE_VERSION}\n"
    assert "Containerfile" in run(group, "build", "--help", home=tmp_path)[1]
    assert "dangling" in run(group, "prune", "--help", home=tmp_path)[1]
    assert group not in run("--help", home=tmp_path)[1]


def test_profiles(tmp_path: Path) -> None:
    cpu, memory = tmp_path / "cpu", tmp_path / "memory"
    words = [
        f"--cpu-profile={cpu}",
        f"--memory-profile={memory}",
        "version",
        "--format",
        "{{.Client.Version}}",
    ]
    environ = {"PYTHONPATH": ":".join(path for path in sys.path if path), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "pypod.main", *words], env=environ, check=True, capture_output=True)
    functions = {name for _, _, name in pstats.Stats(str(cpu)).stats}  # type: ignore[attr-defined]
    assert "describe" in functions
    assert tracemalloc.Snapshot.load(str(memory)).statistics("filename")
