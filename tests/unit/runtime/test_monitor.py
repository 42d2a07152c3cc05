"""Where conmon is found, and what its command line says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.errors import MissingProgram, Unsupported
from ocicore.runtime import monitor, oci
from ocicore.runtime.types import MonitorRequest


def program(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("module", "conmon"),
    [
        ("checkout/shared/ocicore/runtime/monitor.py", "checkout/build/conmon/conmon"),
        ("usr/lib/pypod/ocicore/runtime/monitor.py", "usr/libexec/pypod/conmon"),
        ("venv/lib/python3/site-packages/ocicore/runtime/monitor.py", "venv/libexec/pypod/conmon"),
    ],
)
def test_ours_comes_before_the_installed_ones_and_after_a_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, conmon: str
) -> None:
    monkeypatch.setattr(monitor, "__file__", str(tmp_path / module))
    theirs = program(tmp_path / "theirs")
    monkeypatch.setattr(monitor, "FOLDERS", (theirs,))
    assert monitor.find([]) == theirs
    ours = program(tmp_path / conmon)
    assert monitor.find([]) == ours
    chosen = program(tmp_path / "chosen")
    assert monitor.find([str(tmp_path / "none"), chosen]) == chosen
    assert monitor.find([str(tmp_path / "none")]) == ours
    assert monitor.find([chosen], program(tmp_path / "named")) == str(tmp_path / "named")


def test_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "__file__", str(tmp_path / "a/b/c/d/e.py"))
    monkeypatch.setattr(monitor, "FOLDERS", ())
    with pytest.raises(MissingProgram, match="could not find a working conmon binary"):
        monitor.find([])
    with pytest.raises(MissingProgram, match="/nowhere"):
        monitor.find([], "/nowhere")


def arguments(tmp_path: Path, runtime_name: str = "runc", **more: object) -> list[str]:
    """The command line that a stand-in for conmon was started with."""
    record = tmp_path / "argv"
    conmon = tmp_path / "conmon"
    conmon.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {record}\nenv > {record}.env\nexit 1\n')
    conmon.chmod(0o755)
    runtime = oci.OCIRuntime(runtime_name, program(tmp_path / runtime_name), {"PATH": "/bin"}, ["root=/r"])
    request = MonitorRequest(
        container_id="c1",
        name="name",
        bundle="/b",
        run_dir=str(tmp_path),
        exit_dir="/exits",
        env={"PATH": "/bin", "NOTIFY_SOCKET": "/secret", "_OCI_TERMINALSIZE": "1 1"},
        **more,  # type: ignore[arg-type]
    )
    with pytest.raises(monitor.MonitorFailure):
        monitor.launch(request, runtime=runtime, conmon=str(conmon), warn=print)
    return record.read_text().splitlines()


def test_command_line(tmp_path: Path) -> None:
    argv = arguments(
        tmp_path,
        stdin=True,
        log=("k8s-file:/l", "journald:"),
        log_size_max=5,
        log_tag="t",
        log_labels=("A=b",),
        persist_dir="/p",
        timeout=3,
        exit_command=("pypod", "cleanup"),
        exit_delay=2,
        cgroup_manager="systemd",
        no_new_keyring=True,
        no_pivot=True,
        leave_stdin_open=True,
        sdnotify="container",
        sdnotify_socket="/n",
        health=("--health", "x"),
    )
    text = " ".join(argv)
    for words in (
        "--api-version 1 -c c1 -u c1 -r",
        f"-b /b -p {tmp_path}/pidfile --exit-dir /exits --full-attach",
        "--runtime-arg --root=/r --runtime-arg --log-format=json --runtime-arg --log --runtime-arg=",
        "--exit-command pypod --exit-command-arg cleanup --exit-delay 2",
        " -s ",
        "-n name --conmon-pidfile",
        "-l k8s-file:/l -l journald --log-size-max 5 --log-tag t --log-label A=b",
        "--persist-dir /p -i --leave-stdin-open --timeout=3 --no-new-keyring --no-pivot --sdnotify-socket=/n",
        "--health x",
    ):
        assert words in text
    assert "-t" not in argv


def test_runtime_without_some_of_the_hosts_mounts(tmp_path: Path) -> None:
    """Only the runtime is in another mount namespace; its own arguments follow it."""
    argv = arguments(
        tmp_path, hidden_below="/sys", hidden_mounts=("/sys/a b", "/sys/c"), cgroup_manager="systemd"
    )
    assert argv[argv.index("-r") + 1].endswith("/unshare")
    words = [argv[index + 1] for index, word in enumerate(argv) if word == "--runtime-arg"]
    script = 'mount --make-rslave /sys && umount \'/sys/a b\' /sys/c && exec "$0" "$@"'
    assert words[:6] == ["--mount", "--propagation", "unchanged", "/bin/sh", "-c", script]
    assert words[6].endswith("runc")
    assert words[7] == "--root=/r"
    assert words[-1] == "--systemd-cgroup"
    assert "-s" not in argv


def test_size_of_the_terminal(tmp_path: Path) -> None:
    def size() -> list[str]:
        environment = (tmp_path / "argv.env").read_text().splitlines()
        return [line for line in environment if line.startswith("_OCI_TERMINALSIZE=")]

    assert "-t" in arguments(tmp_path, terminal=True, terminal_size=(33, 77))
    assert size() == ["_OCI_TERMINALSIZE=33 77"]
    arguments(tmp_path, terminal=True)
    assert size() == []
    arguments(tmp_path, terminal_size=(33, 77))
    assert size() == []


def test_no_cgroups_only_where_the_runtime_can(tmp_path: Path) -> None:
    assert "--cgroup-manager --runtime-arg disabled" in " ".join(
        arguments(tmp_path, "crun", cgroup_manager="disabled")
    )
    runtime = oci.OCIRuntime("runc", "/bin/true", {})
    request = MonitorRequest(
        container_id="c",
        name="n",
        bundle="/b",
        run_dir=str(tmp_path),
        exit_dir="/e",
        env={},
        cgroup_manager="disabled",
    )
    with pytest.raises(Unsupported, match="not compatible with NoCgroups"):
        monitor.launch(request, runtime=runtime, conmon="/bin/true", warn=print)
