"""Layers that lie: every case is named, made byte by byte, and says what an unpacker must do with it.

`OUTSIDE` in a name or a target stands for a directory beside the root that must stay exactly as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

BLOCK = 512
END = b"\0" * 1024
#: Relative to the root, as an attacker would guess it.
OUTSIDE = "../outside"


def octal(value: int, length: int) -> bytes:
    """A numeric field."""
    return b"%0*o\0" % (length - 1, value)


def base256(value: int, length: int) -> bytes:
    """GNU's binary number field, two's complement."""
    number = value & ((1 << (8 * length)) - 1)
    raw = bytearray(number.to_bytes(length, "big"))
    raw[0] |= 0x80
    return bytes(raw)


def header(
    name: bytes,
    kind: bytes = b"0",
    *,
    size: int | bytes = 0,
    mode: int = 0o644,
    link: bytes = b"",
    uid: int | bytes | None = None,
    gid: int | bytes | None = None,
    mtime: int = 1_700_000_000,
    device: tuple[int, int] = (0, 0),
    magic: bytes = b"ustar\x0000",
    tail: bytes = b"",
    checksum: bytes | None = None,
) -> bytes:
    """One header block; bytes are put into a numeric field as they are."""
    block = bytearray(BLOCK)

    def put(offset: int, length: int, value: bytes) -> None:
        block[offset : offset + min(length, len(value))] = value[:length]

    def number(value: int | bytes, length: int) -> bytes:
        return value if isinstance(value, bytes) else octal(value, length)

    put(0, 100, name)
    put(100, 8, octal(mode, 8))
    put(108, 8, number(os.geteuid() if uid is None else uid, 8))
    put(116, 8, number(os.getegid() if gid is None else gid, 8))
    put(124, 12, number(size, 12))
    put(136, 12, octal(mtime, 12))
    put(156, 1, kind)
    put(157, 100, link)
    put(257, 8, magic)
    put(329, 8, octal(device[0], 8))
    put(337, 8, octal(device[1], 8))
    put(345, 155, tail)
    block[148:156] = b" " * 8
    total = sum(block)
    block[148:156] = checksum if checksum is not None else b"%06o\0 " % total
    return bytes(block)


def entry(name: str, kind: bytes = b"0", data: bytes = b"", **fields: object) -> bytes:
    """A member with its data, padded."""
    fields.setdefault("size", len(data))
    link = str(fields.pop("link", "")).encode("utf-8", "surrogateescape")
    block = header(name.encode("utf-8", "surrogateescape"), kind, link=link, **fields)  # type: ignore[arg-type]
    return block + data + b"\0" * (-len(data) % BLOCK)


def directory(name: str, **fields: object) -> bytes:
    """A directory member."""
    fields.setdefault("mode", 0o755)
    return entry(name.rstrip("/") + "/", b"5", **fields)


def symlink(name: str, target: str) -> bytes:
    """A symbolic link member."""
    return entry(name, b"2", link=target, mode=0o777)


def hardlink(name: str, target: str, **fields: object) -> bytes:
    """A hard link member."""
    return entry(name, b"1", link=target, **fields)


def record(key: str, value: bytes) -> bytes:
    """One pax record."""
    body = b" " + key.encode() + b"=" + value + b"\n"
    length = len(body) + len(str(len(body)))
    if len(str(length)) + len(body) != length:
        length = len(body) + len(str(length))
    return str(length).encode() + body


def pax(body: bytes, kind: bytes = b"x") -> bytes:
    """An extended header with this body."""
    return entry("PaxHeaders/x", kind, body)


class Case:
    """One layer.

    expected: "refused" (CorruptedArchive), "limit" (LimitExceeded), "unpacked", or "contained" (either, as long as
    nothing outside changes). inside/absent: paths that must (not) exist in the root afterwards.
    """

    def __init__(
        self,
        name: str,
        data: bytes,
        expected: str,
        *,
        inside: tuple[str, ...] = (),
        absent: tuple[str, ...] = (),
        limits: dict[str, int] | None = None,
        split: bool = False,
        needs_root: bool = False,
    ) -> None:
        self.name = name
        self.data = data
        self.expected = expected
        self.inside = inside
        self.absent = absent
        self.limits = limits or {}
        self.split = split
        self.needs_root = needs_root

    def __repr__(self) -> str:
        return self.name


_Cases = Iterator[Case]
_GROUPS: list[Callable[[], _Cases]] = []


def _group(function: Callable[[], _Cases]) -> Callable[[], _Cases]:
    _GROUPS.append(function)
    return function


@_group
def _names() -> _Cases:
    yield Case("name_climbs_out", entry(f"{OUTSIDE}/evil", data=b"x") + END, "refused")
    yield Case("name_climbs_out_deep", entry("a/../../outside/evil", data=b"x") + END, "refused")
    yield Case("name_is_dotdot", directory("..") + END, "refused")
    yield Case("name_is_dotdot_file", entry("..", data=b"x") + END, "refused")
    yield Case("name_absolute", entry("/absolute", data=b"x") + END, "unpacked", inside=("absolute",))
    yield Case(
        "name_absolute_climbs",
        entry("/../../outside/evil", data=b"x") + END,
        "unpacked",
        inside=("outside/evil",),
    )
    yield Case(
        "name_dotdot_inside", entry("a/../b", data=b"x") + END, "unpacked", inside=("b",), absent=("a",)
    )
    yield Case("name_many_slashes", entry("//a////b", data=b"x") + END, "unpacked", inside=("a/b",))
    yield Case("name_empty", entry("", data=b"x") + END, "contained")
    yield Case("name_root_as_file", entry(".", data=b"x") + END, "contained")
    yield Case("name_root_as_symlink", symlink(".", OUTSIDE) + END, "contained")
    yield Case("name_not_utf8", entry("caf\udce9", data=b"x") + END, "unpacked", inside=("caf\udce9",))
    yield Case("name_too_long", pax(record("path", b"n/" * 4000)) + entry("x") + END, "limit")
    yield Case("name_component_too_long", pax(record("path", b"n" * 300)) + entry("x") + END, "contained")
    yield Case("name_very_deep", pax(record("path", b"d/" * 1500 + b"f")) + entry("x") + END, "contained")
    yield Case("link_too_long", pax(record("linkpath", b"l" * 5000)) + symlink("s", "x") + END, "limit")
    yield Case("name_with_nul", pax(record("path", b"a\0b")) + entry("x") + END, "refused")
    yield Case(
        "name_gnu_climbs_out",
        entry("././@LongLink", b"L", b"../outside/evil\0") + entry("x") + END,
        "refused",
    )
    yield Case("name_pax_climbs_out", pax(record("path", b"../outside/evil")) + entry("x") + END, "refused")
    yield Case("name_prefix_climbs_out", entry("evil", tail=b"../outside") + END, "refused")
    yield Case(
        "name_global_path", pax(record("path", b"../outside/evil"), b"g") + entry("x") + END, "contained"
    )


@_group
def _links() -> _Cases:
    here = symlink("link", OUTSIDE)
    yield Case("symlink_parent", here + entry("link/evil", data=b"x") + END, "contained")
    yield Case(
        "symlink_parent_absolute",
        symlink("link", "/tmp") + entry("link/evil-layer", data=b"x") + END,
        "contained",
    )
    yield Case("symlink_parent_directory", here + directory("link/evil") + END, "contained")
    yield Case(
        "symlink_parent_exact", here + directory("link", mode=0o777) + END, "unpacked", inside=("link",)
    )
    yield Case("symlink_parent_whiteout", here + entry("link/.wh.victim") + END, "contained")
    yield Case("symlink_parent_opaque", here + entry("link/.wh..wh..opq") + END, "contained")
    yield Case(
        "symlink_parent_climbing",
        symlink("link", "../../../../..") + entry("link/evil", data=b"x") + END,
        "contained",
    )
    yield Case(
        "symlink_chain",
        symlink("a", "b") + symlink("b", OUTSIDE) + entry("a/evil", data=b"x") + END,
        "contained",
    )
    yield Case(
        "symlink_loop", symlink("a", "b") + symlink("b", "a") + entry("a/evil", data=b"x") + END, "refused"
    )
    yield Case(
        "symlink_to_proc", symlink("p", "/proc/self/cwd") + entry("p/evil", data=b"x") + END, "contained"
    )
    yield Case(
        "parent_swapped_for_symlink",
        directory("a")
        + entry("a/first", data=b"x")
        + symlink("a", OUTSIDE)
        + entry("a/evil", data=b"x")
        + END,
        "contained",
    )
    yield Case(
        "parent_swapped_deep",
        directory("a/b/c")
        + entry("a/b/c/f", data=b"x")
        + symlink("a/b", "../../outside")
        + entry("a/b/c/evil", data=b"x")
        + END,
        "contained",
    )
    yield Case(
        "parent_swapped_times",
        directory("a") + directory("a/b") + symlink("a", OUTSIDE) + END,
        "contained",
    )
    yield Case(
        "file_through_symlink",
        symlink("f", f"{OUTSIDE}/victim") + entry("f", data=b"evil") + END,
        "unpacked",
        inside=("f",),
    )
    yield Case(
        "link_to_symlink",
        symlink("s", f"{OUTSIDE}/victim") + hardlink("h", "s", mode=0o777) + END,
        "unpacked",
    )
    yield Case("hardlink_climbs_out", hardlink("h", f"{OUTSIDE}/victim") + END, "refused")
    yield Case("hardlink_absolute", hardlink("h", "/etc/passwd") + END, "refused")
    yield Case("hardlink_through_symlink", here + hardlink("h", "link/victim") + END, "refused")
    yield Case("hardlink_to_later", hardlink("h", "later") + entry("later", data=b"x") + END, "refused")
    yield Case("hardlink_to_itself", hardlink("h", "h") + END, "refused")
    yield Case("hardlink_to_directory", directory("d") + hardlink("h", "d") + END, "refused")
    yield Case("hardlink_to_root", hardlink("h", ".") + END, "refused")
    yield Case(
        "hardlink_then_rewrite",
        hardlink("h", f"{OUTSIDE}/victim") + entry("h", data=b"evil") + END,
        "refused",
    )
    yield Case("symlink_to_nothing", symlink("s", "") + END, "refused")
    yield Case("file_as_parent", entry("f", data=b"x") + entry("f/evil", data=b"x") + END, "refused")


@_group
def _whiteouts() -> _Cases:
    yield Case("whiteout_of_nothing", entry(".wh.") + END, "contained")
    yield Case("whiteout_of_dot", entry(".wh..") + END, "contained")
    yield Case("whiteout_of_dotdot", entry(".wh...") + END, "contained")
    yield Case("whiteout_of_root", entry("/.wh..") + END, "contained")
    yield Case("whiteout_of_root_below", directory("a") + entry("a/.wh...") + END, "contained")
    yield Case("whiteout_meta", entry(".wh..wh.plnk") + entry(".wh..wh..aufs") + END, "contained")
    yield Case(
        "whiteout_with_content",
        entry(".wh.gone", data=b"x" * 700) + entry("after") + END,
        "unpacked",
        inside=("after",),
    )
    yield Case("whiteout_below_whiteout", entry(".wh.a") + entry("a/.wh.b") + END, "contained")
    yield Case("whiteout_of_own_file", entry("a", data=b"x") + entry(".wh.a") + END, "contained")
    yield Case(
        "whiteout_of_own_directory",
        directory("a") + entry("a/f", data=b"x") + entry(".wh.a") + END,
        "unpacked",
        inside=("a/f",),
    )
    yield Case(
        "whiteout_before_own_directory",
        entry(".wh.a") + directory("a") + entry("a/f", data=b"x") + END,
        "unpacked",
        inside=("a/f",),
    )
    yield Case("whiteout_before_implicit_parent", entry(".wh.a") + entry("a/f", data=b"x") + END, "contained")
    yield Case(
        "opaque_after_content",
        directory("a") + entry("a/f", data=b"x") + entry("a/.wh..wh..opq") + END,
        "unpacked",
        inside=("a/f",),
    )
    yield Case("opaque_in_root", entry(".wh..wh..opq") + END, "contained")


@_group
def _numbers() -> _Cases:
    yield Case("size_negative", entry("f", size=base256(-1, 12)) + END, "refused")
    yield Case("size_garbage", entry("f", size=b"99999999999\0") + END, "refused")
    yield Case("size_beyond_int64", entry("f", size=base256(1 << 80, 12)) + END, "refused")
    yield Case("size_larger_than_stream", entry("f", size=1 << 30) + b"x" * 100, "refused")
    yield Case("size_max", entry("f", size=base256((1 << 63) - 1, 12)) + END, "limit")
    yield Case("size_pax_negative", pax(record("size", b"-5")) + entry("f") + END, "refused")
    yield Case("size_pax_garbage", pax(record("size", b"5x")) + entry("f") + END, "refused")
    yield Case(
        "size_on_directory",
        directory("d", size=1 << 20) + entry("after") + END,
        "unpacked",
        inside=("after",),
    )
    yield Case("owner_negative", entry("f", uid=base256(-1, 8)) + END, "refused")
    yield Case("owner_too_large", pax(record("uid", b"4294967295")) + entry("f") + END, "refused")
    yield Case("time_huge", pax(record("mtime", b"99999999999999999999")) + entry("f") + END, "refused")
    yield Case(
        "time_before_epoch", pax(record("mtime", b"-1.5")) + entry("f") + END, "unpacked", inside=("f",)
    )
    yield Case(
        "device_out_of_range", entry("d", b"3", device=(0o7777777, 0o7777777), mode=0o600) + END, "contained"
    )


@_group
def _headers() -> _Cases:
    good = entry("ok", data=b"x")
    yield Case("stream_empty", b"", "unpacked")
    yield Case("stream_zeros", b"\0" * 10240, "unpacked")
    yield Case("stream_garbage", bytes(range(256)) * 8, "refused")
    yield Case("stream_short", b"\0" * 100, "refused")
    yield Case("header_truncated", good + header(b"f")[:200], "refused")
    yield Case("data_truncated", good + entry("f", size=5000) + b"x" * 100, "refused")
    yield Case("padding_missing", entry("f", size=5) + b"hello", "unpacked", inside=("f",))
    yield Case("checksum_wrong", header(b"f", checksum=b"000000\0 ") + END, "refused")
    yield Case("zeros_then_header", good + b"\0" * BLOCK + entry("evil") + END, "refused")
    yield Case("type_unknown", entry("f", b"Z") + END, "refused")
    yield Case("pax_length_wrong", pax(b"999 path=x\n") + entry("f") + END, "refused")
    yield Case("pax_length_negative", pax(b"-9 path=x\n") + entry("f") + END, "refused")
    yield Case("pax_length_overflows", pax(b"99999999999999999999 path=x\n") + entry("f") + END, "refused")
    yield Case("pax_no_newline", pax(b"10 path=xy") + entry("f") + END, "refused")
    yield Case("pax_no_equals", pax(b"8 pathx\n") + entry("f") + END, "refused")
    yield Case("pax_key_with_nul", pax(b"12 pa\0th=xy\n") + entry("f") + END, "refused")
    yield Case("pax_too_large", entry("p", b"x", size=2 << 20) + b"x" * (2 << 20) + END, "limit")
    yield Case("pax_too_many", pax(record("comment", b"x")) * 100 + entry("f") + END, "limit")
    yield Case("pax_without_member", pax(record("path", b"x")), "contained")
    yield Case("gnu_long_name_too_large", entry("l", b"L", size=2 << 20) + b"x" * (2 << 20) + END, "limit")
    yield Case("name_twice", good + good + END, "refused", split=True)
    yield Case("name_twice_spelled_differently", good + entry("./ok", data=b"y") + END, "refused", split=True)


@_group
def _replacements() -> _Cases:
    yield Case("file_twice", entry("f", data=b"1") + entry("f", data=b"22") + END, "unpacked", inside=("f",))
    yield Case(
        "file_becomes_directory",
        entry("x", data=b"1") + directory("x") + entry("x/f") + END,
        "unpacked",
        inside=("x/f",),
    )
    yield Case(
        "directory_becomes_file",
        directory("x") + entry("x/f") + entry("x", data=b"1") + END,
        "unpacked",
        inside=("x",),
        absent=("x/f",),
    )
    yield Case("fifo_becomes_file", entry("x", b"6") + entry("x", data=b"1") + END, "unpacked", inside=("x",))
    yield Case("root_replaced", directory("a") + entry("./", data=b"x") + END, "contained")


@_group
def _sparse() -> _Cases:
    def map_1_0(text: bytes, size: bytes, data: bytes = b"") -> bytes:
        body = text + b"\0" * (-len(text) % BLOCK) + data
        records = record("GNU.sparse.major", b"1") + record("GNU.sparse.minor", b"0")
        return pax(records + record("GNU.sparse.realsize", size)) + entry("s", data=body) + END

    yield Case("sparse_bomb", map_1_0(b"0\n", str(1 << 62).encode()), "limit")
    yield Case("sparse_count_huge", map_1_0(b"99999999999\n", b"10"), "limit")
    yield Case("sparse_count_negative", map_1_0(b"-1\n", b"10"), "refused")
    yield Case("sparse_map_endless", map_1_0(b"1" * 600, b"10"), "refused")
    yield Case("sparse_overlapping", map_1_0(b"2\n0\n10\n5\n10\n", b"30", b"x" * 20), "refused")
    yield Case("sparse_beyond_end", map_1_0(b"1\n100\n10\n", b"50", b"x" * 10), "refused")
    yield Case("sparse_data_missing", map_1_0(b"1\n0\n1000\n", b"1000", b"x"), "refused")
    yield Case(
        "sparse_offset_overflows", map_1_0(b"1\n9223372036854775807\n10\n", b"100", b"x" * 10), "refused"
    )
    yield Case("sparse_size_negative", map_1_0(b"0\n", b"-1"), "refused")
    yield Case(
        "sparse_name_climbs_out",
        pax(
            record("GNU.sparse.major", b"1")
            + record("GNU.sparse.minor", b"0")
            + record("GNU.sparse.name", b"../outside/evil")
        )
        + entry("s", data=b"0\n" + b"\0" * 510)
        + END,
        "refused",
    )
    list_0_1 = record("GNU.sparse.map", b"0,5,x") + record("GNU.sparse.numblocks", b"1")
    yield Case("sparse_list_garbage", pax(list_0_1) + entry("s", data=b"x" * 5) + END, "refused")
    yield Case(
        "sparse_list_count_differs",
        pax(record("GNU.sparse.map", b"0,5") + record("GNU.sparse.numblocks", b"7"))
        + entry("s", data=b"x" * 5)
        + END,
        "refused",
    )
    yield Case(
        "sparse_on_directory",
        pax(record("GNU.sparse.map", b"0,5") + record("GNU.sparse.numblocks", b"1")) + directory("d") + END,
        "refused",
    )


@_group
def _attributes() -> _Cases:
    overlay = record("SCHILY.xattr.trusted.overlay.redirect", b"/outside") + record(
        "SCHILY.xattr.user.overlay.redirect", b"/outside"
    )
    yield Case("xattr_overlay_redirect", pax(overlay) + directory("d") + END, "unpacked", inside=("d",))
    many = b"".join(record(f"SCHILY.xattr.user.n{i}", b"") for i in range(5000))
    yield Case("xattr_too_many", pax(many) + entry("f") + END, "limit")
    yield Case(
        "xattr_bad_base64", pax(record("LIBARCHIVE.xattr.user.a", b"!!")) + entry("f") + END, "refused"
    )


@_group
def _limits() -> _Cases:
    many = b"".join(entry(f"f{i}") for i in range(50)) + END
    yield Case("limit_entries", many, "limit", limits={"entries": 49})
    yield Case("limit_entries_reached", many, "unpacked", limits={"entries": 50})
    yield Case("limit_bytes", entry("f", data=b"x" * 1001) + END, "limit", limits={"bytes": 1000})
    yield Case(
        "limit_bytes_in_sum",
        entry("f", data=b"x" * 600) + entry("g", data=b"x" * 600) + END,
        "limit",
        limits={"bytes": 1000},
    )
    folders = b"".join(directory(f"{'d' * 90}{i}/") for i in range(50))
    yield Case("limit_directories", folders + END, "limit", limits={"directories": 4000})
    yield Case(
        "limit_directories_repeated", directory("d/") * 50 + END, "limit", limits={"directories": 1000}
    )
    yield Case("limit_name", entry("n" * 60) + END, "limit", limits={"name": 59})


def cases() -> list[Case]:
    """All of them; names are unique."""
    found = [case for group in _GROUPS for case in group()]
    assert len({case.name for case in found}) == len(found)
    return found
