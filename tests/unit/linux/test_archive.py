"""Unpack, pack, tar-split, comparison and copies, as any user: what needs devices or other owners is tests/root's."""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
import threading
from pathlib import Path

import pytest

from ocicore.errors import Corrupted
from ocicore.linux import archive
from support import tree
from support.malicious_layers import END, directory, entry, hardlink, pax, record, symlink


def open_directory(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


class Bench:
    """Runs the functions on paths and closes what it opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def directory(self) -> Path:
        self.count += 1
        path = self.folder / f"tree{self.count}"
        path.mkdir()
        return path

    def unpack(
        self, data: bytes, root: Path, *, split: bool = False, **options: object
    ) -> archive.UnpackResult:
        source = self.folder / "in.tar"
        source.write_bytes(data)
        stream, target = os.open(source, os.O_RDONLY), open_directory(root)
        split_fd = os.open(self.folder / "split", os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if split else -1
        try:
            return archive.unpack(
                stream,
                target,
                tar_split_fd=split_fd,
                in_user_namespace=os.geteuid() != 0,
                **options,  # type: ignore[arg-type]
            )
        finally:
            for fd in (stream, target, split_fd):
                if fd >= 0:
                    os.close(fd)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.folder / "split").read_bytes().splitlines()]

    def reassemble(self, root: Path) -> bytes:
        split, target = os.open(self.folder / "split", os.O_RDONLY), open_directory(root)
        out = os.open(self.folder / "out.tar", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            count = archive.reassemble(split, [target], out)
        finally:
            for fd in (split, target, out):
                os.close(fd)
        data = (self.folder / "out.tar").read_bytes()
        assert len(data) == count
        return data

    def pack(self, root: Path, **options: object) -> bytes:
        out, source = (
            os.open(self.folder / "packed.tar", os.O_RDWR | os.O_CREAT | os.O_TRUNC),
            open_directory(root),
        )
        try:
            result = archive.pack(source, out, **options)  # type: ignore[arg-type]
        finally:
            os.close(out)
            os.close(source)
        data = (self.folder / "packed.tar").read_bytes()
        assert len(data) == result.stream_bytes
        return data

    def names(self, data: bytes) -> list[str]:
        with tarfile.open(fileobj=io.BytesIO(data)) as members:
            return [member.name + ("/" if member.isdir() else "") for member in members]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def members(form: int) -> bytes:
    """A tar by Python's tarfile of everything it can write."""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=form, encoding="utf-8", errors="surrogateescape"
    ) as out:

        def add(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", **more: object) -> None:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(data)
            info.mtime = 1_600_000_000.25 if form == tarfile.PAX_FORMAT else 1_600_000_000
            info.uid, info.gid = os.geteuid(), os.getegid()
            info.mode = 0o644
            for key, value in more.items():
                setattr(info, key, value)
            out.addfile(info, io.BytesIO(data))

        add("./", tarfile.DIRTYPE, mode=0o750)
        add("etc", tarfile.DIRTYPE, mode=0o1755)
        add('etc/<&>"\\\n\u2028', data=b"odd" * 100)
        add("etc/" + "long" * 20 + "/" + "name" * 30, data=b"long")
        add("etc/setuid", data=b"x", mode=0o4711)
        add("etc/hard", tarfile.LNKTYPE, linkname="etc/setuid", mode=0o4711)
        add("etc/soft", tarfile.SYMTYPE, linkname="/etc/" + "target" * 30, mode=0o777)
        add("pipe", tarfile.FIFOTYPE, mode=0o600)
        add("latin-\udce9", data=b"raw")
        add("empty")
        add("big", data=bytes(range(256)) * 8192)
    return buffer.getvalue()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
class TestRoundTrip:
    """What goes in comes out: as a tree, as the same bytes, as a new archive."""

    def test_tree(self, bench: Bench, form: int) -> None:
        root = bench.directory()
        result = bench.unpack(members(form), root, whiteouts="keep")
        assert (root / "etc" / "soft").readlink() == Path("/etc/" + "target" * 30)
        assert (root / "etc" / "setuid").stat().st_mode & 0o7777 == 0o4711
        assert os.path.samefile(root / "etc" / "setuid", root / "etc" / "hard")
        assert (root / "etc").stat().st_mode & 0o7777 == 0o1755
        fraction = 250_000_000 if form == tarfile.PAX_FORMAT else 0
        for name in ("etc", "big", "pipe"):
            assert (root / name).stat().st_mtime_ns == 1_600_000_000 * 10**9 + fraction
        assert root.stat().st_mode & 0o7777 == 0o750
        assert (result.uids, result.gids) == ([os.geteuid()], [os.getegid()])
        assert (
            result.bytes
            == sum(
                path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink()
            )
            - 1
        )

    def test_the_root_keeps_its_mode_in_an_overlay(self, bench: Bench, form: int) -> None:
        root = bench.directory()
        root.chmod(0o700)
        bench.unpack(members(form), root)
        assert root.stat().st_mode & 0o7777 == 0o700

    def test_same_bytes(self, bench: Bench, form: int) -> None:
        root, data = bench.directory(), members(form) + b"trailing" * 1000
        result = bench.unpack(data, root, split=True)
        assert result.stream_bytes == len(data)
        assert bench.reassemble(root) == data

    def test_packed_again(self, bench: Bench, form: int) -> None:
        root, other = bench.directory(), bench.directory()
        bench.unpack(members(form), root)
        first = bench.pack(root, subsecond=True)
        assert first == bench.pack(root, subsecond=True)
        bench.unpack(first, other)
        implicit = "etc/" + "long" * 20
        assert (
            tree.differences(
                tree.describe(str(root), ignore=(implicit,)), tree.describe(str(other), ignore=(implicit,))
            )
            == []
        )


class TestTarSplit:
    """The lines, as vbatts/tar-split writes them."""

    def test_lines(self, bench: Bench) -> None:
        data = directory("d") + entry("d/f<", data=b"hello") + entry("caf\udce9", data=b"") + END
        bench.unpack(data, bench.directory(), split=True)
        text = (bench.folder / "split").read_text()
        lines = text.splitlines()
        assert lines[1] == '{"type":1,"name":"d/","payload":null,"position":1}'
        crc = base64.b64encode(crc64(b"hello").to_bytes(8, "big")).decode()
        assert lines[3] == f'{{"type":1,"name":"d/f\\u003c","size":5,"payload":"{crc}","position":3}}'
        assert json.loads(lines[5])["name_raw"] == base64.b64encode(b"caf\xe9").decode()
        assert [json.loads(line)["position"] for line in lines] == list(range(len(lines)))

    def test_split_alone_writes_the_same(self, bench: Bench) -> None:
        data = members(tarfile.PAX_FORMAT)
        bench.unpack(data, bench.directory(), split=True)
        stream = os.open(bench.folder / "in.tar", os.O_RDONLY)
        out = os.open(bench.folder / "alone", os.O_RDWR | os.O_CREAT)
        archive.split(stream, out)
        os.close(stream)
        os.close(out)
        assert (bench.folder / "alone").read_bytes() == (bench.folder / "split").read_bytes()

    def test_changed_content_is_noticed(self, bench: Bench) -> None:
        root = bench.directory()
        bench.unpack(entry("f", data=b"hello") + END, root, split=True)
        (root / "f").write_bytes(b"hallo")
        with pytest.raises(
            Corrupted, match=r"^reassembling layer: f: its content differs from the layer's: file integrity"
        ):
            bench.reassemble(root)
        (root / "f").write_bytes(b"hello!")
        with pytest.raises(Corrupted, match="its size differs"):
            bench.reassemble(root)
        (root / "f").unlink()
        with pytest.raises(Corrupted, match="the file is missing"):
            bench.reassemble(root)

    def test_content_never_comes_from_outside(self, bench: Bench) -> None:
        root, secret = bench.directory(), bench.folder / "secret"
        bench.unpack(directory("d") + entry("d/f", data=b"hello") + END, root, split=True)
        secret.mkdir()
        (secret / "f").write_bytes(b"hello")
        (root / "d" / "f").unlink()
        (root / "d" / "f").symlink_to(secret / "f")
        with pytest.raises(Corrupted, match="the file is missing"):
            bench.reassemble(root)
        (root / "d" / "f").unlink()
        (root / "d").rmdir()
        (root / "d").symlink_to(secret)
        with pytest.raises(Corrupted, match="the file is missing"):
            bench.reassemble(root)

    def test_a_pipe_in_its_place_does_not_hang(self, bench: Bench) -> None:
        root = bench.directory()
        bench.unpack(entry("f", data=b"hello") + END, root, split=True)
        (root / "f").unlink()
        os.mkfifo(root / "f")
        with pytest.raises(Corrupted, match="its size differs"):
            bench.reassemble(root)

    @pytest.mark.parametrize(
        "text",
        [
            "{",
            "[]",
            '{"type":1',
            '{"type":9,"position":0}',
            '{"type":2,"payload":"!!!!"}',
            '{"type":"x"',
            "nonsense",
        ],
    )
    def test_malformed_lines(self, bench: Bench, text: str) -> None:
        (bench.folder / "split").write_text(text)
        with pytest.raises(Corrupted):
            bench.reassemble(bench.directory())

    def test_sparse_files_come_back_bit_for_bit(self, bench: Bench) -> None:
        body = b"2\n512\n3\n2048\n4\n".ljust(512, b"\0") + b"abcdefg"
        records = record("GNU.sparse.major", b"1") + record("GNU.sparse.minor", b"0")
        records += record("GNU.sparse.name", b"holes") + record("GNU.sparse.realsize", b"4096")
        data = pax(records) + entry("GNUSparseFile.0/holes", data=body) + entry("after", data=b"x") + END
        root = bench.directory()
        bench.unpack(data, root, split=True)
        wanted = bytearray(4096)
        wanted[512:515], wanted[2048:2052] = b"abc", b"defg"
        assert (root / "holes").read_bytes() == bytes(wanted)
        assert bench.reassemble(root) == data

    def test_packing_writes_lines_too(self, bench: Bench) -> None:
        root = bench.directory()
        bench.unpack(members(tarfile.PAX_FORMAT), root)
        split = os.open(bench.folder / "split", os.O_WRONLY | os.O_CREAT)
        data = bench.pack(root, tar_split_fd=split)
        os.close(split)
        assert bench.reassemble(root) == data


def crc64(data: bytes) -> int:
    """The slow definition."""
    crc = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xD800000000000000 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFFFFFFFFFF


@pytest.mark.parametrize("form", ["old", "0.0", "0.1"])
def test_older_sparse_formats(bench: Bench, form: str) -> None:
    data = b"abcdefg"
    if form == "old":
        parts = b"".join(b"%011o\0" % number for number in (512, 3, 2048, 4))
        block = bytearray(entry("holes", b"S", magic=b"ustar  \0", size=7))
        block[386 : 386 + len(parts)] = parts
        block[483:495] = b"%011o\0" % 4096
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block[:512])
        layer = bytes(block[:512]) + data.ljust(512, b"\0") + END
    else:
        if form == "0.0":
            records = b"".join(
                record(f"GNU.sparse.{key}", value)
                for key, value in (
                    ("offset", b"512"),
                    ("numbytes", b"3"),
                    ("offset", b"2048"),
                    ("numbytes", b"4"),
                )
            )
        else:
            records = record("GNU.sparse.map", b"512,3,2048,4")
        records += record("GNU.sparse.size", b"4096") + record("GNU.sparse.numblocks", b"2")
        layer = pax(records) + entry("holes", data=data) + END
    root = bench.directory()
    bench.unpack(layer, root, split=True)
    wanted = bytearray(4096)
    wanted[512:515], wanted[2048:2052] = b"abc", b"defg"
    assert (root / "holes").read_bytes() == bytes(wanted)
    assert bench.reassemble(root) == layer


def test_extended_attributes(bench: Bench) -> None:
    records = record("SCHILY.xattr.user.a", b"\0\n=") + record("LIBARCHIVE.xattr.user.b%20c", b"aGk=")
    records += record("SCHILY.xattr.trusted.overlay.redirect", b"/x") + record(
        "SCHILY.xattr.user.overlay.opaque", b"y"
    )
    root, again = bench.directory(), bench.directory()
    bench.unpack(pax(records) + entry("f") + END, root)
    assert os.listxattr(root / "f") == ["user.a", "user.b c"]
    assert os.getxattr(root / "f", "user.a") == b"\0\n="
    assert os.getxattr(root / "f", "user.b c") == b"hi"
    bench.unpack(bench.pack(root), again)
    assert os.getxattr(again / "f", "user.a") == b"\0\n="


def test_apply_removes_in_place(bench: Bench) -> None:
    root = bench.directory()
    bench.unpack(
        directory("a") + entry("a/old") + entry("gone") + directory("tree/deep") + entry("tree/deep/f") + END,
        root,
        whiteouts="apply",
    )
    bench.unpack(
        entry("a/new") + entry("a/.wh..wh..opq") + entry(".wh.gone") + entry(".wh.tree") + END,
        root,
        whiteouts="apply",
    )
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == ["a", "a/new"]


def test_a_tree_appears_while_the_stream_is_written(bench: Bench) -> None:
    """The interpreter lock is free during an unpack: another Python thread feeds the pipe."""
    data, root = members(tarfile.PAX_FORMAT), bench.directory()
    reader, writer = archive.make_pipe()

    def feed() -> None:
        with open(writer, "wb") as out:
            out.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    target = open_directory(root)
    result = archive.unpack(reader, target, in_user_namespace=os.geteuid() != 0)
    thread.join()
    assert result.stream_bytes == len(data)
    os.close(reader)
    os.close(target)


def test_of_two_members_for_a_directory_the_last_has_the_say(bench: Bench) -> None:
    root = bench.directory()
    bench.unpack(
        directory("a", mtime=1000) + entry("a/f") + directory("a", mtime=2000) + entry("a/g") + END, root
    )
    assert (root / "a").stat().st_mtime == 2000


class TestPack:
    """Names, selection, owners and times of what is packed."""

    @pytest.fixture
    def root(self, bench: Bench) -> Path:
        root = bench.directory()
        bench.unpack(
            directory("b") + entry("b/x", data=b"x") + entry("b.c") + entry("a") + symlink("l", "a") + END,
            root,
        )
        return root

    def test_names_in_walk_order(self, bench: Bench, root: Path) -> None:
        assert bench.names(bench.pack(root)) == ["a", "b/", "b/x", "b.c", "l"]
        assert bench.names(bench.pack(root, include_root=True))[0] == "./"
        assert bench.names(bench.pack(root, prefix="p/"))[:2] == ["p/a", "p/b/"]

    def test_selection(self, bench: Bench, root: Path) -> None:
        data = bench.pack(root, include=["b/x", "/b", "none", "a"], deleted=["b/gone", "zz"])
        assert bench.names(data) == ["a", "b/", "b/.wh.gone", "b/x", ".wh.zz"]

    def test_fixed_owner_and_time(self, bench: Bench, root: Path) -> None:
        with tarfile.open(fileobj=io.BytesIO(bench.pack(root, owner=(7, 3_000_000), mtime=5))) as found:
            assert {(m.uid, m.gid, m.mtime) for m in found} == {(7, 3_000_000, 5)}
        with tarfile.open(fileobj=io.BytesIO(bench.pack(root, clamp_mtime=9))) as found:
            assert {m.mtime for m in found} == {9}

    def test_ids_are_mapped_back(self, bench: Bench, root: Path) -> None:
        maps = [(5, os.geteuid(), 1)], [(6, os.getegid(), 1)]
        with tarfile.open(fileobj=io.BytesIO(bench.pack(root, uid_map=maps[0], gid_map=maps[1]))) as found:
            assert {(m.uid, m.gid) for m in found} == {(5, 6)}
        with pytest.raises(archive.ArchiveError, match="has no mapping to the container"):
            bench.pack(root, uid_map=[(0, 4_000_000_000, 1)])

    def test_times_beyond_ustar(self, bench: Bench, root: Path) -> None:
        os.utime(root / "a", ns=(0, -1_500_000_000))
        with tarfile.open(fileobj=io.BytesIO(bench.pack(root, subsecond=True))) as found:
            assert found.getmember("a").mtime == -1.5


class TestChanges:
    """Differences between plain trees."""

    def test_kinds(self, bench: Bench) -> None:
        old, new = bench.directory(), bench.directory()
        base = (
            directory("d") + entry("d/same") + entry("d/grown") + entry("gone") + directory("left/deep") + END
        )
        bench.unpack(base, old)
        bench.unpack(base, new)
        (new / "d" / "grown").write_text("more")
        (new / "gone").unlink()
        (new / "left" / "deep").rmdir()
        (new / "made").mkdir()
        (new / "made" / "f").touch()
        fds = open_directory(new), open_directory(old)
        found = [repr(change) for change in archive.changes_between(*fds)]
        assert found == ["C /d", "C /d/grown", "D /gone", "C /left", "D /left/deep", "A /made", "A /made/f"]
        assert archive.changes_between(fds[0], fds[0]) == []
        assert {change.kind for change in archive.changes_between(fds[0], -1)} == {"A"}
        for fd in fds:
            os.close(fd)


class TestTrees:
    """Copies, usage and removal."""

    def test_copy_is_complete(self, bench: Bench) -> None:
        source, target = bench.directory(), bench.directory()
        bench.unpack(members(tarfile.PAX_FORMAT), source)
        with open(source / "holes", "wb") as out:
            out.truncate(10_000_000)
            out.seek(5_000_000)
            out.write(b"data")
        os.setxattr(source / "big", "user.a", b"b")
        fds = open_directory(source), open_directory(target)
        copied, measured = archive.copy_tree(*fds), archive.usage(fds[0])
        assert (copied.bytes, copied.inodes) == (measured.bytes, measured.inodes)
        assert tree.differences(tree.describe(str(source)), tree.describe(str(target))) == []
        assert (target / "holes").stat().st_blocks == (source / "holes").stat().st_blocks
        # Again, over what is there.
        archive.copy_tree(*fds)
        assert tree.differences(tree.describe(str(source)), tree.describe(str(target))) == []
        for fd in fds:
            os.close(fd)

    def test_remove_follows_no_link(self, bench: Bench) -> None:
        folder, outside = bench.directory(), bench.directory()
        (outside / "kept").touch()
        (folder / "t" / "a").mkdir(parents=True)
        (folder / "t" / "link").symlink_to(outside)
        (folder / "t" / "a").chmod(0)
        parent = open_directory(folder)
        archive.remove_tree(parent, "t")
        archive.remove_tree(parent, "t")
        assert list(folder.iterdir()) == []
        (folder / "link").symlink_to(outside)
        archive.remove_tree(parent, "link")
        assert (outside / "kept").exists()
        for name in ("..", ".", "", "a/b"):
            with pytest.raises(archive.ArchiveError):
                archive.remove_tree(parent, name)
        os.close(parent)

    def test_remove_is_not_stopped_by_depth(self, bench: Bench) -> None:
        folder = bench.directory()
        parent = open_directory(folder)
        fd = os.dup(parent)
        for _ in range(3000):
            os.mkdir("d", dir_fd=fd)
            below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)
        archive.remove_tree(parent, "d")
        assert list(folder.iterdir()) == []
        os.close(parent)

    def test_syncfs(self, bench: Bench) -> None:
        fd = open_directory(bench.folder)
        archive.syncfs(fd)
        os.close(fd)
        with pytest.raises(archive.ArchiveError, match="flushing file system"):
            archive.syncfs(fd)


def test_reading_from_a_closed_descriptor_is_an_error(bench: Bench) -> None:
    target = open_directory(bench.directory())
    with pytest.raises(archive.ArchiveError, match="reading the stream") as caught:
        archive.unpack(999, target)
    assert caught.value.errno == 9
    assert not isinstance(caught.value, Corrupted)
    os.close(target)


def test_hard_links_share_and_keep_set_id_bits(bench: Bench) -> None:
    root = bench.directory()
    bench.unpack(
        entry("a", mode=0o4755, data=b"x")
        + hardlink("b", "a", mode=0o4755)
        + hardlink("c", "./b", mode=0o4755)
        + END,
        root,
    )
    assert (root / "a").stat().st_nlink == 3
    assert (root / "c").stat().st_mode & 0o7777 == 0o4755


def test_full_disk_says_so(bench: Bench) -> None:
    """/dev/full takes the place of tar-split's file."""
    full = os.open("/dev/full", os.O_WRONLY)
    source = bench.folder / "in.tar"
    source.write_bytes(entry("f", data=b"x") + END)
    stream = os.open(source, os.O_RDONLY)
    target = open_directory(bench.directory())
    with pytest.raises(archive.ArchiveError, match="no space left on device") as caught:
        archive.unpack(stream, target, tar_split_fd=full)
    assert caught.value.hint == "free some space, or move the store"
    for fd in (full, stream, target):
        os.close(fd)
