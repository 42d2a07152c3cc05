"""What one of the two learned about blobs saves the other work: both keep it in the same file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images import make_image, write_directory
from support.peer_generations import peer_does
from support.programs import ours, theirs
from support.registry_server import RegistryServer, registry_server

pytestmark = [pytest.mark.compat, pytest.mark.root]

TOOLS = {"ours": ours("pyskopeo", "--insecure-policy"), "theirs": theirs("skopeo", "--insecure-policy")}


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.mark.parametrize(("first", "second"), [("ours", "theirs"), ("theirs", "ours")])
def test_each_takes_over_what_the_other_pushed(
    server: RegistryServer, tmp_path: Path, first: str, second: str
) -> None:
    # A layer nobody else has ever pushed: root's file is the machine's.
    image = make_image(layers=1, compressed=False, seed=hash((str(tmp_path), first)))
    write_directory(tmp_path / "image", image)
    for tool, name in ((first, "a"), (second, "b")):
        TOOLS[tool](
            "copy",
            "-q",
            "--dest-tls-verify=false",
            f"dir:{tmp_path}/image",
            f"docker://{server.address}/{name}:1",
        )
    pushed = [server.manifests[name][server.tags[name]["1"]][0] for name in ("a", "b")]
    mounts = [path for method, path, _ in server.log if method == "POST" and "mount=" in path]
    if peer_does("blob information in SQLite"):
        assert pushed[0] == pushed[1], "the layer is compressed once"
        assert any("from=a" in path for path in mounts)
    else:
        # The older peer's file has another format: neither knows what the other did.
        assert not mounts
