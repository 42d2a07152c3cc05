"""A container through config.json, conmon and an OCI runtime alone: no store, no engine."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

from ocicore.files import quick_json
from ocicore.linux import namespaces
from ocicore.runtime import attach, host, monitor, oci, spec
from ocicore.runtime.types import MonitorRequest
from support.programs import REPOSITORY
from support.rootfs import make_busybox_root

OURS = REPOSITORY / "build" / "conmon" / "conmon"
THEIRS = Path("/usr/bin/conmon")


def conmons() -> list[str]:
    """Upstream's monitor, and ours once it is built."""
    return [str(path) for path in (THEIRS, OURS) if path.exists()]


class Container:
    """A created container below a folder of its own; a context manager that leaves nothing behind."""

    def __init__(self, folder: Path, conmon: str, *args: str, **config: object) -> None:
        self.id = secrets.token_hex(32)
        self.folder = folder / self.id[:12]
        self.warnings: list[str] = []
        self.conmon = conmon
        self.rootfs = make_busybox_root(self.folder / "rootfs")
        self.bundle = self.folder / "bundle"
        self.run_dir = self.folder / "run"
        self.exits = self.folder / "exits"
        for path in (self.bundle, self.run_dir, self.exits):
            path.mkdir()
        self.log = self.folder / "ctr.log"
        self.env = dict(os.environ)
        rootless = os.geteuid() != 0 or namespaces.in_user_namespace()
        self.facts = host.probe(rootless, self.warnings.append)
        self.runtime = oci.choose("", "", {}, cgroup_mode=self.facts.cgroup_mode, env=self.env)
        settings = {"namespaces": {"net": {"mode": "none"}}, **config}
        self.config = {"id": self.id, "args": list(args), **settings}
        self.spec = spec.generate(
            self.config, rootfs=str(self.rootfs), host=self.facts, warn=self.warnings.append
        )
        (self.bundle / "config.json").write_text(quick_json.dumps(self.spec))
        self.pid = 0

    def request(self, **more: object) -> MonitorRequest:
        values: dict[str, object] = {
            "log": (f"k8s-file:{self.log}",),
            "terminal": bool(self.config.get("terminal")),
            **more,
        }
        return MonitorRequest(
            container_id=self.id,
            name="test",
            bundle=str(self.bundle),
            run_dir=str(self.run_dir),
            exit_dir=str(self.exits),
            env=self.env,
            **values,
        )

    def create(self, **more: object) -> monitor.Launched:
        launched = monitor.launch(
            self.request(**more), runtime=self.runtime, conmon=self.conmon, warn=self.warnings.append
        )
        self.pid = launched.pid
        return launched

    def start(self) -> None:
        self.runtime.start(self.id)

    def attach(self, stdin: int | None, stdout: int | None, stderr: int | None, **more: object) -> str:
        """Attach in this process, starting the container once connected."""
        sock = attach.connect(str(self.bundle))
        self.start()
        options: dict[str, object] = {"terminal": False, "detach_keys": b"", **more}
        return attach.attach(
            sock, stdin=stdin, stdout=stdout, stderr=stderr, bundle=str(self.bundle), **options
        )

    def wait(self, timeout: float = 20) -> int:
        """The exit status from the exit file."""
        path = self.exits / self.id
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if path.exists() and path.read_text():
                return int(path.read_text())
            time.sleep(0.005)
        raise AssertionError(f"no exit file {path} after {timeout} s")

    def output(self) -> str:
        """The log's text without its prefixes."""
        return "".join(
            line.split(" ", 3)[3] + "\n" for line in self.log.read_text().splitlines() if line.count(" ") >= 3
        )

    def run(self, **more: object) -> tuple[int, str]:
        self.create(**more)
        self.start()
        return self.wait(), self.output()

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *unused: object) -> None:
        self.runtime.delete(self.id, force=True)
        shutil.rmtree(self.folder)


def main(argv: list[str]) -> int:
    """Run tests below a folder as this (ordinary) user, in the namespace a rootless program would enter."""
    return subprocess.run([sys.executable, "-m", "pytest", *argv], check=False).returncode
