"""`pyskopeo inspect` and `list-tags` are a matter of milliseconds: what it may not import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from support.images import make_image, publish
from support.programs import REPOSITORY
from support.registry_server import RegistryServer, registry_server

#: Each costs milliseconds, most of them half of what skopeo takes in all.
HEAVY = frozenset(
    "collections ssl socket http http.client email urllib urllib.parse json re enum hashlib base64 threading functools "
    "dataclasses typing inspect importlib requests urllib3 cryptography yaml typer rich tempfile shutil "
    "subprocess concurrent logging random ipaddress encodings.idna".split()
)


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.mark.parametrize(
    ("command", "name", "said"), [("inspect", "a:v1", '"Digest"'), ("list-tags", "a", '"Tags"')]
)
def test_what_plain_http_needs(server: RegistryServer, command: str, name: str, said: str) -> None:
    publish(server, "a", "v1", make_image())
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]; del sys.argv[1:3]; before = set(sys.modules); "
        "import os; os._exit = lambda status: None; from pyskopeo.main import main; main(); "
        "print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    words = [command, "--tls-verify=false", f"docker://{server.address}/{name}"]
    folders = [str(REPOSITORY / "tools"), str(REPOSITORY / "shared")]
    done = subprocess.run(
        [sys.executable, "-IS", "-c", program, *folders, *words], capture_output=True, text=True, check=False
    )
    assert said in done.stdout, done.stderr
    loaded = set(done.stderr.split())
    assert "ocicore.registry.wire" in loaded
    assert not loaded & HEAVY
