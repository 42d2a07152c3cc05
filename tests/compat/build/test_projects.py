"""Forty Containerfiles as projects write them: ours and buildah's images have the same files and configuration, ours twice the
same digest."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compat.build.project_files import FILES, HEREDOCS
from support import tree
from support.peer_generations import peer_does
from support.programs import Tool, ours, theirs
from support.rootfs import make_busybox_root

pytestmark = [pytest.mark.root, pytest.mark.compat]

_ALL = [*FILES, *HEREDOCS]
#: All of them take minutes: PROJECTS=all; otherwise every fifth.
CHOSEN = _ALL if os.environ.get("PROJECTS") == "all" else _ALL[::5]
_TOOLS = ("go", "cargo", "npm", "pip", "python", "node")
#: What the stand-ins do: say how they were called, and where -o or a folder "built" wants something, write it.
_STAND_IN = """#!/bin/sh
out=built
for word; do
    if [ "$previous" = -o ] || [ "$previous" = --recipe-path ]; then out=$word; fi
    previous=$word
done
mkdir -p "$(dirname "$out")" node_modules 2>/dev/null
echo "$(basename "$0") $* in $PWD by $(id -u)" > "$out"
echo "$(basename "$0") $*"
"""
_BASE = """FROM scratch
COPY root /
"""


def _context(folder: Path) -> None:
    folder.mkdir()
    texts = {
        "go.mod": "module example.com/app\n",
        "go.sum": "",
        "cmd/main.go": "package main\n",
        "Cargo.toml": "[package]\n",
        "package.json": "{}\n",
        "package-lock.json": "{}\n",
        "requirements.txt": "requests\n",
        "src/main.c": "int main;\n",
        "src/util.c": "int util;\n",
        "src/deep/er/file": "deep\n",
        "conf/site.conf": "site\n",
        "conf/entrypoint.sh": '#!/bin/sh\nexec "$@"\n',
        "name with space.txt": "space\n",
        "links/target": "target\n",
        "ignored.log": "log\n",
        "src/also.log": "log\n",
        ".containerignore": "*.log\n**/*.log\nroot\nother\n",
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "links" / "relative").symlink_to("target")
    (folder / "links" / "hard").hardlink_to(folder / "links" / "target")
    with tarfile.open(folder / "vendor.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("lib/vendor.so")
        info.size, info.uid, info.gid, info.mode = 6, 12, 34, 0o755
        archive.addfile(info, io.BytesIO(b"vendor"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tool, Tool, Path]]:
    """pybuildah, buildah, and a context; both stores have the images "tools" and "other"."""
    top = tmp_path_factory.mktemp("projects")
    context = top / "context"
    _context(context)
    base = top / "base"
    root = make_busybox_root(base / "root")
    for name in (
        "proc",
        "sys",
        "dev",
        "run",
        "var",
        "srv",
        "opt",
        "usr/local/bin",
        "usr/share",
        "mnt",
    ):
        (root / name).mkdir(parents=True, exist_ok=True)
    # Bases have the files that the programs mount, so that neither leaves some behind.
    for name in ("hosts", "resolv.conf", "hostname"):
        (root / "etc" / name).write_text("")
    (root / "etc" / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    (root / "etc" / "shadow").write_text("root:*::0:::::\n")
    for name in _TOOLS:
        path = root / "bin" / name
        path.write_text(_STAND_IN)
        path.chmod(0o755)
    other = top / "other"
    (other / "folder").mkdir(parents=True)
    (other / "other").write_text("other\n")
    (other / "folder" / "inside").write_text("inside\n")
    tools = []
    for program, make in (("pybuildah", ours), ("buildah", theirs)):
        tool = make(program, "--root", str(top / program / "root"), "--runroot", str(top / program / "run"))
        for folder, name, text in ((base, "tools", _BASE), (other, "other", "FROM scratch\nCOPY . /\n")):
            file = top / f"{name}.containerfile"
            file.write_text(text)
            tool("build", "--timestamp", "1000000000", "-f", str(file), "-t", name, str(folder))
        tools.append(tool)
    (top / "secret").write_text("s3cret")
    yield tools[0], tools[1], context
    for program in ("pybuildah", "buildah"):
        theirs("umount", "-l", "-R", str(top / program / "root" / "overlay"))(status=None)


def _build(tool: Tool, text: str, context: Path, name: str) -> None:
    file = context.parent / "Containerfile.now"
    file.write_text(text.replace("PLACE", context.parent.name))
    tool(
        *("build", "--pull-never", "--runtime", "runc", "--network", "none", "--layers=false"),
        *("--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"),
        *("--build-arg", "GIVEN=given", "--secret", f"id=token,src={context.parent / 'secret'}"),
        *("-f", str(file), "-t", name, str(context)),
    )


def _configuration(tool: Tool, name: str) -> dict[str, object]:
    text = tool.out("inspect", "--type", "image", name)
    config = json.loads(json.loads(text[text.index("{") :])["Config"])
    inner = config["config"]
    (inner.get("Labels") or {}).pop("io.buildah.version", None)
    found = {key: value for key, value in inner.items() if value}
    if found.get("WorkingDir") == "/":
        del found["WorkingDir"]  # newer buildahs say so, older do not
    return {"architecture": config["architecture"], "os": config["os"], **found}


def _files(tool: Tool, image: str) -> dict[str, dict[str, object]]:
    container = tool.out("from", "--pull-never", image).splitlines()[-1]
    try:
        found = tree.describe(tool.out("mount", container).splitlines()[-1], times=False)
        found.pop(".", None)
        return found
    finally:
        tool("umount", container)
        tool("rm", container)


def _digest(tool: Tool, image: str) -> str:
    return tool.out("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", image)


def test_there_are_forty() -> None:
    assert len(FILES) + len(HEREDOCS) >= 40


@pytest.mark.parametrize("name", CHOSEN)
def test_project(name: str, world: tuple[Tool, Tool, Path]) -> None:
    own, peer, context = world
    text = FILES.get(name) or HEREDOCS[name]
    _build(own, text, context, "result")
    first = _digest(own, "result")
    mine, files = _configuration(own, "result"), _files(own, "result")
    own("rmi", "-f", "result")
    _build(own, text, context, "result")
    assert _digest(own, "result") == first
    if name in HEREDOCS and not peer_does("heredocs are read"):
        assert len(files) > len(_files(own, "tools"))
        return
    _build(peer, text, context, "result")
    assert mine == _configuration(peer, "result")
    assert tree.differences(files, _files(peer, "result")) == []
