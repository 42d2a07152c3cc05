"""What builds keep: its limit, what goes first, and cache mounts that travel with the cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.docker_registry import docker_registry
from support.programs import Tool

pytestmark = pytest.mark.root


@pytest.fixture
def context(context: Path) -> Path:
    """With files that weigh something."""
    for name in "abc":
        (context / name).write_bytes(name.encode() * 100_000)
    return context


def build(own: Tool, context: Path, text: str, *options: str, **env: str) -> str:
    (context / "Containerfile").write_text(text)
    return own("build", "--network", "none", "--layers", *options, str(context), env=env).stdout


def test_what_was_used_longest_ago_goes_first(own: Tool, context: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    env = {"TMPDIR": str(tmp_path / "tmp")}
    # Three caches of a layer of 100,000 bytes each; the oldest is used once more.
    for name in "abc":
        build(own, context, f"FROM scratch\nCOPY {name} /\nLABEL x={name}\n", **env)
    assert build(own, context, "FROM scratch\nCOPY a /\nLABEL x=a\n", **env).count("Using cache") == 2
    assert len(own.out("images", "-a", "-q").split()) == 6
    removed = own("prune", "--keep-storage", "250k", env=env).stdout.split()
    assert len(removed) == 2
    for name, hits in (("a", 2), ("c", 2), ("b", 0)):
        said = build(own, context, f"FROM scratch\nCOPY {name} /\nLABEL x={name}\n", **env)
        assert said.count("Using cache") == hits, name
    # The same limit for a build: its own image is not counted, "b" was used last.
    said = build(own, context, "FROM scratch\nCOPY c /d\n", "-t", "named", BUILDAH_CACHE_BUDGET="150k", **env)
    assert "Build cache: 4 removed, 100000 bytes kept of 153600 allowed" in said
    assert build(own, context, "FROM scratch\nCOPY b /\nLABEL x=b\n", **env).count("Using cache") == 2
    assert set(os.listdir(tmp_path / "root" / "build-cache")) <= set(
        own.out("images", "-a", "-q", "--no-trunc").replace("sha256:", "").split()
    )
    assert own("prune", "--keep-storage", "x", status=125).stderr.count("\n") == 1


def test_cache_mounts_count_and_are_pruned(own: Tool, context: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    env = {"TMPDIR": str(tmp_path / "tmp")}
    mount = "--mount=type=cache,target=/cache,id="
    text = "FROM scratch\nADD base.tar /\n" + "".join(
        f"RUN {mount}{name} head -c 200000 /dev/zero > /cache/file\n" for name in ("one", "two")
    )
    build(own, context, text, "-t", "named", **env)
    parent = tmp_path / "tmp" / "buildah-cache-0"
    assert sorted(path.read_text() for path in parent.glob("*.id")) == ["one", "two"]
    for path in parent.glob("*.id"):
        if path.read_text() == "one":
            os.utime(path, (1, 1))
    own("prune", "--keep-storage", "300k", env=env)
    assert [path.read_text() for path in parent.glob("*.id")] == ["two"]
    assert len([path for path in parent.iterdir() if path.is_dir()]) == 1
    own("prune", env=env)
    assert not parent.exists()


def test_cache_mounts_travel(own: Tool, context: Path, tmp_path: Path) -> None:
    text = (
        "FROM scratch\nADD base.tar /\n"
        "RUN --mount=type=cache,target=/cache ls /cache > /seen; mkdir -p /cache/deep; echo x > /cache/deep/file;"
        " chown 3:4 /cache/deep/file\n"
    )
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with docker_registry(tmp_path / "registry") as host:
        options = ("--tls-verify=false", "--cache-mounts", "--no-cache")
        said = build(
            own, context, text, *options, "--cache-to", f"{host}/cache", TMPDIR=str(tmp_path / "first")
        )
        assert f"--> Pushing cache mount /cache to [{host}/cache]" in said
        images = own.out("images", "-a", "-q").split()
        said = build(
            own,
            context,
            text,
            *options,
            "--cache-from",
            f"{host}/cache",
            "-t",
            "made",
            TMPDIR=str(tmp_path / "second"),
        )
        assert f"--> Cache mount /cache pulled from remote {host}/cache:mount-" in said
        assert set(images) <= set(own.out("images", "-a", "-q").split())
        assert not [name for name in own.out("images", "-a").splitlines() if "mount-" in name]
    (folder,) = [path for path in (tmp_path / "second" / "buildah-cache-0").iterdir() if path.is_dir()]
    status = (folder / "deep" / "file").stat()
    assert ((folder / "deep" / "file").read_text(), status.st_uid, status.st_gid) == ("x\n", 3, 4)
    container = own.out("from", "made")
    assert (Path(own.out("mount", container)) / "seen").read_text() == "deep\n"
    own("rm", container)
    refused = own("build", "--cache-mounts", str(context), status=125)
    assert refused.stderr == "Error: --cache-mounts is for --cache-from and --cache-to (give one of them)\n"
