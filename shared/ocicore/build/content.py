"""The digest of what COPY and ADD bring in, as it appears in history ("COPY dir:<hex> in /x").

buildah computes it over a tar stream with the times set to zero; so does this module, byte for byte for
content owned by root, because both programs look up their cache by that text. Owner names are "root" for the
build context, whoever holds it: that name is not content. Elsewhere only id 0 has one.
Archive format: POSIX ustar, with pax records where ustar cannot say it (Go's archive/tar).
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Hasher(Protocol):
        """What hashlib objects offer."""

        def update(self, data: Any, /) -> None:
            """Add bytes."""

        def hexdigest(self) -> str:
            """The digest."""


_TYPES = {
    stat.S_IFREG: b"0",
    stat.S_IFLNK: b"2",
    stat.S_IFCHR: b"3",
    stat.S_IFBLK: b"4",
    stat.S_IFDIR: b"5",
    stat.S_IFIFO: b"6",
}
_ZEROS = bytes(1024)


def new_sha256() -> Hasher:
    """A SHA-256 object, without hashlib's import where the C module is there."""
    try:
        from _hashlib import openssl_sha256
    except ImportError:
        from hashlib import sha256

        return sha256()
    return openssl_sha256(usedforsecurity=False)


class ItemDigest:
    """The digest of one source item; `kind` is "file", "dir" or "" (a download)."""

    __slots__ = ("_hash", "_links", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._hash = new_sha256()
        self._links: dict[tuple[int, int], str] = {}

    def update(self, data: bytes) -> None:
        """Content of the entry begun last."""
        self._hash.update(data)

    def begin(
        self,
        name: str,
        status: os.stat_result,
        *,
        mode: int,
        uid: int,
        gid: int,
        link: str = "",
        xattrs: dict[bytes, bytes] | None = None,
        given_owner: bool = False,
    ) -> str:
        """Start an entry; the caller passes a regular file's content to `update` and then calls `end`.

        Args:
            name: relative to the item; directories without a trailing slash.
            status: of the source: type, size, device, and the inode by which hard links are recognised.
            mode, uid, gid: what the copy gets.
            link: target of a symbolic link.
            given_owner: the owner is the instruction's, not the source's.

        Returns:
            name of the first entry this one is a hard link to, "" for an entry with content of its own.
        """
        kind = stat.S_IFMT(status.st_mode)
        typeflag = _TYPES.get(kind, b"0")
        size = status.st_size if kind == stat.S_IFREG else 0
        hard = ""
        if kind == stat.S_IFREG and status.st_nlink > 1:
            identity = (status.st_dev, status.st_ino)
            hard = self._links.get(identity, "")
            if hard:
                typeflag, size, link = b"1", 0, hard
            else:
                self._links[identity] = name
        device = status.st_rdev if kind in (stat.S_IFCHR, stat.S_IFBLK) else 0
        self._hash.update(
            tar_header(
                os.fsencode(name),
                typeflag,
                size=size,
                mode=mode & 0o7777,
                uid=uid,
                gid=gid,
                owner=b"root" if given_owner or uid == 0 else b"",
                group=b"root" if given_owner or gid == 0 else b"",
                link=os.fsencode(link),
                device=(os.major(device), os.minor(device)),
                xattrs=xattrs or {},
            )
        )
        return hard

    def end(self, size: int) -> None:
        """Pad the content of a regular file to whole blocks."""
        rest = size % 512
        if rest:
            self._hash.update(_ZEROS[: 512 - rest])

    def finish(self) -> str:
        """Close the archive; returns 64 hexadecimal digits."""
        if self.kind:
            self._hash.update(_ZEROS)
        return self._hash.hexdigest()


def summarise(items: list[tuple[str, str]]) -> tuple[str, str]:
    """Combine (kind, hex digest) of several items into one (kind, hex digest), as buildah does."""
    if not items:
        return "", ""
    if len(items) == 1:
        return items[0]
    combined = new_sha256()
    combined.update(",".join(f"{kind}:{digest}" if kind else digest for kind, digest in items).encode())
    return "multi", combined.hexdigest()


def _number(value: int, width: int) -> bytes | None:
    text = b"%0*o" % (width - 1, value)
    return text + b"\0" if len(text) < width else None


def _split_prefix(name: bytes) -> tuple[bytes, bytes] | None:
    """(prefix, name) for ustar, or None when it does not fit."""
    if len(name) <= 100:
        return b"", name
    cut = name[:156].rfind(b"/", 0, 155 + 1)
    if cut <= 0 or len(name) - cut - 1 > 100 or len(name) - cut - 1 == 0:
        return None
    return name[:cut], name[cut + 1 :]


def _block(
    name: bytes,
    typeflag: bytes,
    *,
    size: int,
    mode: int,
    uid: int,
    gid: int,
    owner: bytes,
    group: bytes,
    link: bytes,
    device: tuple[int, int] | None,
    prefix: bytes = b"",
) -> bytes:
    header = b"".join(
        (
            name[:100].ljust(100, b"\0"),
            _number(mode, 8) or b"0000000\0",
            _number(uid, 8) or b"0000000\0",
            _number(gid, 8) or b"0000000\0",
            _number(size, 12) or b"00000000000\0",
            b"00000000000\0        ",
            typeflag,
            link[:100].ljust(100, b"\0"),
            b"ustar\x0000",
            owner.ljust(32, b"\0"),
            group.ljust(32, b"\0"),
            *(
                (_number(device[0], 8) or b"0000000\0", _number(device[1], 8) or b"0000000\0")
                if device is not None
                else (bytes(8), bytes(8))
            ),
            prefix.ljust(155, b"\0"),
            bytes(12),
        )
    )
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def tar_header(
    name: bytes,
    typeflag: bytes,
    *,
    size: int,
    mode: int,
    uid: int,
    gid: int,
    owner: bytes,
    group: bytes,
    link: bytes,
    device: tuple[int, int],
    xattrs: dict[bytes, bytes],
) -> bytes:
    """One member's header blocks with modification time 0, ustar where that is possible, else pax."""
    records: dict[bytes, bytes] = {b"SCHILY.xattr." + key: value for key, value in xattrs.items()}
    split = _split_prefix(name) if name.isascii() else None
    if split is None:
        records[b"path"] = name
    if not link.isascii() or len(link) > 100:
        records[b"linkpath"] = link
    for key, value, width in ((b"size", size, 12), (b"uid", uid, 8), (b"gid", gid, 8)):
        if _number(value, width) is None:
            records[key] = b"%d" % value
    prefix, base = split if split is not None else (b"", _ascii(name))
    common: dict[str, Any] = {"device": device, "gid": gid, "group": group, "owner": owner, "uid": uid}
    if not records:
        return _block(base, typeflag, size=size, mode=mode, link=link, prefix=prefix, **common)
    body = b"".join(_pax_record(key, records[key]) for key in sorted(records))
    folder, _, last = name.rstrip(b"/").rpartition(b"/")
    pax_name = _ascii((folder + b"/" if folder else b"") + b"PaxHeaders.0/" + last)[:100].rstrip(b"/")
    extended = _block(
        pax_name,
        b"x",
        size=len(body),
        mode=0,
        uid=0,
        gid=0,
        owner=b"",
        group=b"",
        link=b"",
        # Go writes the fields of the seventh edition only into this one.
        device=None,
    )
    body += bytes(-len(body) % 512)
    # With a pax header in front, names are cut, not split.
    return extended + body + _block(_ascii(name), typeflag, size=size, mode=mode, link=_ascii(link), **common)


def _ascii(text: bytes) -> bytes:
    return bytes(byte for byte in text if byte < 0x80)


def _pax_record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + len(str(len(rest)))
    if len(str(length)) + len(rest) != length:
        length += 1
    return str(length).encode() + rest
