"""Layers with what only root can make: devices, owners, overlay's whiteouts, file capabilities."""

from __future__ import annotations

import io
import os
import stat
import struct
import tarfile
from pathlib import Path

import pytest

from ocicore.linux import archive
from support import tree
from support.malicious_layers import END, directory, entry, hardlink, pax, record

pytestmark = pytest.mark.root

#: Revision 2, cap_net_raw permitted and effective.
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)


def unpack(data: bytes, root: Path, **options: object) -> archive.UnpackResult:
    source = root.parent / f"{root.name}.tar"
    source.write_bytes(data)
    root.mkdir(exist_ok=True)
    stream, target = os.open(source, os.O_RDONLY), os.open(root, os.O_RDONLY)
    try:
        return archive.unpack(stream, target, **options)  # type: ignore[arg-type]
    finally:
        os.close(stream)
        os.close(target)


def pack(root: Path, **options: object) -> bytes:
    path = root.parent / f"{root.name}.packed"
    out, source = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), os.open(root, os.O_RDONLY)
    try:
        archive.pack(source, out, **options)  # type: ignore[arg-type]
    finally:
        os.close(out)
        os.close(source)
    return path.read_bytes()


def is_whiteout(path: Path) -> bool:
    facts = path.lstat()
    return stat.S_ISCHR(facts.st_mode) and facts.st_rdev == 0


class TestWhiteouts:
    """The overlay form of deletions, in every order a layer may have."""

    def test_plain_and_opaque(self, tmp_path: Path) -> None:
        root = tmp_path / "r"
        unpack(
            entry(".wh.gone", uid=5, gid=6) + directory("d") + entry("d/.wh..wh..opq") + entry("d/f") + END,
            root,
        )
        assert is_whiteout(root / "gone")
        assert (root / "gone").lstat().st_uid == 5
        assert os.getxattr(root / "d", "trusted.overlay.opaque") == b"y"
        assert os.listdir(root / "d") == ["f"]

    def test_user_namespace_uses_the_user_attribute(self, tmp_path: Path) -> None:
        root = tmp_path / "r"
        unpack(directory("d") + entry("d/.wh..wh..opq") + END, root, in_user_namespace=True)
        assert os.listxattr(root / "d") == ["user.overlay.opaque"]

    @pytest.mark.parametrize(
        "members",
        [
            entry(".wh.d") + directory("d") + entry("d/f"),
            directory("d") + entry("d/f") + entry(".wh.d"),
            entry(".wh.d") + entry("d/f"),
            entry("d/f") + entry(".wh.d"),
        ],
        ids=[
            "whiteout first",
            "whiteout last",
            "whiteout, implicit directory",
            "implicit directory, whiteout",
        ],
    )
    def test_deleted_and_made_again_is_opaque(self, members: bytes, tmp_path: Path) -> None:
        root = tmp_path / "r"
        unpack(members + END, root)
        assert os.listdir(root / "d") == ["f"]
        assert os.getxattr(root / "d", "trusted.overlay.opaque") == b"y"

    def test_file_beside_its_whiteout_stays(self, tmp_path: Path) -> None:
        for number, members in enumerate((entry("f") + entry(".wh.f"), entry(".wh.f") + entry("f"))):
            unpack(members + END, tmp_path / f"r{number}")
            assert (tmp_path / f"r{number}" / "f").is_file()

    def test_kept_for_fuse_overlayfs(self, tmp_path: Path) -> None:
        root = tmp_path / "r"
        unpack(
            entry(".wh.gone") + directory("d") + entry("d/.wh..wh..opq") + END,
            root,
            whiteouts="fuse-overlayfs",
        )
        assert (root / ".wh.gone").is_file()
        assert (root / "d" / ".wh..wh..opq").is_file()

    def test_packed_back(self, tmp_path: Path) -> None:
        lower, upper = tmp_path / "lower", tmp_path / "upper"
        unpack(directory("d") + entry("d/old") + entry("gone") + END, lower)
        unpack(
            entry(".wh.gone")
            + directory("d")
            + entry("d/.wh..wh..opq")
            + directory("n")
            + entry("n/.wh..wh..opq")
            + END,
            upper,
        )
        below = os.open(lower, os.O_RDONLY)
        with tarfile.open(fileobj=io.BytesIO(pack(upper, lower_fds=[below]))) as members:
            assert members.getnames() == ["d", "d/.wh..wh..opq", ".wh.gone", "n"]
            whiteout = members.getmember(".wh.gone")
            assert (whiteout.mode, whiteout.size, whiteout.isreg()) == (0, 0, True)
            assert all("overlay" not in key for member in members for key in member.pax_headers)
        os.close(below)

    def test_changes_of_an_upper(self, tmp_path: Path) -> None:
        top, bottom, upper = tmp_path / "top", tmp_path / "bottom", tmp_path / "upper"
        unpack(
            directory("d")
            + entry("d/a")
            + entry("d/b")
            + entry("hidden")
            + entry("f")
            + directory("s/t")
            + END,
            bottom,
        )
        unpack(entry(".wh.hidden") + directory("d") + entry("d/c") + END, top)
        unpack(
            directory("d")
            + entry("d/.wh..wh..opq")
            + entry("d/a")
            + entry(".wh.f")
            + entry(".wh.hidden")
            + directory("s")
            + directory("s/t")
            + entry("s/t/new")
            + entry("hidden2")
            + END,
            upper,
        )
        fds = [os.open(path, os.O_RDONLY) for path in (upper, top, bottom)]
        found = [repr(change) for change in archive.changes_overlay(fds[0], fds[1:])]
        for fd in fds:
            os.close(fd)
        assert found == [
            "C /d", "C /d/a", "D /d/b", "D /d/c", "D /f", "A /hidden2", "C /s", "C /s/t", "A /s/t/new",
        ]  # fmt: skip


class TestNodes:
    """Devices and owners."""

    def test_devices(self, tmp_path: Path) -> None:
        root = tmp_path / "r"
        members = entry("null", b"3", device=(1, 3), mode=0o666) + entry(
            "loop", b"4", device=(7, 300), mode=0o660
        )
        result = unpack(members + END, root)
        assert result.skipped_devices == 0
        assert (root / "null").stat().st_rdev == os.makedev(1, 3)
        assert (root / "loop").stat().st_rdev == os.makedev(7, 300)
        assert stat.S_IMODE((root / "null").stat().st_mode) == 0o666
        with tarfile.open(fileobj=io.BytesIO(pack(root))) as members_again:
            loop = members_again.getmember("loop")
            assert (loop.type, loop.devmajor, loop.devminor) == (tarfile.BLKTYPE, 7, 300)

    def test_devices_are_left_out_in_a_user_namespace(self, tmp_path: Path) -> None:
        result = unpack(entry("null", b"3", device=(1, 3)) + END, tmp_path / "r", in_user_namespace=True)
        assert (result.skipped_devices, os.listdir(tmp_path / "r")) == (1, [])

    def test_ids_are_mapped(self, tmp_path: Path) -> None:
        root = tmp_path / "r"
        maps = [(0, 1000, 1), (1, 100000, 65536)]
        members = (
            entry("own", uid=0, gid=0) + entry("other", uid=42, gid=65536) + entry("deep/f", uid=1, gid=1)
        )
        result = unpack(members + END, root, uid_map=maps, gid_map=maps)
        assert (root / "own").stat().st_uid == 1000
        assert (root / "other").stat().st_uid == 100041
        assert (root / "other").stat().st_gid == 165535
        assert (root / "deep").stat().st_uid == 1000
        assert (result.uids, result.gids) == ([0, 1, 42], [0, 1, 65536])

    def test_id_without_mapping(self, tmp_path: Path) -> None:
        with pytest.raises(archive.ArchiveError, match="f: its owner 70000:0 has no mapping to the host"):
            unpack(entry("f", uid=70000, gid=0) + END, tmp_path / "r", uid_map=[(0, 0, 65536)])
        unpack(
            entry("f", uid=70000, gid=0) + END,
            tmp_path / "r2",
            uid_map=[(0, 0, 65536)],
            ignore_chown_errors=True,
        )
        assert (tmp_path / "r2" / "f").stat().st_uid == 0

    def test_owner_for_everything(self, tmp_path: Path) -> None:
        unpack(entry("a/f", uid=5, gid=5) + END, tmp_path / "r", owner=(7, 8))
        for name in ("a", "a/f"):
            facts = (tmp_path / "r" / name).stat()
            assert (facts.st_uid, facts.st_gid) == (7, 8)

    def test_force_mask(self, tmp_path: Path) -> None:
        root = tmp_path / "r"
        unpack(
            directory("d", uid=5, mode=0o750)
            + entry("f", uid=6, gid=7, mode=0o4755)
            + entry("n", b"3", device=(1, 3))
            + END,
            root,
            force_mask=0o700,
        )
        assert os.getxattr(root / "d", "user.containers.override_stat") == b"5:0:0750:dir"
        assert os.getxattr(root / "f", "user.containers.override_stat") == b"6:7:4755:file"
        assert os.getxattr(root / "n", "user.containers.override_stat").endswith(b":char-1-3")
        assert stat.S_IMODE((root / "f").stat().st_mode) == 0o700
        assert (root / "f").stat().st_uid == 0


class TestCapabilities:
    """What chown clears must be there at the end."""

    def layer(self) -> bytes:
        records = pax(record("SCHILY.xattr.security.capability", CAPABILITY))
        return (
            records
            + entry("ping", mode=0o4755, uid=3, gid=4)
            + hardlink("again", "ping", mode=0o4755, uid=3, gid=4)
            + END
        )

    def test_survive_unpack_pack_copy_and_shift(self, tmp_path: Path) -> None:
        root, copy = tmp_path / "r", tmp_path / "c"
        unpack(self.layer(), root)
        assert os.getxattr(root / "ping", "security.capability") == CAPABILITY
        copy.mkdir()
        fds = os.open(root, os.O_RDONLY), os.open(copy, os.O_RDONLY)
        archive.copy_tree(*fds)
        assert tree.differences(tree.describe(str(root)), tree.describe(str(copy))) == []
        maps = ([(0, 0, 65536)], [(0, 100000, 65536)])
        archive.chown_tree(fds[1], uid_map=maps, gid_map=maps)
        facts = (copy / "ping").stat()
        assert (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == (100003, 100004, 0o4755)
        assert os.getxattr(copy / "again", "security.capability") == CAPABILITY
        assert copy.stat().st_uid == 100000
        for fd in fds:
            os.close(fd)
        unpack(pack(root), tmp_path / "again")
        assert tree.differences(tree.describe(str(root)), tree.describe(str(tmp_path / "again"))) == []

    def test_copy_shifts_owners(self, tmp_path: Path) -> None:
        unpack(self.layer(), tmp_path / "r")
        (tmp_path / "c").mkdir()
        fds = os.open(tmp_path / "r", os.O_RDONLY), os.open(tmp_path / "c", os.O_RDONLY)
        maps = ([(0, 0, 65536)], [(0, 200000, 65536)])
        archive.copy_tree(*fds, uid_map=maps, gid_map=maps)
        assert (tmp_path / "c" / "ping").stat().st_uid == 200003
        assert (tmp_path / "c" / "ping").stat().st_mode & 0o7777 == 0o4755
        for fd in fds:
            os.close(fd)


def test_immutable_files_can_be_removed(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "t").mkdir()
    path = tmp_path / "t" / "f"
    path.touch()
    get_flags, set_flags, immutable = 0x80086601, 0x40086602, 0x10
    fd = os.open(path, os.O_RDONLY)
    flags = struct.unpack("i", fcntl.ioctl(fd, get_flags, b"\0" * 4))[0]
    fcntl.ioctl(fd, set_flags, struct.pack("i", flags | immutable))
    os.close(fd)
    parent = os.open(tmp_path, os.O_RDONLY)
    archive.remove_tree(parent, "t")
    os.close(parent)
    assert not (tmp_path / "t").exists()
