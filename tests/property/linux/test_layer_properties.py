"""Layers in general: any tree survives pack and unpack, any stream comes back from tar-split, any bytes are only refused."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocicore.linux import archive
from support import tree
from support.malicious_layers import cases

relaxed = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=not os.environ.get("HYPOTHESIS_EXPLORE"),
    suppress_health_check=[HealthCheck.too_slow],
)

#: Names of one component: any bytes but NUL and slash, and nothing that means a whiteout.
names = (
    st.binary(min_size=1, max_size=120)
    .filter(
        lambda raw: (
            b"\0" not in raw and b"/" not in raw and raw not in (b".", b"..") and not raw.startswith(b".wh.")
        )
    )
    .map(os.fsdecode)
)
times = st.integers(min_value=-(2**33), max_value=2**34)


@st.composite
def trees(draw: st.DrawFn) -> list[tuple[str, str, object]]:
    """Steps that make a tree: (kind, path, value)."""
    folders, steps, files = [""], [], []
    for _ in range(draw(st.integers(0, 12))):
        parent = draw(st.sampled_from(folders))
        path = (parent + "/" if parent else "") + draw(names)
        if any(step[1] == path for step in steps) or len(os.fsencode(path)) > 600:
            continue
        kind = draw(st.sampled_from(["directory", "file", "file", "link", "hard link", "pipe"]))
        value: object = None
        if kind == "directory":
            folders.append(path)
        elif kind == "file":
            value = draw(st.binary(max_size=2000))
            files.append(path)
        elif kind == "link":
            value = draw(names)
        elif kind == "hard link":
            if not files:
                continue
            value = draw(st.sampled_from(files))
        steps.append((kind, path, value))
        steps.append(("time", path, draw(times)))
    # A directory's time last, after its content.
    return [step for step in steps if step[0] != "time"] + [
        step for step in reversed(steps) if step[0] == "time"
    ]


def build(root: str, steps: list[tuple[str, str, object]]) -> None:
    for kind, path, value in steps:
        full = f"{root}/{path}"
        if kind == "directory":
            os.mkdir(full)
        elif kind == "file":
            with open(full, "wb") as out:
                out.write(value)  # type: ignore[arg-type]
        elif kind == "link":
            os.symlink(str(value), full)
        elif kind == "hard link":
            os.link(f"{root}/{value}", full)
        elif kind == "pipe":
            os.mkfifo(full)
        else:
            os.utime(full, (0, int(str(value))), follow_symlinks=False)


def directory(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


@relaxed
@given(trees())
def test_pack_then_unpack_gives_the_tree(steps: list[tuple[str, str, object]]) -> None:
    with tempfile.TemporaryDirectory() as base:
        for name in ("a", "b"):
            os.mkdir(f"{base}/{name}")
        build(f"{base}/a", steps)
        with (
            open(f"{base}/layer", "w+b") as layer,
            open(f"{base}/split", "w+b") as split,
            open(f"{base}/again", "w+b") as again,
        ):
            fds = directory(f"{base}/a"), directory(f"{base}/b")
            try:
                archive.pack(fds[0], layer.fileno(), subsecond=True, tar_split_fd=split.fileno())
                layer.seek(0)
                archive.unpack(layer.fileno(), fds[1])
                split.seek(0)
                archive.reassemble(split.fileno(), [fds[1]], again.fileno())
                assert archive.changes_between(fds[0], fds[1]) == []
            finally:
                for fd in fds:
                    os.close(fd)
        assert tree.differences(tree.describe(f"{base}/a"), tree.describe(f"{base}/b")) == []
        assert Path(f"{base}/layer").read_bytes() == Path(f"{base}/again").read_bytes()


@relaxed
@given(
    st.lists(st.tuples(names, st.binary(max_size=1500)), max_size=8, unique_by=lambda item: item[0]),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    st.binary(max_size=3000),
)
def test_streams_come_back(files: list[tuple[str, bytes]], form: int, trailer: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as out:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.uid, info.gid = len(data), os.geteuid(), os.getegid()
            out.addfile(info, io.BytesIO(data))
    with tempfile.TemporaryDirectory() as base:
        Path(f"{base}/in").write_bytes(buffer.getvalue() + trailer)
        os.mkdir(f"{base}/root")
        with (
            open(f"{base}/in", "rb") as layer,
            open(f"{base}/split", "w+b") as split,
            open(f"{base}/out", "w+b") as again,
        ):
            root = directory(f"{base}/root")
            try:
                archive.unpack(layer.fileno(), root, tar_split_fd=split.fileno())
                split.seek(0)
                archive.reassemble(split.fileno(), [root], again.fileno())
            finally:
                os.close(root)
        assert Path(f"{base}/out").read_bytes() == Path(f"{base}/in").read_bytes()


SEEDS = [case.data for case in cases() if 512 <= len(case.data) <= 8192]


@relaxed
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 8191), st.integers(0, 255)), max_size=6))
def test_damaged_layers_are_refused_or_unpacked(seed: bytes, damage: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for position, value in damage:
        data[position % len(data)] = value
    with tempfile.TemporaryDirectory() as base:
        Path(f"{base}/in").write_bytes(data)
        os.mkdir(f"{base}/root")
        root, parent = directory(f"{base}/root"), directory(base)
        try:
            with open(f"{base}/in", "rb") as layer:
                archive.unpack(layer.fileno(), root, in_user_namespace=True, ignore_chown_errors=True)
        except archive.ArchiveError:
            pass
        finally:
            archive.remove_tree(parent, "root")
            os.close(root)
            os.close(parent)
        assert os.listdir(base) == ["in"]
