"""Choice of the runtime, its errors in podman's words, its commands on a scripted program."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ocicore.errors import InvalidInput, MissingProgram, NotFound
from ocicore.runtime import oci


def program(folder: Path, name: str, script: str = "exit 0") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("text", "kind", "status", "message"),
    [
        (
            "executable file `foo` not found in $PATH: No such file or directory",
            oci.CommandNotFound,
            127,
            "crun: executable file `foo` not found in $PATH: No such file or directory: "
            "OCI runtime attempted to invoke a command that was not found",
        ),
        (
            'noise\nexec: "/etc": Permission denied\n',
            oci.CommandDenied,
            126,
            'crun: exec: "/etc": Permission denied: OCI permission denied',
        ),
        (
            "write to `/proc/self/attr/keycreate`",
            oci.RuntimeFailure,
            None,
            "crun: write to `/proc/self/attr/keycreate`: OCI runtime error: unable to process security attribute",
        ),
        ("something\nelse", oci.RuntimeFailure, None, "crun: something else: OCI runtime error"),
        ("", oci.RuntimeFailure, None, "crun: failed without saying why: OCI runtime error"),
    ],
)
def test_errors(text: str, kind: type[oci.RuntimeFailure], status: int | None, message: str) -> None:
    error = oci.runtime_error("crun", text)
    assert type(error) is kind
    assert error.exit_status == status
    assert str(error) == message
    assert oci.run_status(error) == (status or 126)


def test_log_messages(tmp_path: Path) -> None:
    log = tmp_path / "log"
    entries = [
        {"level": "warning", "msg": "w"},
        {"level": "error", "msg": "the cause"},
        {"level": "info", "msg": "x"},
    ]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries) + "broken")
    assert oci.log_message(str(log)) == "the cause"
    assert oci.log_message(str(tmp_path / "none")) == ""


def test_first_that_works_on_this_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oci, "_FOLDERS", ())
    crun, runc = program(tmp_path, "crun"), program(tmp_path, "runc")
    env = {"PATH": str(tmp_path)}
    assert oci.choose("", "", {}, cgroup_mode="v2", env=env).path == crun
    chosen = oci.choose("", "", {}, cgroup_mode="hybrid", env=env)
    assert chosen.path == runc
    assert chosen.reason == "the first that works here (crun: does not support hybrid cgroups)"
    assert oci.choose("crun", "", {}, cgroup_mode="hybrid", env=env).path == crun
    assert oci.choose(crun, "", {}, cgroup_mode="hybrid", env=env).name == "crun"
    assert oci.choose("", "mine", {"mine": ["/none", runc]}, cgroup_mode="v2", env=env).path == runc
    assert oci.choose("", "crun", {}, cgroup_mode="hybrid", env=env).path == runc


def test_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oci, "_FOLDERS", ())
    with pytest.raises(MissingProgram, match="crun: not installed"):
        oci.choose("", "", {}, cgroup_mode="v2", env={"PATH": str(tmp_path)})
    with pytest.raises(InvalidInput, match='default OCI runtime "nope" not found: invalid argument'):
        oci.choose("", "nope", {}, cgroup_mode="v2", env={"PATH": str(tmp_path)})
    with pytest.raises(InvalidInput, match="requested OCI runtime nope is not available"):
        oci.choose("nope", "", {}, cgroup_mode="v2", env={"PATH": str(tmp_path)})


def runtime(tmp_path: Path, script: str) -> oci.OCIRuntime:
    path = program(tmp_path, "runc", script)
    return oci.OCIRuntime("runc", path, dict(os.environ), ["debug", "--root=/x"])


def test_commands_and_global_flags(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    made = runtime(tmp_path, f'echo "$@" >> {log}; cat >> {log}')
    made.start("c1")
    made.kill("c1", 15)
    made.kill("c1", 9, all=True)
    made.delete("c1", force=True)
    made.pause("c1")
    made.resume("c1")
    made.update("c1", {"pids": {"limit": 1}})
    assert log.read_text().splitlines() == [
        "--debug --root=/x start c1",
        "--debug --root=/x kill c1 15",
        "--debug --root=/x kill --all c1 9",
        "--debug --root=/x delete --force c1",
        "--debug --root=/x pause c1",
        "--debug --root=/x resume c1",
        "--debug --root=/x update --resources=- c1",
        '{"pids":{"limit":1}}',
    ]


def test_state_and_unknown_containers(tmp_path: Path) -> None:
    assert runtime(tmp_path, """echo '{"status":"running","pid":7}'""").state("c1")["pid"] == 7
    gone = runtime(tmp_path, """echo 'time="x" level=error msg="container does not exist"' >&2; exit 1""")
    with pytest.raises(NotFound, match="container c1: container does not exist"):
        gone.state("c1")
    gone.delete("c1")
    broken = runtime(tmp_path, """echo 'level=error msg="no \\"luck\\""' >&2; exit 1""")
    with pytest.raises(oci.RuntimeFailure, match='no "luck"'):
        broken.start("c1")


def test_features_of_runtimes_without_them(tmp_path: Path) -> None:
    assert runtime(tmp_path, "exit 1").features() == {}
    assert runtime(tmp_path, """echo '{"ociVersionMin":"1.0.0"}'""").features() == {"ociVersionMin": "1.0.0"}
    assert runtime(tmp_path, "echo runc version 1").version() == "runc version 1"
