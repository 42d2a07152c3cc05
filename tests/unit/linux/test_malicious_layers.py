"""No layer, however made, changes anything outside of its root, hangs, or crashes the reader."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocicore.linux import archive
from support import tree
from support.malicious_layers import Case, cases

MODES = ("overlay", "fuse-overlayfs", "apply", "keep")


def unpack_bytes(data: bytes, root: Path, scratch: Path, **options: object) -> archive.UnpackResult:
    """Unpack from a file (no pipe, so that a refusal cannot block a writer)."""
    source = scratch / "layer.tar"
    source.write_bytes(data)
    stream = os.open(source, os.O_RDONLY)
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return archive.unpack(stream, directory, **options)  # type: ignore[arg-type]
    finally:
        os.close(stream)
        os.close(directory)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_nothing_leaves_the_root(case: Case, mode: str, tmp_path: Path) -> None:
    root, outside, scratch = tmp_path / "root", tmp_path / "outside", tmp_path / "scratch"
    for folder in (root, outside, scratch):
        folder.mkdir()
    (outside / "victim").write_text("precious")
    (outside / "kept").mkdir()
    (outside / "kept" / "file").write_text("precious too")
    os.utime(outside, (1, 1))
    before = tree.describe(str(outside)), os.stat(outside), ["outside", "scratch"]
    split = os.open(scratch / "split", os.O_RDWR | os.O_CREAT) if case.split else -1
    # Devices and the trusted.* attributes are the root tests' business.
    options: dict[str, object] = {"in_user_namespace": os.geteuid() != 0, "whiteouts": mode}
    raised: archive.ArchiveError | None = None
    try:
        unpack_bytes(
            case.data, root, scratch, tar_split_fd=split, limits=archive.Limits(**case.limits), **options
        )
    except archive.ArchiveError as error:
        raised = error
    if split >= 0:
        os.close(split)
    present = {name for name in (*case.inside, *case.absent) if os.path.lexists(root / name)}
    # Python's own removal recurses; some of these trees are too deep for it.
    parent = os.open(tmp_path, os.O_RDONLY)
    archive.remove_tree(parent, "root")
    os.close(parent)

    assert tree.describe(str(outside)) == before[0]
    after = os.stat(outside)
    assert (after.st_mtime_ns, after.st_mode, after.st_uid) == (
        before[1].st_mtime_ns,
        before[1].st_mode,
        before[1].st_uid,
    )
    assert sorted(os.listdir(tmp_path)) == before[2]
    assert not os.path.lexists("/tmp/evil-layer")
    if case.expected == "refused":
        assert isinstance(raised, archive.CorruptedArchive)
        assert not isinstance(raised, archive.LimitExceeded)
    elif case.expected == "limit":
        assert isinstance(raised, archive.LimitExceeded)
    elif case.expected == "unpacked":
        assert raised is None
        assert present == set(case.inside)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_reading_alone_is_safe(case: Case, tmp_path: Path) -> None:
    """`split` touches no tree; it must end for each of them, and never leave through another exception."""
    (tmp_path / "layer.tar").write_bytes(case.data)
    stream = os.open(tmp_path / "layer.tar", os.O_RDONLY)
    out = os.open(tmp_path / "split", os.O_RDWR | os.O_CREAT)
    try:
        archive.split(stream, out, limits=archive.Limits(**case.limits))
    except archive.CorruptedArchive:
        pass
    finally:
        os.close(stream)
        os.close(out)


def test_error_names_the_entry(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    case = next(case for case in cases() if case.name == "hardlink_to_later")
    with pytest.raises(
        archive.CorruptedArchive, match=r"^unpacking: h: hard link to a file that is not there$"
    ):
        unpack_bytes(case.data, root, tmp_path)
