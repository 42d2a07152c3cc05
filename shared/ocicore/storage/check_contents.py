"""The part of a check that reads what layers hold: every byte against the diff id, every file against its member.

Nothing is locked meanwhile; a finding counts only if the layer is still there afterwards.
"""

from __future__ import annotations

import os
import stat
import tarfile

from ocicore.errors import Error
from ocicore.storage import bigdata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import _Hash

    from ocicore.storage.check import CheckReport
    from ocicore.storage.records import IdMap, Image, Layer
    from ocicore.storage.store import Store
    from ocicore.storage.streams import PipeStream

# Type of a member's entry in tar-split; the others are raw bytes between members.
_TAR_SPLIT_FILE = 1
_WHITEOUT = b".wh."
_KINDS = {
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.FIFOTYPE: stat.S_IFIFO,
}


def check(store: Store, report: CheckReport, layers: list[Layer], images: list[Image]) -> None:
    """Add what is wrong with the contents of layers and the big data of images."""
    broken = report.of("layer")
    for layer in layers:
        if layer.diff_id is None or layer.id in broken or store.driver.is_composefs(layer.id):
            continue
        message = _verify(store, layer)
        if message is not None:
            try:
                store.layer(layer.id)
            except Error:
                continue  # deleted while it was read
            report.add("layer", layer.id, message)
    for image in images:
        folder = store.image_store.data_dir(image.id)
        for key, digest in image.big_data_digests.items():
            # A manifest may be recorded under the digest of its own kind (schema 1).
            if key.startswith("manifest") or not digest.startswith("sha256:"):
                continue
            try:
                data = bigdata.read(folder, key)
            except Error:
                continue
            if bigdata.digest(data) != digest:
                report.add("image", image.id, f"data item {key}: its digest is not {digest}")


def _verify(store: Store, layer: Layer) -> str | None:
    """What is wrong with the layer's contents, or None."""
    from hashlib import sha256

    digest = sha256()
    modified = None
    try:
        with store.diff(layer.id) as stream:
            counted = _Counted(stream, digest)
            modified = _Members(store, layer).differences(counted)
            while counted.read(1 << 18):
                pass
    except (Error, OSError) as error:
        return f"{error}: layer content modified"
    if layer.size is not None and counted.size != layer.size:
        return f"{counted.size} bytes, expected {layer.size}: layer content incorrect size"
    if f"sha256:{digest.hexdigest()}" != layer.diff_id:
        return f"sha256:{digest.hexdigest()}, expected {layer.diff_id}: layer content incorrect digest"
    # A new file changes the time of its directory as well: the file says more.
    unexpected = _unexpected(store, layer)
    if unexpected is None and modified is not None:
        unexpected = f"{modified}: layer content modified"
    return unexpected


class _Counted:
    """A stream whose bytes are counted and hashed as they are read."""

    def __init__(self, stream: PipeStream, digest: _Hash) -> None:
        self._stream = stream
        self._digest = digest
        self.size = 0

    def read(self, size: int) -> bytes:
        """As the stream's."""
        data = self._stream.read(size)
        self._digest.update(data)
        self.size += len(data)
        return data


class _Members:
    """Compares type, owner, permissions, time and target of files with their members in the layer's archive.

    An archive may name a file twice, or delete what it has brought: what differs is only suspected until its end.
    """

    def __init__(self, store: Store, layer: Layer) -> None:
        driver = store.driver
        self._root = os.fsencode(driver.diff_path(layer.id))
        self._maps = layer.id_maps
        self._masked = driver.force_mask is not None
        self._owners = not (driver.ignore_chown_errors or self._masked)
        self._devices = not driver.in_user_namespace
        # Files with other owners than in the archive lie below, files of others elsewhere.
        shifted = os.path.isdir(f"{driver.diff_path(layer.id)}1")
        self._comparable = not shifted and driver.elsewhere(layer.id) is None
        self._suspects: dict[bytes, str] = {}
        self._hidden: set[bytes] = set()

    def differences(self, stream: _Counted) -> str | None:
        """The first file that is not as its member says, or None."""
        if not self._comparable:
            return None
        try:
            with tarfile.open(
                fileobj=stream,  # type: ignore[call-overload]
                mode="r|",
                bufsize=1 << 18,
                errors="surrogateescape",
            ) as archive:
                for member in archive:
                    archive.members.clear()  # it keeps all of them
                    self._compare(member)
        except (tarfile.TarError, ValueError, OverflowError, EOFError):
            return None  # a form of archive that only the unpacker knows: its bytes say enough
        for path, found in sorted(self._suspects.items()):
            if not self._replaced(path):
                return f"{os.fsdecode(path)}: {found}"
        return None

    def _compare(self, member: tarfile.TarInfo) -> None:
        path = _cleaned(member.name)
        folder, name = os.path.split(path)
        if name.startswith(_WHITEOUT):
            self._hidden.add(
                folder if name == b".wh..wh..opq" else os.path.join(folder, name[len(_WHITEOUT) :])
            )
            return
        if not path or (member.isdev() and not self._devices and not member.isfifo()):
            return
        try:
            facts = os.lstat(os.path.join(self._root, path))
        except FileNotFoundError:
            self._suspects[path] = "missing"
            return
        except OSError:
            return  # a parent is no directory any more: of that its own member tells
        found = self._difference(member, path, facts)
        if found is None:
            self._suspects.pop(path, None)
            if member.islnk():
                self._suspects.pop(_cleaned(member.linkname), None)
        elif not member.islnk():
            self._suspects[path] = found

    def _difference(self, member: tarfile.TarInfo, path: bytes, facts: os.stat_result) -> str | None:
        """What is another than the archive says. Of a link to a file the type is the file's own affair."""
        if not member.islnk():
            kind = _KINDS.get(member.type, stat.S_IFREG)
            if stat.S_IFMT(facts.st_mode) != kind and not self._masked:
                return "another type of file"
            if kind == stat.S_IFLNK:
                target = os.readlink(os.path.join(self._root, path))
                if target != member.linkname.encode("utf-8", "surrogateescape"):
                    return f"link to {os.fsdecode(target)}, expected {member.linkname}"
        if self._owners:
            uid = _host_id(self._maps[0] if self._maps else [], member.uid)
            gid = _host_id(self._maps[1] if self._maps else [], member.gid)
            if (facts.st_uid, facts.st_gid) != (uid, gid):
                return f"owner {facts.st_uid}:{facts.st_gid}, expected {uid}:{gid}"
        mode = stat.S_IMODE(facts.st_mode)
        if not stat.S_ISLNK(facts.st_mode) and not self._masked and mode != member.mode & 0o7777:
            return f"mode {mode:04o}, expected {member.mode & 0o7777:04o}"
        # What lies outside is kept differently by each file system.
        seconds = int(member.mtime)
        if 0 <= member.mtime < 1 << 31 and facts.st_mtime_ns // 1_000_000_000 != seconds:
            return f"time {facts.st_mtime_ns // 1_000_000_000}, expected {seconds}"
        return None

    def _replaced(self, path: bytes) -> bool:
        """Was the file deleted or moved by the archive itself, later on?"""
        while path:
            if path in self._hidden:
                return True
            path = os.path.dirname(path)
            if path and not stat.S_ISDIR(_mode(os.path.join(self._root, path))):
                return True
        return b"" in self._hidden


def _cleaned(name: str) -> bytes:
    return os.path.normpath(b"/" + name.encode("utf-8", "surrogateescape")).lstrip(b"/")


def _mode(path: bytes) -> int:
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def _host_id(maps: list[IdMap], number: int) -> int:
    for container, host, size in maps:
        if container <= number < container + size:
            return host + number - container
    return number


def _unexpected(store: Store, layer: Layer) -> str | None:
    """A file in the layer's directory that its tar did not bring, or None. Directories on the way may be implied."""
    tar_split = store.layer_store.tar_split_path(layer.id)
    root = store.driver.diff_path(layer.id)
    try:
        known = _member_names(tar_split)
        below = layer.parent if store.driver.needs_parent else None
        while below:  # a vfs layer holds the files of all layers under it
            known |= _member_names(store.layer_store.tar_split_path(below))
            below = store.layer(below).parent
        # No os.walk: until Python 3.12 it calls itself for every level, and a layer may have thousands.
        base = os.fsencode(root)
        folders = [b""]
        resolved = False
        while folders:
            inside = folders.pop()
            for name, is_folder in _listing(os.path.join(base, inside)):
                path = os.path.join(inside, name)
                if path not in known and not resolved:
                    known |= _behind_links(root, known)
                    resolved = True
                if path not in known and os.path.join(inside, b".wh." + name) not in known:
                    return f"{os.fsdecode(path)}: not in the layer: layer content modified"
                if is_folder:
                    folders.append(path)
    except (FileNotFoundError, Error):
        return None  # said about that layer, or it has gone
    except (OSError, ValueError, EOFError, KeyError) as error:
        return f"reading {tar_split}: {error}: layer content modified"
    return None


def _behind_links(root: str, names: set[bytes]) -> set[bytes]:
    """Where members are whose name goes through a symbolic link of the same layer, with the directories on the way."""
    from ocicore.linux import resolve

    found: set[bytes] = set()
    places: dict[bytes, bytes] = {}
    for name in names:
        folder, last = os.path.split(name)
        if folder not in places:
            try:
                place = os.fsencode(os.path.relpath(resolve.resolve_in_root(root, os.fsdecode(folder)), root))
            except (Error, OSError):
                place = folder
            places[folder] = b"" if place == b"." else place
        path = os.path.join(places[folder], last)
        while path and path not in found:
            found.add(path)
            path = os.path.dirname(path)
    return found


def _listing(folder: bytes) -> list[tuple[bytes, bool]]:
    """(name, is it a directory) of what is in a folder; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return []


def _member_names(tar_split: str) -> set[bytes]:
    """Cleaned names of a layer's members and of the directories they are in."""
    import base64
    import gzip
    import json

    names: set[bytes] = set()
    with gzip.open(tar_split) as stream:
        for line in stream:
            entry = json.loads(line)
            if entry["type"] != _TAR_SPLIT_FILE:
                continue
            raw = entry.get("name_raw")
            name = base64.b64decode(raw) if raw else str(entry.get("name", "")).encode()
            path = os.path.normpath(b"/" + name).lstrip(b"/")
            while path and path not in names:
                names.add(path)
                path = os.path.dirname(path)
    return names
