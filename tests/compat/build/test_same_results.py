"""The same Containerfile and context before pybuildah and buildah: equal trees, configurations, history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import tree
from support.peer_generations import peer_does
from support.programs import Tool, ours, theirs
from support.rootfs import make_busybox_root

pytestmark = [pytest.mark.root, pytest.mark.compat]

RUN_OPTIONS = ("--runtime", "runc", "--network", "none")

#: RUN leaves what buildah 1.28 mounts on behind, so bases that run something have those paths.
BASE = "FROM scratch AS base\nCOPY root /\nCOPY a.txt /etc/hosts\nCOPY a.txt /etc/resolv.conf\nCOPY a.txt /etc/hostname\n"

CASES: dict[str, str] = {
    "configuration": """FROM scratch
MAINTAINER Jane <jane@example.com>
ENV A=1 B="two words" C='$A'
ENV D=$A-${B}-${E:-default}
ENV OLD old style value
LABEL one=1 "two words"="2 $A" three='$A'
EXPOSE 80 443/tcp 53/udp
USER user:group
WORKDIR /srv
WORKDIR data
VOLUME /data ["/ignored"]
VOLUME ["/v one", "/v2"]
STOPSIGNAL SIGUSR1
ENTRYPOINT ["/bin/app", "--flag"]
CMD ["one", "$A"]
ARG X=5
ENV FROM_ARG=$X
""",
    "volume at the end": "FROM scratch\nCOPY a.txt /one\nVOLUME /data/deep\n",
    "volume before the end": "FROM scratch\nVOLUME /data/deep\nCOPY a.txt /one\n",
    "volume of a stage": "FROM scratch AS base\nCOPY a.txt /one\nVOLUME /data/deep\nFROM base\nCOPY a.txt /two\n",
    "shell forms": 'FROM scratch\nENTRYPOINT /bin/app $A\nCMD run me\nCMD ["a", b]\n',
    "copies": """FROM scratch
COPY a.txt /one
COPY a.txt b.txt /many/
COPY dir /dir
COPY dir/ /dir2/
COPY dir/s*.txt /globbed/
COPY --chown=5:6 dir /owned
COPY --chmod=0700 a.txt /mode
COPY link /followed
COPY ["a.txt", "/name with space"]
WORKDIR /work
COPY a.txt relative
COPY a.txt .
ADD b.txt /added
""",
    "archives": "FROM scratch\nADD archive.tar.gz /x/\nCOPY archive.tar.gz /y/\nADD archive.tar.gz a.txt /z/\n",
    "ignored": "FROM scratch\nCOPY . /all\n",
    "arguments": """ARG BASE=scratch
ARG UNUSED=1
FROM $BASE
ARG WITH=default
ARG GIVEN=default
ARG WITHOUT
ENV WITH=$WITH GIVEN=${GIVEN} WITHOUT=${WITHOUT:-none} AGAIN=${WITH:+yes}
LABEL g="$GIVEN"
""",
    "stages": """FROM scratch AS one
COPY a.txt /a
ENV IN_ONE=1
FROM scratch AS unused
COPY b.txt /b
FROM one AS two
COPY --from=one /a /again
COPY --from=0 /a /by-number
ENV IN_TWO=2
""",
    "continuation": "# escape=`\nFROM scratch\n# comment\nENV A=1 `\n  # inside\n  B=2 `\n\n  C=3\nLABEL x=$A\n",
    "run": BASE
    + """FROM base
ENV GREETING="hello world"
ARG WHO=you
RUN echo "$GREETING, $WHO" > /greeting
RUN ["/bin/sh", "-c", "echo json > /json"]
RUN mkdir -p /deep/er && chmod 750 /deep && chown 3:4 /deep/er && ln -s er /deep/link && rm /etc/group
USER user
WORKDIR /home
RUN id -u > /tmp/uid && pwd > /tmp/pwd
USER root
""",
}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A context with files, links, an archive and an ignore file."""
    import io
    import tarfile

    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "a.txt").write_text("a\n")
    (folder / "b.txt").write_text("b\n")
    (folder / "dir" / "sub").mkdir(parents=True)
    (folder / "dir" / "s1.txt").write_text("1\n")
    (folder / "dir" / "s2.txt").write_text("2\n")
    (folder / "dir" / "sub" / "deep").write_text("deep\n")
    (folder / "dir" / "sub" / "öäü").write_text("umlauts\n")
    (folder / "dir" / "relative").symlink_to("s1.txt")
    (folder / "dir" / "hard").hardlink_to(folder / "dir" / "s1.txt")
    (folder / "dir" / "executable").write_text("#!\n")
    (folder / "dir" / "executable").chmod(0o4755)
    (folder / "link").symlink_to("dir/s2.txt")
    (folder / "skip.me").write_text("no\n")
    (folder / ".containerignore").write_text("# comment\n*.me\n**/deep\nroot\n!dir/sub/keep\n")
    (folder / "dir" / "sub" / "keep").write_text("kept\n")
    with tarfile.open(folder / "archive.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("inside/file")
        info.size, info.uid, info.gid, info.mode = 3, 7, 8, 0o640
        archive.addfile(info, io.BytesIO(b"tar"))
    make_busybox_root(folder / "root")
    for name in ("proc", "sys", "dev", "run"):
        (folder / "root" / name).mkdir()
    return folder


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Tool, Tool, list[str], list[str]]]:
    """pybuildah and buildah, each with a store of its own."""
    roots = []
    for name in ("ours", "theirs"):
        roots.append(["--root", str(tmp_path / name / "root"), "--runroot", str(tmp_path / name / "run")])
    yield ours("pybuildah", *roots[0]), theirs("buildah", *roots[1]), roots[0], roots[1]
    for name in ("ours", "theirs"):
        Tool(["umount", "-l", "-R", str(tmp_path / name / "root" / "overlay")])(status=None)


def _image(tool: Tool, name: str) -> dict[str, object]:
    text = tool.out("inspect", "--type", "image", name)
    found = json.loads(text[text.index("{") :])
    config = json.loads(found["Config"])
    config.pop("created")
    labels = (config.get("config") or {}).get("Labels") or {}
    labels.pop("io.buildah.version", None)
    if not labels:
        (config.get("config") or {}).pop("Labels", None)
    return config


def _peers_image(peer: Tool, name: str) -> dict[str, object]:
    """As a buildah of our generation would have made it."""
    config = _image(peer, name)
    if not peer_does("scratch has a working directory"):
        inner = config.setdefault("config", {})
        assert isinstance(inner, dict)
        inner["WorkingDir"] = inner.get("WorkingDir") or "/"
    return config


def _tree(tool: Tool, image: str) -> dict[str, dict[str, object]]:
    container = tool.out("from", "--pull-never", image).splitlines()[-1]
    root = tool.out("mount", container).splitlines()[-1]
    try:
        found = tree.describe(root, times=False)
        found.pop(".", None)
        return found
    finally:
        tool("umount", container)
        tool("rm", container)


@pytest.mark.parametrize("layers", [False, True], ids=["squeezed", "layers"])
@pytest.mark.parametrize("name", CASES)
def test_build(
    name: str, layers: bool, context: Path, stores: tuple[Tool, Tool, list[str], list[str]], tmp_path: Path
) -> None:
    own, peer, _, _ = stores
    if name != "ignored":
        (context / ".containerignore").unlink()
    file = tmp_path / "Containerfile"
    file.write_text(CASES[name])
    options = ["--format", "oci", "--build-arg", "GIVEN=given", "-f", str(file), "-t", "result"]
    options.append("--layers" if layers else "--layers=false")
    own("build", *options, "--network", "none", str(context))
    peer(
        "build",
        "--runtime",
        "runc",
        "--ulimit",
        "nofile=1000:1000",
        "--ulimit",
        "nproc=1000:1000",
        "--network",
        "none",
        *options,
        str(context),
    )
    left, right = _image(own, "result"), _peers_image(peer, "result")
    for config in (left, right):
        history = config.pop("history")
        assert isinstance(history, list)
        # Archives are digested as they are, not rewritten: their hash differs, and times are ours to choose.
        config["steps"] = [
            (
                entry["created_by"].split(":")[0] if "ADD" in entry["created_by"] else entry["created_by"],
                entry.get("empty_layer"),
            )
            for entry in history
        ]
        if name in ("stages", "run", "configuration"):
            config.pop("rootfs")
        else:
            config["rootfs"] = len(config["rootfs"]["diff_ids"])  # type: ignore[index, call-overload]
    if not layers:
        # buildah counts the layer of a stage without files twice or not at all; the entries themselves are compared.
        for config in (left, right):
            config.pop("rootfs", None)
    assert left == right
    own_tree, peer_tree = _tree(own, "result"), _tree(peer, "result")
    if not peer_does("a declared volume is a folder"):
        inner = left.get("config")
        volumes = (
            [path.strip("/") + "/" for path in (inner.get("Volumes") or {})]
            if isinstance(inner, dict)
            else []
        )
        for folder in set(own_tree) - set(peer_tree):
            if any(volume.startswith(folder + "/") for volume in volumes):
                del own_tree[folder]
    assert tree.differences(own_tree, peer_tree) == []


def test_docker_format(
    context: Path, stores: tuple[Tool, Tool, list[str], list[str]], tmp_path: Path
) -> None:
    own, peer, _, _ = stores
    file = tmp_path / "Containerfile"
    file.write_text(
        """FROM scratch
SHELL ["/bin/bash", "-c"]
ONBUILD RUN echo triggered
ONBUILD COPY a b
HEALTHCHECK --interval=5s --timeout=1m30s --retries=3 CMD curl -f localhost
COPY a.txt /a
"""
    )
    for tool in (own, peer):
        tool("build", "--format", "docker", "-f", str(file), "-t", "result", str(context))
    left, right = _image(own, "result"), _peers_image(peer, "result")
    # buildah writes the working container's id here, which is different each time.
    right["config"].pop("Hostname")  # type: ignore[attr-defined]
    for config in (left, right):
        for key in ("container", "container_config", "history", "rootfs"):
            config.pop(key, None)
        inner = config["config"]
        assert isinstance(inner, dict)
        config["config"] = {key: value for key, value in inner.items() if value}
    assert json.dumps(left, indent=1, sort_keys=True) == json.dumps(right, indent=1, sort_keys=True)


def test_copy_prints_the_same_digest(context: Path, stores: tuple[Tool, Tool, list[str], list[str]]) -> None:
    own, peer, _, _ = stores
    containers = [tool.out("from", "scratch").splitlines()[-1] for tool in (own, peer)]
    long = context / ("x" * 90) / ("y" * 90)
    long.mkdir(parents=True)
    (long / "z").write_text("long\n")
    for source in ("a.txt", "dir", "dir/sub", "x" * 90, "link"):
        digests = [
            tool.out("copy", container, str(context / source), f"/{len(source)}").splitlines()[-1]
            for tool, container in zip((own, peer), containers, strict=True)
        ]
        assert digests[0] == digests[1], source


def test_each_goes_on_with_the_others_container(context: Path, tmp_path: Path) -> None:
    roots = ["--root", str(tmp_path / "s" / "root"), "--runroot", str(tmp_path / "s" / "run")]
    own, peer = ours("pybuildah", *roots), theirs("buildah", *roots)
    for first, second in ((own, peer), (peer, own)):
        name = first.out("from", "scratch").splitlines()[-1]
        first("copy", name, str(context / "a.txt"), "/first")
        first("config", "--env", "A=1", "--label", "l=first", "--cmd", "one two", name)
        second("copy", name, str(context / "b.txt"), "/second")
        second("config", "--env", "B=2", "--annotation", "n=second", "--workingdir", "/w", name)
        first("config", "--port", "80", name)
        assert name in first.out("containers") and name in second.out("containers")
        second("commit", name, "joint")
        config = _image(first, "joint")
        inner = config["config"]
        assert isinstance(inner, dict)
        assert inner["Env"] == ["A=1", "B=2"]
        assert inner["Cmd"] == ["one", "two"]
        assert inner["WorkingDir"] == "/w"
        assert list(inner["ExposedPorts"]) == ["80"]
        found = _tree(second, "joint")
        assert {"first", "second"} <= set(found)
        second("rm", name)
        assert name not in first.out("containers")
    Tool(["umount", "-l", "-R", str(tmp_path / "s" / "root" / "overlay")])(status=None)


def test_caches_are_shared(context: Path, tmp_path: Path) -> None:
    """What one program built with layers, the other finds."""
    roots = ["--root", str(tmp_path / "s" / "root"), "--runroot", str(tmp_path / "s" / "run")]
    own, peer = ours("pybuildah", *roots), theirs("buildah", *roots)
    (context / ".containerignore").unlink()
    file = tmp_path / "Containerfile"
    file.write_text("FROM scratch\nCOPY dir /dir\nENV A=1\nCOPY a.txt b.txt /two/\nLABEL x=y\n")
    for first, second in ((own, peer), (peer, own)):
        first("build", "--layers", "-f", str(file), "-t", "cached", str(context))
        again = second.out("build", "--layers", "-f", str(file), "-t", "cached", str(context))
        assert again.count("Using cache") == 4
        second("rmi", "-f", "cached")
    Tool(["umount", "-l", "-R", str(tmp_path / "s" / "root" / "overlay")])(status=None)
