"""Layer archives: tar streams in and out of directories, tar-split, tree copies and removals.

Everything here runs in C without the interpreter lock, so several threads unpack side by side.
Formats: POSIX.1-2001 pax/ustar, GNU tar (long names, sparse, base-256), OCI image-spec layer.md
(whiteouts), vbatts/tar-split's JSON lines. Directories are file descriptors (open them with
`os.open(path, os.O_RDONLY | os.O_DIRECTORY)`); no name from an archive is ever resolved outside of one.
Names are surrogateescaped `str` here and bytes in C.
"""

from __future__ import annotations

import os

from ocicore.errors import Corrupted, Error
from ocicore.native._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ocicore.linux.userns import IdMap

#: How whiteouts of a layer are treated (`unpack`) or found (`pack`, `changes`).
WHITEOUTS = {"overlay": 0, "fuse-overlayfs": 1, "apply": 2, "keep": 3}

_KIND_SYSTEM = 1
_KIND_CORRUPTED = 2
_KIND_LIMIT = 3


class ArchiveError(Error):
    """The host refused a step: no space, no permission, a read error of the stream.

    Attributes:
        errno: the number of the system call's error (`errno.ENOSPC` …), 0 where there is none.
        path: the entry concerned, relative to the root, "" where there is none.
    """

    def __init__(self, message: str, *, errno: int = 0, path: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errno = errno
        self.path = path


class CorruptedArchive(ArchiveError, Corrupted):
    """The stream is not a tar archive, ends early, or asks for something outside of the root."""


class LimitExceeded(CorruptedArchive):
    """The stream has more entries, bytes or longer names than `Limits` allow."""


class Limits:
    """What an archive may ask for before `unpack` refuses it.

    entries counts archive members; bytes is the sum of the (expanded) file sizes, holes included;
    name is the longest path or link target in bytes; directories is how many bytes of memory may hold the paths
    and times of directories, which are set at the end.
    """

    __slots__ = ("bytes", "directories", "entries", "name")

    def __init__(
        self,
        *,
        entries: int = 8_000_000,
        bytes: int = 1 << 42,
        name: int = 4095,
        directories: int = 1 << 29,
    ) -> None:
        self.entries = entries
        self.bytes = bytes
        self.name = name
        self.directories = directories


class UnpackResult:
    """What `unpack` read.

    Attributes:
        entries: members of the archive (without pax and GNU meta headers).
        bytes: sum of the sizes of the regular files, as containers/storage counts a layer's size.
        stream_bytes: length of the tar stream, padding at its end included ("diff-size" in layers.json).
        uids, gids: sorted lists of the distinct owners, as written in the archive (container ids).
        skipped_devices: device nodes left out because a user namespace may not create them.
        ignored_xattrs: extended attributes the file system or namespace refused.
    """

    __slots__ = ("bytes", "entries", "gids", "ignored_xattrs", "skipped_devices", "stream_bytes", "uids")

    def __init__(
        self,
        *,
        entries: int,
        bytes: int,
        stream_bytes: int,
        uids: list[int],
        gids: list[int],
        skipped_devices: int,
        ignored_xattrs: int,
    ) -> None:
        self.entries = entries
        self.bytes = bytes
        self.stream_bytes = stream_bytes
        self.uids = uids
        self.gids = gids
        self.skipped_devices = skipped_devices
        self.ignored_xattrs = ignored_xattrs


class PackResult:
    """What `pack` wrote: entries, bytes (sum of file sizes), stream_bytes (length of the tar stream)."""

    __slots__ = ("bytes", "entries", "stream_bytes")

    def __init__(self, *, entries: int, bytes: int, stream_bytes: int) -> None:
        self.entries = entries
        self.bytes = bytes
        self.stream_bytes = stream_bytes


class Change:
    """One difference between two trees: kind "A" (added), "C" (changed) or "D" (deleted), path "/usr/bin/x"."""

    __slots__ = ("kind", "path")

    def __init__(self, kind: str, path: str) -> None:
        self.kind = kind
        self.path = path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Change) and (self.kind, self.path) == (other.kind, other.path)

    def __hash__(self) -> int:
        return hash((self.kind, self.path))

    def __repr__(self) -> str:
        return f"{self.kind} {self.path}"


class Usage:
    """Disk usage of a tree: bytes (sum of file sizes, hard links counted once), inodes (distinct)."""

    __slots__ = ("bytes", "inodes")

    def __init__(self, bytes: int, inodes: int) -> None:
        self.bytes = bytes
        self.inodes = inodes


def unpack(
    stream_fd: int,
    root_fd: int,
    *,
    whiteouts: str = "overlay",
    uid_map: Sequence[IdMap] = (),
    gid_map: Sequence[IdMap] = (),
    in_user_namespace: bool = False,
    ignore_chown_errors: bool = False,
    owner: tuple[int, int] | None = None,
    force_mask: int | None = None,
    root_entry: bool | None = None,
    tar_split_fd: int = -1,
    limits: Limits | None = None,
) -> UnpackResult:
    """Unpack an uncompressed tar stream below a directory.

    The stream is read to its end of file (a pipe's writer never sees SIGPIPE unless this fails), from
    the current offset; nothing needs to seek. Reading starts at once, so let another thread decompress
    into a pipe (`make_pipe`) while this one unpacks: it holds no interpreter lock.

    Every name is taken relative to `root_fd`: ".." and leading "/" are cleaned as containers/storage
    does, names that climb out are refused, symbolic links in parents are resolved inside the root only
    (openat2 RESOLVE_IN_ROOT), hard links likewise. Missing parents are created (0755, root of the maps).
    Existing non-directories are replaced, directories merged. Times of directories are set at the end.
    Nothing is flushed to disk: call `syncfs` when the layer must survive a power cut. To give up early, close the
    writing end of the pipe: the archive then "ends in the middle".

    Args:
        stream_fd: readable descriptor; not closed.
        root_fd: directory to fill.
        whiteouts: "overlay" – character device 0:0 and the opaque attribute ("trusted.overlay.opaque", or
            "user.overlay.opaque" when in_user_namespace); "fuse-overlayfs" and "keep" – the `.wh.` files are
            written as they are, as containers/storage does with a mount program; "apply" – what they name is
            removed from the root (vfs, working roots), entries of this same archive excepted for opaque ones.
        uid_map, gid_map: (container_id, host_id, size) ranges; ids in the archive are container ids, the files
            get host ids. Empty means unchanged. An id outside of them is an error.
        in_user_namespace: device nodes are skipped and counted, refused xattrs are ignored, as podman does.
        ignore_chown_errors: files keep the caller's ids where chown fails (storage.conf's option).
        owner: give everything this host uid and gid instead (COPY --chown); maps are then not used.
        force_mask: permission bits for everything; the real ones go to "user.containers.override_stat".
        root_entry: whether an entry "./" sets mode, owner and times of the root itself; None does it with "apply"
            and "keep" only, as containers/storage does (its overlay driver takes the root's from the parent layer).
        tar_split_fd: if ≥ 0, tar-split's JSON lines of the whole stream are written there, uncompressed,
            bit for bit what containers/storage puts into tar-split.gz; not closed.
        limits: see `Limits`; None means its defaults.

    Raises:
        CorruptedArchive: not a tar stream, truncated, or reaching outside of the root; part of it may be unpacked.
        LimitExceeded: more than `limits` allow.
        ArchiveError: a system call failed (`.errno`, `.path`).
    """
    options = ffi.new("struct oci_unpack_options *")
    maps = _Maps(uid_map, gid_map)
    limits = limits or Limits()
    options.whiteouts = WHITEOUTS[whiteouts]
    options.uid_map, options.uid_map_len = maps.uids, len(uid_map)
    options.gid_map, options.gid_map_len = maps.gids, len(gid_map)
    options.in_user_namespace = in_user_namespace
    options.ignore_chown_errors = ignore_chown_errors
    options.has_owner = owner is not None
    options.owner_uid, options.owner_gid = owner or (0, 0)
    options.force_mask = -1 if force_mask is None else force_mask
    options.root_entry = whiteouts in ("apply", "keep") if root_entry is None else root_entry
    options.tar_split_fd = tar_split_fd
    options.max_entries = limits.entries
    options.max_bytes = limits.bytes
    options.max_name = limits.name
    options.max_directories = limits.directories
    result = ffi.new("struct oci_unpack_result *")
    error = ffi.new("struct oci_error *")
    try:
        if lib.oci_unpack(stream_fd, root_fd, options, result, error) < 0:
            raise _translate("unpacking", error)
        return UnpackResult(
            entries=result.entries,
            bytes=result.bytes,
            stream_bytes=result.stream_bytes,
            uids=sorted(ffi.unpack(result.uids, result.uid_count)) if result.uid_count else [],
            gids=sorted(ffi.unpack(result.gids, result.gid_count)) if result.gid_count else [],
            skipped_devices=result.skipped_devices,
            ignored_xattrs=result.ignored_xattrs,
        )
    finally:
        lib.oci_unpack_result_free(result)


def pack(
    root_fd: int,
    out_fd: int,
    *,
    whiteouts: str = "overlay",
    lower_fds: Sequence[int] = (),
    uid_map: Sequence[IdMap] = (),
    gid_map: Sequence[IdMap] = (),
    in_user_namespace: bool = False,
    include: Iterable[str] | None = None,
    deleted: Iterable[str] = (),
    prefix: str = "",
    owner: tuple[int, int] | None = None,
    mtime: int | None = None,
    clamp_mtime: int | None = None,
    include_root: bool = False,
    subsecond: bool = False,
    tar_split_fd: int = -1,
) -> PackResult:
    """Write a directory as a deterministic tar stream (sorted names; pax records only where needed).

    Entry names are containers/storage's: "usr/", "usr/bin/x", no leading "./". The same tree gives the
    same bytes always: no user names, no access or change times, hard links point to the first name in
    sort order. Sockets are left out. Extended attributes kept: security.capability, security.ima and user.*
    except user.overlay.* (as containers/storage does). Files that vanish or shrink while being read are
    left out or padded with zeros, so a running container can be packed.

    Args:
        root_fd: directory to walk; symbolic links are never followed, other file systems are entered.
        out_fd: where the stream goes; not closed. The end-of-archive blocks are written (1,024 zero bytes).
        whiteouts: "overlay" – devices 0:0 become ".wh.NAME", opaque directories get ".wh..wh..opq" (when one
            of `lower_fds` has that directory; without lower_fds it is dropped, as upstream does); the other
            modes write what is there.
        lower_fds: the lower diff directories, topmost first, to decide about opaque directories.
        uid_map, gid_map: host ids of the files are mapped back to container ids.
        in_user_namespace: the opaque attribute is "user.overlay.opaque" instead of "trusted.overlay.opaque".
        include: relative paths to write, each alone (no recursion), with the directories that lead to it left
            out unless named; None means everything. Paths that do not exist are skipped.
        deleted: relative paths for which a ".wh." entry is written (vfs; from `changes_between`).
        prefix: put before every name ("" or "app/").
        owner: container uid and gid for every entry.
        mtime: seconds since the epoch for every entry; clamp_mtime: an upper bound instead.
        include_root: write an entry "./" for the root itself first.
        subsecond: keep nanoseconds of mtimes (pax); default is whole seconds, truncated, as upstream.
        tar_split_fd: if ≥ 0, tar-split JSON lines of what is written.

    Raises:
        ArchiveError: a system call failed; an owner has no mapping.
    """
    options = ffi.new("struct oci_pack_options *")
    maps = _Maps(uid_map, gid_map)
    options.whiteouts = WHITEOUTS[whiteouts]
    lowers = ffi.new("int[]", list(lower_fds))
    options.lower_fds, options.lower_count = lowers, len(lower_fds)
    options.uid_map, options.uid_map_len = maps.uids, len(uid_map)
    options.gid_map, options.gid_map_len = maps.gids, len(gid_map)
    options.in_user_namespace = in_user_namespace
    included = _Names(include) if include is not None else None
    if included is not None:
        options.include, options.include_count = included.array, included.count
    options.has_include = included is not None
    gone = _Names(deleted)
    options.deleted, options.deleted_count = gone.array, gone.count
    name_prefix = ffi.new("char[]", os.fsencode(prefix))
    options.prefix = name_prefix
    options.has_owner = owner is not None
    options.owner_uid, options.owner_gid = owner or (0, 0)
    options.has_mtime = mtime is not None
    options.mtime = mtime or 0
    options.has_clamp = clamp_mtime is not None
    options.clamp_mtime = clamp_mtime or 0
    options.include_root = include_root
    options.subsecond = subsecond
    options.tar_split_fd = tar_split_fd
    result = ffi.new("struct oci_pack_result *")
    error = ffi.new("struct oci_error *")
    if lib.oci_pack(root_fd, out_fd, options, result, error) < 0:
        raise _translate("packing", error)
    return PackResult(entries=result.entries, bytes=result.bytes, stream_bytes=result.stream_bytes)


def reassemble(tar_split_fd: int, roots: Sequence[int], out_fd: int) -> int:
    """Write the original tar stream again from its tar-split lines and the unpacked files.

    Args:
        tar_split_fd: the uncompressed JSON lines (a pipe will do).
        roots: directories in which to look for a file's content, in this order: the layer's own diff
            directory (then, for vfs-like stores, others).
        out_fd: receives the stream; -1 only verifies the checksums.

    Returns:
        the number of bytes of the stream.

    Raises:
        CorruptedArchive: a file's CRC-64 or size differs, a file is missing, or the lines are malformed.
        ArchiveError: a read or write failed (EPIPE when the reader went away).
    """
    fds = ffi.new("int[]", list(roots))
    count = ffi.new("uint64_t *")
    error = ffi.new("struct oci_error *")
    if lib.oci_reassemble(tar_split_fd, fds, len(roots), out_fd, count, error) < 0:
        raise _translate("reassembling layer", error)
    return int(count[0])


def split(stream_fd: int, tar_split_fd: int, *, limits: Limits | None = None) -> UnpackResult:
    """Read a tar stream to its end and write only its tar-split lines; nothing is unpacked.

    For layers whose files are already in place. Arguments, result and errors as in `unpack`.
    """
    limits = limits or Limits()
    options = ffi.new("struct oci_unpack_options *")
    options.tar_split_fd = tar_split_fd
    options.max_entries = limits.entries
    options.max_bytes = limits.bytes
    options.max_name = limits.name
    options.max_directories = limits.directories
    options.force_mask = -1
    result = ffi.new("struct oci_unpack_result *")
    error = ffi.new("struct oci_error *")
    try:
        if lib.oci_unpack(stream_fd, -1, options, result, error) < 0:
            raise _translate("reading layer", error)
        return UnpackResult(
            entries=result.entries,
            bytes=result.bytes,
            stream_bytes=result.stream_bytes,
            uids=sorted(ffi.unpack(result.uids, result.uid_count)) if result.uid_count else [],
            gids=sorted(ffi.unpack(result.gids, result.gid_count)) if result.gid_count else [],
            skipped_devices=0,
            ignored_xattrs=0,
        )
    finally:
        lib.oci_unpack_result_free(result)


def changes_overlay(
    upper_fd: int, lower_fds: Sequence[int], *, in_user_namespace: bool = False, whiteouts: str = "overlay"
) -> list[Change]:
    """What an overlay's upper directory says about its lowers.

    Args:
        upper_fd: the upper (a layer's or container's diff directory).
        lower_fds: lower diff directories, topmost first.
        in_user_namespace: which opaque attribute counts, as in `pack`.
        whiteouts: "overlay" for devices 0:0, "fuse-overlayfs" for `.wh.` files.

    Returns:
        changes sorted by path; a directory that only leads to a change counts as "C", as upstream reports it.
    """
    lowers = ffi.new("int[]", list(lower_fds))
    error = ffi.new("struct oci_error *")
    out = ffi.new("struct oci_change_list *")
    try:
        if (
            lib.oci_changes_overlay(
                upper_fd, lowers, len(lower_fds), in_user_namespace, WHITEOUTS[whiteouts], out, error
            )
            < 0
        ):
            raise _translate("comparing with lower layers", error)
        return _changes(out)
    finally:
        lib.oci_change_list_free(out)


def changes_between(new_fd: int, old_fd: int) -> list[Change]:
    """Differences from one plain directory to another (vfs): by type, mode, owner, size, mtime, device, xattrs.

    `old_fd` -1 means an empty tree. Returns changes sorted by path. As upstream: a directory is "C" when
    its own metadata changed or something in it did; below a deleted directory nothing more is listed.
    """
    error = ffi.new("struct oci_error *")
    out = ffi.new("struct oci_change_list *")
    try:
        if lib.oci_changes_between(new_fd, old_fd, out, error) < 0:
            raise _translate("comparing directories", error)
        return _changes(out)
    finally:
        lib.oci_change_list_free(out)


def copy_tree(
    source_fd: int,
    target_fd: int,
    *,
    owner: tuple[int, int] | None = None,
    reflink: bool = True,
    uid_map: tuple[Sequence[IdMap], Sequence[IdMap]] | None = None,
    gid_map: tuple[Sequence[IdMap], Sequence[IdMap]] | None = None,
    in_user_namespace: bool = False,
) -> Usage:
    """Copy everything below one directory into another: owners, modes, times in nanoseconds, xattrs,
    hard links, devices, FIFOs, holes; the directory's own metadata too.

    File contents go through FICLONE where the file system shares blocks, else copy_file_range, else
    read/write. Existing files are replaced, directories merged. Sockets are left out.

    Args:
        owner: host ids for everything copied.
        reflink: False forces a real copy.
        uid_map, gid_map: (from, to) pairs of maps: an owner is mapped back through the first and out through the second.
        in_user_namespace: skip device nodes and refused xattrs.

    Returns:
        what was copied.
    """
    pairs = _MapPairs(uid_map, gid_map)
    options = ffi.new("struct oci_copy_options *")
    pairs.fill(options)
    options.has_owner = owner is not None
    options.owner_uid, options.owner_gid = owner or (0, 0)
    options.reflink = reflink
    options.in_user_namespace = in_user_namespace
    usage = ffi.new("struct oci_usage *")
    error = ffi.new("struct oci_error *")
    if lib.oci_copy_tree(source_fd, target_fd, options, usage, error) < 0:
        raise _translate("copying", error)
    return Usage(usage.bytes, usage.inodes)


def chown_tree(
    root_fd: int,
    *,
    uid_map: tuple[Sequence[IdMap], Sequence[IdMap]],
    gid_map: tuple[Sequence[IdMap], Sequence[IdMap]],
) -> None:
    """Shift every owner below (and of) a directory: back through the first map of a pair, out through the second.

    setuid/setgid bits and security.capability, which chown clears, are put back. For id-mapped layers
    where the kernel has no id-mapped mounts.
    """
    pairs = _MapPairs(uid_map, gid_map)
    options = ffi.new("struct oci_copy_options *")
    pairs.fill(options)
    error = ffi.new("struct oci_error *")
    if lib.oci_chown_tree(root_fd, options, error) < 0:
        raise _translate("changing owners", error)


def remove_tree(parent_fd: int, name: str) -> None:
    """Remove a file or a whole tree, never following a symbolic link; not finding it is no error.

    Immutable and append-only flags are cleared and unreadable directories opened where the caller may.
    """
    error = ffi.new("struct oci_error *")
    if lib.oci_remove_tree(parent_fd, os.fsencode(name), error) < 0:
        raise _translate("removing", error)


def usage(root_fd: int) -> Usage:
    """Disk usage below a directory, without following symbolic links."""
    out = ffi.new("struct oci_usage *")
    error = ffi.new("struct oci_error *")
    if lib.oci_tree_usage(root_fd, out, error) < 0:
        raise _translate("measuring", error)
    return Usage(out.bytes, out.inodes)


def syncfs(fd: int) -> None:
    """Flush the file system that holds `fd`; raises ArchiveError (ENOSPC, EIO of earlier writes included)."""
    if lib.oci_syncfs(fd) < 0:
        raise ArchiveError(f"flushing file system: {os.strerror(ffi.errno).lower()}", errno=ffi.errno)


def make_pipe(size: int = 1 << 20) -> tuple[int, int]:
    """A pipe (read end, write end), close-on-exec, with a buffer as near to `size` bytes as the limits allow."""
    import fcntl

    reader, writer = os.pipe2(os.O_CLOEXEC)
    while size > 65536:
        try:
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, size)
            break
        except OSError:
            size //= 2
    return reader, writer


class _Maps:
    __slots__ = ("gids", "uids")

    def __init__(self, uid_map: Sequence[IdMap], gid_map: Sequence[IdMap]) -> None:
        self.uids = _id_ranges(uid_map)
        self.gids = _id_ranges(gid_map)


class _MapPairs:
    __slots__ = ("gid", "uid")

    def __init__(
        self,
        uid_map: tuple[Sequence[IdMap], Sequence[IdMap]] | None,
        gid_map: tuple[Sequence[IdMap], Sequence[IdMap]] | None,
    ) -> None:
        empty: tuple[Sequence[IdMap], Sequence[IdMap]] = ((), ())
        self.uid = [(_id_ranges(m), len(m)) for m in (uid_map or empty)]
        self.gid = [(_id_ranges(m), len(m)) for m in (gid_map or empty)]

    def fill(self, options: Any) -> None:
        (options.uid_from, options.uid_from_len), (options.uid_to, options.uid_to_len) = self.uid
        (options.gid_from, options.gid_from_len), (options.gid_to, options.gid_to_len) = self.gid


class _Names:
    """An array of C strings; the object keeps their memory alive."""

    __slots__ = ("_kept", "array", "count")

    def __init__(self, names: Iterable[str]) -> None:
        self._kept = [ffi.new("char[]", os.fsencode(name)) for name in names]
        self.array = ffi.new("char *[]", self._kept)
        self.count = len(self._kept)


def _id_ranges(ranges: Sequence[IdMap]) -> Any:
    return ffi.new("struct oci_id_range[]", [tuple(entry) for entry in ranges])


def _changes(out: Any) -> list[Change]:
    text = bytes(ffi.buffer(out.data, out.length)) if out.length else b""
    return [Change(record[:1].decode(), os.fsdecode(record[1:])) for record in text.split(b"\0") if record]


def _translate(doing: str, error: Any) -> ArchiveError:
    number = int(error.number)
    path = os.fsdecode(ffi.string(error.path))
    what = os.fsdecode(ffi.string(error.what))
    shown = path.encode("utf-8", "backslashreplace").decode() if path else ""
    message = ": ".join(
        part for part in (doing, shown, what, os.strerror(number).lower() if number else "") if part
    )
    kind = int(error.kind)
    if kind == _KIND_LIMIT:
        return LimitExceeded(message, errno=number, path=path)
    if kind == _KIND_CORRUPTED:
        return CorruptedArchive(message, errno=number, path=path)
    import errno as numbers

    hint = None
    if number in (numbers.ENOSPC, numbers.EDQUOT):
        hint = "free some space, or move the store"
    elif number == numbers.EINVAL and what.startswith("changing its owner"):
        hint = "not enough ids in the user namespace: check /etc/subuid and /etc/subgid, then run pypod system migrate"
    return ArchiveError(message, errno=number, path=path, hint=hint)
