"""SIGKILL for the monitor, the OCI runtime or the container at every phase: the state told afterwards is true.

A script stands before the real runtime. A file says for which verb, before or after it, and whom it is to kill – once.
The same tests for root and for an ordinary user: tests/root/engine and tests/rootless/engine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE, NONET, names, status_of, until

#: To be filled with: folder for plan and done, run root, the real runtime.
_RUNTIME = """#!/bin/sh
for verb in "$@"; do
    case $verb in create|start|exec|kill|delete) break;; esac
done
hit() {{
    [ "$(cat {folder}/plan 2>/dev/null | cut -d: -f1-2)" = "$verb:$1" ] || return
    victim=$(cut -d: -f3 {folder}/plan)
    rm {folder}/plan
    echo $victim >{folder}/done # before: who is a child of the victim may die with it
    case $victim in
        conmon) if [ $verb = create ] || [ $verb = exec ]; then kill -9 $PPID
                else kill -9 $(cat {run}/*/*/userdata/conmon.pid); fi;;
        container) kill -9 $(cat {run}/*/*/userdata/pidfile);;
        runtime) kill -9 $$;;
    esac
}}
hit before
{runtime} "$@"
status=$?
hit after
exit $status
"""

#: verb:moment:victim. A container does not exist before create, and is gone when it is deleted.
_CASES = [
    *(f"create:before:{victim}" for victim in ("conmon", "runtime")),
    *(f"create:after:{victim}" for victim in ("conmon", "runtime", "container")),
    *(f"start:before:{victim}" for victim in ("conmon", "runtime", "container")),
    *(f"start:after:{victim}" for victim in ("conmon", "runtime", "container")),
]


class Scene:
    """pypod whose runtime kills as planned.

    Args:
        pypod: run with --runtime and what `write_runtime` wrote. runtime: the real one, as the same user.
        folder: of plan and done. run: pypod's --runroot. mounts: tells all mount points below the store.
    """

    def __init__(
        self, pypod: Tool, runtime: Tool, folder: Path, run: Path, mounts: Callable[[], Iterable[str]]
    ) -> None:
        self.pypod, self.runtime, self.folder, self.run, self.mounts = pypod, runtime, folder, run, mounts

    def plan(self, case: str) -> None:
        (self.folder / "done").unlink(missing_ok=True)
        (self.folder / "plan").write_text(case)

    def pid(self, name: str) -> int:
        return int(next(self.run.glob(f"*/*/userdata/{name}")).read_text())

    def check(self, *extra: int) -> None:
        """What is said about "it" is true, and it can be removed without a trace."""
        pids = [int(path.read_text()) for path in self.run.glob("*/*/userdata/pidfile")]
        known = names(self.pypod, "-a") == ["it"]
        if known:
            identifier = self.pypod.out("inspect", "--format", "{{.Id}}", "it")
            status = status_of(self.pypod, "it")
            running = any(alive(pid) for pid in pids)
            assert (status == "running") == running or status in ("created", "initialized"), status
            # ps and inspect must agree; a clean-up that goes on may turn "stopped" into "exited" between the two.
            until(
                lambda: self.pypod.out("ps", "-a", "--format", "{{.State}}") == status_of(self.pypod, "it"),
                "ps and inspect to agree",
            )
            done = self.pypod("rm", "-f", "-t", "0", "it")
            assert "Traceback" not in done.stderr
            found = self.runtime("state", identifier, status=None)
            assert "does not exist" in found.stderr, found.stdout
        assert names(self.pypod, "-a") == []
        for pid in (*pids, *extra):
            until(lambda pid=pid: not alive(pid), f"the end of process {pid}")
        # The clean-up that a monitor has started may still be at it.
        until(lambda: not [path for path in self.mounts() if "merged" in path], "the end of all mounts")
        # The name is free, and the next container is none the worse.
        assert self.pypod.out("run", "--rm", "--name", "it", *NONET, IMAGE, "echo", "well") == "well"


def write_runtime(folder: Path, run: Path) -> Path:
    """The runtime that kills as planned in `folder`."""
    path = folder / "runc"
    path.write_text(_RUNTIME.format(folder=folder, run=run, runtime=shutil.which("runc")))
    path.chmod(0o755)
    return path


def alive(pid: int) -> bool:
    """True while a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def sane(done: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or done.stderr.startswith("Error: "), done.stderr


class SuddenDeath:
    """To be run with a fixture `scene`."""

    @pytest.mark.parametrize("case", _CASES)
    def test_while_it_starts(self, scene: Scene, case: str) -> None:
        scene.plan(case)
        sane(scene.pypod("run", "-d", "--name", "it", *NONET, IMAGE, "sleep", "1000", status=None))
        if not case.endswith("runtime"):
            until((scene.folder / "done").exists, "the kill")
        assert not (scene.folder / "plan").exists()
        scene.check()

    @pytest.mark.parametrize("case", ["create:before:conmon", "create:after:runtime", "start:after:conmon"])
    def test_while_it_starts_attached(self, scene: Scene, case: str) -> None:
        scene.plan(case)
        done = scene.pypod("run", "--name", "it", *NONET, IMAGE, "sleep", "2", status=None, timeout=40)
        assert "Traceback" not in done.stderr
        assert not (scene.folder / "plan").exists()
        scene.check()

    @pytest.mark.parametrize("victim", ["conmon", "container", "both"])
    def test_while_it_runs(self, scene: Scene, victim: str) -> None:
        scene.pypod("run", "-d", "--name", "it", *NONET, IMAGE, "sleep", "1000")
        monitor, pid = scene.pid("conmon.pid"), scene.pid("pidfile")
        if victim != "container":
            os.kill(monitor, signal.SIGKILL)
            until(lambda: not alive(monitor), "the end of conmon")
        if victim != "conmon":
            os.kill(pid, signal.SIGKILL)
            until(lambda: not alive(pid), "the end of the container")
        # Without a monitor nobody cleans up at once: then it is "stopped" until somebody comes.
        expected = {"conmon": "running", "container": "exited", "both": "stopped"}[victim]
        until(lambda: status_of(scene.pypod, "it") == expected, expected)
        if victim == "container":
            assert scene.pypod.out("wait", "it") == "137"
        if victim == "conmon":
            # It can still be ended, though nobody knows how it ended, and runs again afterwards with a new monitor.
            lost = scene.pypod("stop", "-t", "1", "it", status=125).stderr
            assert "conmon exited prematurely, exit code could not be retrieved" in lost
            assert status_of(scene.pypod, "it") == "exited"
            scene.pypod("start", "it")
            assert status_of(scene.pypod, "it") == "running"
            assert alive(scene.pid("conmon.pid"))
        scene.check(monitor, pid)

    @pytest.mark.parametrize("victim", ["conmon", "container"])
    def test_while_somebody_is_attached(self, scene: Scene, victim: str) -> None:
        process = subprocess.Popen(
            [*scene.pypod.argv, "run", "--name", "it", *NONET, IMAGE, "sh", "-c", "echo up; sleep 1000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=scene.pypod.env,
            cwd=scene.pypod.cwd,
        )
        with contextlib.ExitStack() as stack:
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            monitor, pid = scene.pid("conmon.pid"), scene.pid("pidfile")
            os.kill(monitor if victim == "conmon" else pid, signal.SIGKILL)
            if victim == "conmon":
                # The container goes on, and pypod waits for it.
                time.sleep(0.5)
                assert alive(pid)
                os.kill(pid, signal.SIGKILL)
            _, stderr = process.communicate(timeout=30)
            assert b"Traceback" not in stderr
            assert process.returncode == 137 or victim == "conmon"
            assert process.returncode != 0
        scene.check(monitor, pid)

    @pytest.mark.parametrize("case", ["kill:before:runtime", "delete:before:runtime", "delete:after:runtime",
                                      "delete:before:conmon"])  # fmt: skip
    def test_while_it_ends(self, scene: Scene, case: str) -> None:
        scene.pypod("run", "-d", "--name", "it", *NONET, IMAGE, "sleep", "1000")
        scene.plan(case)
        sane(scene.pypod("stop", "-t", "0", "it", status=None))
        if (scene.folder / "plan").exists():
            # pypod kills without the runtime's help, so this one is not asked at all.
            assert case.startswith("kill:")
            (scene.folder / "plan").unlink()
        scene.check()

    @pytest.mark.parametrize(
        "case", ["exec:before:conmon", "exec:before:runtime", "exec:after:conmon", "exec:after:container"]
    )
    def test_while_something_is_executed(self, scene: Scene, case: str) -> None:
        scene.pypod("run", "-d", "--name", "it", *NONET, IMAGE, "sleep", "1000")
        scene.plan(case)
        done = scene.pypod("exec", "-t", "it", "sleep", "1", status=None, timeout=40)
        assert "Traceback" not in done.stderr
        if not case.endswith("container"):
            assert status_of(scene.pypod, "it") == "running"
            scene.pypod("exec", "it", "true")
        scene.check()
