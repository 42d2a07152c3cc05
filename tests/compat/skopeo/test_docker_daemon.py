"""docker-daemon: against podman's service, which speaks the daemon's API."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images import listing, make_image, publish
from support.programs import Tool, ours, theirs
from support.registry_server import registry_server

pytestmark = [pytest.mark.compat, pytest.mark.root]

PYSKOPEO = ours("pyskopeo", "--insecure-policy")


@pytest.fixture
def daemon() -> Iterator[tuple[str, Tool]]:
    """(address, podman on the same store)."""
    with tempfile.TemporaryDirectory(prefix="d-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        podman = theirs("podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run")
        socket = Path(folder) / "sock"
        process = subprocess.Popen(
            [*podman.argv, "system", "service", "-t", "0", f"unix://{socket}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 20
            while not socket.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            yield f"unix://{socket}", podman
        finally:
            process.terminate()
            process.wait()
            subprocess.run(["umount", "-q", f"{folder}/root/overlay"], check=False)


def test_both_ways(daemon: tuple[str, Tool], tmp_path: Path) -> None:
    address, podman = daemon
    image = make_image(docker=True)
    with registry_server() as server:
        publish(server, "a", "v1", image)
        source = f"docker://{server.address}/a:v1"
        common = ("copy", "-q", "--src-tls-verify=false")
        PYSKOPEO(*common, "--dest-daemon-host", address, source, "docker-daemon:localhost/sent:1")
    (inspected,) = json.loads(podman.out("image", "inspect", "localhost/sent:1"))
    layers = inspected["RootFS"]["Layers"]
    assert layers == image.diff_ids
    name = "docker-daemon:localhost/sent:1"
    PYSKOPEO("copy", "-q", "--src-daemon-host", address, name, f"dir:{tmp_path / 'ours'}")
    theirs("skopeo", "--insecure-policy")(
        "copy", "-q", "--src-daemon-host", address, name, f"dir:{tmp_path / 'theirs'}"
    )
    assert listing(tmp_path / "ours") == listing(tmp_path / "theirs")
    assert PYSKOPEO.out("inspect", "--daemon-host", address, "-f", "{{.Os}}", name) == "linux"


def test_failures(daemon: tuple[str, Tool], tmp_path: Path) -> None:
    address, _ = daemon
    place = f"dir:{tmp_path / 'd'}"
    done = PYSKOPEO("copy", "--src-daemon-host", address, "docker-daemon:localhost/none:1", place, status=1)
    assert "docker daemon: " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = PYSKOPEO("copy", "--src-daemon-host", "unix:///nonexistent", "docker-daemon:a:1", place, status=1)
    assert "contacting the docker daemon: no such file or directory" in done.stderr
    done = PYSKOPEO("copy", "docker-daemon:a", place, status=1)
    assert "has neither a tag nor a digest" in done.stderr
    assert not (tmp_path / "d").exists()
