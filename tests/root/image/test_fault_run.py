"""A large copy whose connections are cut at random and whose process is killed again and again.

`make fault-run` does the same with a gigabyte, 500 cuts and 50 kills.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.flaky_registry import FlakyRegistry, flaky_registry
from support.programs import ours

pytestmark = [pytest.mark.root]

LAYERS = 6
MEGABYTES = int(os.environ.get("FAULT_MEGABYTES", "54"))
CUTS = int(os.environ.get("FAULT_CUTS", "24"))
KILLS = int(os.environ.get("FAULT_KILLS", "4"))
PYSKOPEO = ours("pyskopeo", "--insecure-policy")


class Run:
    """Starts the copy, kills it when so many bytes more have moved, starts it again; then lets it end.

    Attributes:
        again: bytes fetched again: that were safe at the destination when a process began, or had been sent to that
            process before.
    """

    def __init__(self, registry: FlakyRegistry, target: str, folder: Path) -> None:
        self.registry, self.target, self.folder = registry, target, folder
        self.again = self.killed = 0
        self.processes = 0
        self._chance = random.Random(7)
        self._seen = 0

    def kept(self) -> dict[str, int]:
        if self.target.startswith("oci:"):
            blobs = self.folder / "out/blobs/sha256"
            found = {f"sha256:{path.name}": path.stat().st_size for path in blobs.glob("*")}
            for path in (self.folder / "out/.partial").glob("*"):
                found[path.name.replace("-", ":", 1)] = path.stat().st_size
            return found
        found = {
            digest: self.registry.blobs[digest].size
            for digest in self.registry.stored & set(self.registry.blobs)
        }
        for path in (self.folder / "cache/uploads").glob("*"):
            try:
                record = json.loads(path.read_text())
            except (FileNotFoundError, ValueError):
                continue
            upload = self.registry.uploads.get(record["location"].rpartition("/")[2])
            if upload is not None:
                found[record["upload"].rpartition("@")[2]] = upload.size
        return found

    def until_done(self) -> None:
        total = sum(blob.size for blob in self.registry.blobs.values())
        # Early enough for the last one to meet a process that still works.
        places = sorted(self._chance.randrange(total * 9 // 10) for _ in range(KILLS))
        for number, place in enumerate(places, 1):
            # A process may give up by itself, after several cuts in a row; that is no kill.
            while self.killed < number:
                if self._one(place):
                    return
        while not self._one(None):
            assert self.processes < KILLS + 50, "the copy does not come to an end"

    def _one(self, place: int | None) -> bool:
        """One process; killed when `place` bytes have moved in all. True when it has done its work."""
        before = self.kept()
        first = len(self.registry.gets)
        argv = [
            *PYSKOPEO.argv, "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", "--retry-delay=1ms",
            f"docker://{self.registry.address}/source:v1", self.target,
        ]  # fmt: skip
        self.processes += 1
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(argv, env=environ, stderr=subprocess.PIPE)
        while place is not None and process.poll() is None and sum(self.kept().values()) < place:
            time.sleep(0.005)
        if place is not None and process.poll() is None:
            process.send_signal(signal.SIGKILL)
        error = process.communicate()[1]
        assert process.returncode in (0, -signal.SIGKILL) or place is None or b"level=fatal" in error
        reached = before
        for digest, offset, place in self.registry.gets[first:]:
            self.again += max(0, reached.get(digest, 0) - offset)
            reached[digest] = place
        self.killed += process.returncode == -signal.SIGKILL
        return process.returncode == 0


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_cuts_and_kills(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size = MEGABYTES * 1_000_000 // LAYERS
    with flaky_registry(
        blobs=LAYERS, size=size, cuts=CUTS, mean=max(MEGABYTES * 1_000_000 // CUTS // 2, 4096)
    ) as registry:
        target = f"oci:{tmp_path}/out:v1" if kind == "oci" else f"docker://{registry.address}/target:v1"
        uploads = Path("/var/lib/containers/cache/uploads")
        others = set(uploads.glob("*"))
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache/uploads").symlink_to(uploads)
        registry.pace = 0.002
        run = Run(registry, target, tmp_path)
        start = time.monotonic()
        run.until_done()
        took = time.monotonic() - start
        total = LAYERS * size
        moved = registry.sent
        print(
            f"\n{kind}: {total / 1e6:.0f} MB, {registry.done_cuts} cuts, {run.killed} kills, "
            f"{100 * run.again / total:.3f} % fetched again, {100 * (moved - total) / total:.2f} % sent beyond, {took:.1f} s"
        )
        assert run.again < total * 0.02
        assert registry.done_cuts == CUTS
        assert run.killed == KILLS
        if kind == "oci":
            for digest in registry.blobs:
                path = tmp_path / "out/blobs/sha256" / digest.removeprefix("sha256:")
                with path.open("rb") as file:
                    assert "sha256:" + hashlib.file_digest(file, "sha256").hexdigest() == digest
            index = json.loads((tmp_path / "out/index.json").read_text())
            wanted = "sha256:" + hashlib.sha256(registry.manifest).hexdigest()
            assert index["manifests"][0]["digest"] == wanted
            assert not (tmp_path / "out/.partial").exists()
        else:
            assert set(registry.blobs) <= registry.stored
            assert registry.manifests["v1"] == registry.manifest
            assert set(uploads.glob("*")) <= others
