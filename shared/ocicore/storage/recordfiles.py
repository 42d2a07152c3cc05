"""The JSON files of one kind of record, behind their lock.

layers.json (+ volatile-layers.json, + the image store's), images.json, containers.json
(+ volatile-containers.json): arrays of objects, rewritten whole. What was parsed is kept
until the lock's token, or a file's own identity, says that somebody wrote. Objects are
written back with every key they came with.
"""

from __future__ import annotations

import errno
import os

from ocicore.errors import Conflict, Corrupted, Error
from ocicore.files import atomic
from ocicore.storage import identifiers
from ocicore.storage.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType
    from typing import Any, Generic, TypeVar

    from ocicore.files.locks import FileLock

    R = TypeVar("R", bound=Record)
else:
    R = Record

    class Generic:
        """Stands for typing's, whose import would cost hot commands 5 ms."""

        __slots__ = ()

        def __class_getitem__(cls, item: object) -> type:
            return cls


class StoreError(Error):
    """The kernel refused to read or write the store.

    Attributes:
        errno: its error number.
    """

    def __init__(self, message: str, *, errno: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errno = errno


class RecordFiles(Generic[R]):
    """The records of one kind in one store.

    Args:
        kind: "layer", "image" or "container", for messages.
        make: class of the records.
        locks: taken together in this order; the first one's token counts.
        paths: the JSON files; `volatile` says which of them are written without fsync.
        read_only: an additional image store.
        warn: told about names that two records claimed.
    """

    def __init__(
        self,
        kind: str,
        make: type[R],
        locks: Sequence[FileLock],
        paths: Sequence[str],
        volatile: Sequence[bool],
        *,
        read_only: bool = False,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.kind = kind
        self.locks = tuple(locks)
        self.paths = tuple(paths)
        self.read_only = read_only
        self.records: list[R] = []
        self.by_id: dict[str, R] = {}
        self.by_name: dict[str, R] = {}
        self._make = make
        self._volatile = tuple(volatile)
        self._warn = warn
        self._token: bytes | None = None
        self._stamps: list[object] = [None] * len(self.paths)
        self._broken: str | None = None  # id of an incomplete record, or a doubly used name
        #: Called with the lock held for writing when `reading` met an inconsistent state.
        self.mend: Callable[[], None] | None = None

    # -- sections ------------------------------------------------------------------------

    def reading(self) -> _Reading[R]:
        """`with files.reading():` – locked for reading, and current. Raises Corrupted, OSError."""
        return _Reading(self)

    def writing(self) -> _Writing[R]:
        """`with files.writing():` – locked for writing, and current; `save` what was changed."""
        return _Writing(self)

    def refresh(self) -> None:
        """Parse again what somebody wrote. The lock must be held."""
        token, modified = self.locks[0].modified_since(self._token)
        stamps = [_stamp(path) for path in self.paths]
        if not modified and stamps == self._stamps:
            return
        self._load(stamps)
        self._token = token

    def inconsistent(self) -> bool:
        """Did the last load find something that only a writer may mend?"""
        return self._broken is not None and not self.read_only

    # -- looking up (in a section) ---------------------------------------------------------

    def find(self, text: str) -> R | None:
        """By id, name, or unique prefix of an id."""
        found = self.by_id.get(text) or self.by_name.get(text)
        if found is None:
            full = identifiers.resolve_prefix(text, self.by_id)  # type: ignore[arg-type]
            found = self.by_id.get(full) if full else None
        return found

    def splits_volatile(self, transient: bool) -> bool:
        """Do volatile records go to a file of their own (the last)?

        containers/storage before 1.45 does not know that file: it would not see the container and could
        delete its image. So only in a transient store, or where a newer program has made the file.
        """
        return transient or os.path.exists(self.paths[-1])

    # -- changing (in a writing section) ----------------------------------------------------

    def add(self, raw: dict[str, Any], location: int) -> R:
        """Add a record to the list; raises Conflict when its id is taken. `save` makes it last."""
        if raw["id"] in self.by_id:
            raise Conflict(f"creating {self.kind} {raw['id']}: that ID is already in use")
        record = self._make(raw, location=location, volatile=self._volatile[location])
        self.records.append(record)
        self.by_id[record.id] = record
        for name in record.names:
            self.by_name[name] = record
        return record

    def drop(self, record: R) -> None:
        """Take a record off the list."""
        self.records = [other for other in self.records if other is not record]
        self.by_id.pop(record.id, None)
        for name in record.names:
            if self.by_name.get(name) is record:
                del self.by_name[name]

    def rename(self, record: R, names: Iterable[str]) -> set[int]:
        """Give `record` these names, taking them from others; returns the locations to save."""
        touched = {record.location}
        for name in record.names:
            if self.by_name.get(name) is record:
                del self.by_name[name]
        unique = list(dict.fromkeys(names))
        for name in unique:
            other = self.by_name.get(name)
            if other is not None and other is not record:
                _set_names(other, [n for n in other.names if n != name])
                touched.add(other.location)
            self.by_name[name] = record
        _set_names(record, unique)
        return touched

    def save(self, locations: Iterable[int], *, durable: bool = True) -> None:
        """Write the JSON files with these indices. The lock must be held for writing.

        The token is written first: a process killed in between makes the others read again, and
        nothing worse. Raises OSError; the files on disk are then whole, old or new.

        Args:
            durable: False when only records changed that may be lost with the power (those of volatile
                containers); the file is whole after a power cut all the same.
        """
        from ocicore.files import quick_json

        token = None
        for lock in self.locks:
            written = lock.touch()
            token = token or written
        for index in sorted(set(locations)):
            path = self.paths[index]
            objects = [record.raw for record in self.records if record.location == index]
            data = quick_json.dumps(objects).encode("utf-8", "surrogateescape")
            try:
                self._write(path, data, durable=durable, volatile=self._volatile[index])
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
                self._write(path, data, durable=durable, volatile=self._volatile[index])
            except BaseException:
                self._token = None  # memory may be ahead of the disk now: read again next time
                raise
            self._stamps[index] = _stamp(path)
        self._token = token

    def _write(self, path: str, data: bytes, *, durable: bool, volatile: bool) -> None:
        if durable and not volatile:
            atomic.write(path, data, 0o600)
            return
        with atomic.AtomicFile(path, 0o600, fsync=False) as file:
            file.write(data)
            # Without a sync other file systems may show an empty file after a power cut.
            if not volatile and not _flushes_renames(path):
                os.fdatasync(file.fd)

    def forget(self) -> None:
        """Read everything again next time (after a failed change)."""
        self._token = None
        self._stamps = [None] * len(self.paths)

    def locked_for_salvage(self) -> _Unread[R]:
        """`with files.locked_for_salvage():` – locked for writing although the files cannot be parsed."""
        return _Unread(self)

    def salvage(self) -> tuple[int, list[str]]:
        """Rewrite unreadable files with the whole records they still hold; the old ones are kept.

        Returns (records kept, names of the old files). The lock must be held for writing.
        """
        kept = 0
        backups = []
        for index, path in enumerate(self.paths):
            try:
                _parse(path)
                continue
            except Corrupted:
                pass
            import json

            with open(path, "rb") as file:
                data = file.read()
            records = _whole_objects(data.decode("utf-8", "surrogateescape"))
            backup = f"{path}.broken-{os.urandom(4).hex()}"
            atomic.write(backup, data, 0o600)
            self.locks[0].touch()
            atomic.write(path, json.dumps(records).encode(), 0o600, fsync=not self._volatile[index])
            kept += len(records)
            backups.append(backup)
        self.forget()
        return kept, backups

    # -- inside ------------------------------------------------------------------------------

    def _load(self, stamps: list[object]) -> None:
        records: list[R] = []
        by_id: dict[str, R] = {}
        by_name: dict[str, R] = {}
        broken: str | None = None
        for index, path in enumerate(self.paths):
            for raw in _parse(path) if stamps[index] is not None else ():
                if raw["id"] in by_id:
                    continue
                record = self._make(
                    raw, location=index, read_only=self.read_only, volatile=self._volatile[index]
                )
                records.append(record)
                by_id[record.id] = record
                for name in record.names:
                    if name in by_name:
                        broken = broken or name
                    by_name[name] = record
                if raw.get("flags") and raw["flags"].get("incomplete") is True:
                    broken = broken or record.id
        self.records, self.by_id, self.by_name = records, by_id, by_name
        self._stamps = stamps
        self._broken = broken

    def unify_names(self) -> set[int]:
        """Leave a name that several records claim to the last of them; returns locations to save."""
        touched = set()
        for record in self.records:
            mine = [name for name in record.names if self.by_name.get(name) is record]
            if len(mine) != len(record.names):
                if self._warn:
                    self._warn(f"{self.kind} {record.id} loses names that another one has too")
                _set_names(record, mine)
                touched.add(record.location)
        self._broken = None
        return touched


class _Reading(Generic[R]):
    __slots__ = ("_files",)

    def __init__(self, files: RecordFiles[R]) -> None:
        self._files = files

    def __enter__(self) -> RecordFiles[R]:
        files = self._files
        _acquire(files, False)
        try:
            files.refresh()
        except BaseException:
            _release(files)
            raise
        if files.inconsistent() and files.mend is not None and not files.locks[0].held(exclusive=True):
            # Somebody was killed half-way. Only a writer may mend that, and locks cannot be
            # upgraded, so let go and come back.
            _release(files)
            with files.writing():
                pass
            _acquire(files, False)
            try:
                files.refresh()
            except BaseException:
                _release(files)
                raise
        return files

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        _release(self._files)
        if isinstance(value, OSError):
            raise _translated("reading", self._files, value) from value


class _Writing(Generic[R]):
    __slots__ = ("_files",)

    def __init__(self, files: RecordFiles[R]) -> None:
        self._files = files

    def __enter__(self) -> RecordFiles[R]:
        files = self._files
        _acquire(files, True)
        try:
            files.refresh()
            if files.inconsistent() and files.mend is not None:
                files.mend()
        except BaseException:
            _release(files)
            raise
        return files

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._files.forget()  # records in memory may have been changed but not saved
        _release(self._files)
        if isinstance(value, OSError):
            raise _translated("writing", self._files, value) from value


class _Unread(Generic[R]):
    __slots__ = ("_files",)

    def __init__(self, files: RecordFiles[R]) -> None:
        self._files = files

    def __enter__(self) -> RecordFiles[R]:
        _acquire(self._files, True)
        return self._files

    def __exit__(self, *exception: object) -> None:
        _release(self._files)


def _whole_objects(text: str) -> list[dict[str, Any]]:
    """The records at the start of a torn array."""
    import json

    decoder = json.JSONDecoder()
    found = []
    position = text.find("[") + 1
    while position:
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        try:
            record, position = decoder.raw_decode(text, position)
        except ValueError:
            break
        if not isinstance(record, dict) or not isinstance(record.get("id"), str):
            break
        found.append(record)
    return found


def _acquire(files: RecordFiles[Any], exclusive: bool) -> None:
    taken = []
    try:
        for lock in files.locks:
            lock.acquire(exclusive)
            taken.append(lock)
    except BaseException as error:
        for lock in reversed(taken):
            lock.release()
        if isinstance(error, OSError):
            raise _translated("locking", files, error) from error
        raise


def _translated(doing: str, files: RecordFiles[Any], error: OSError) -> StoreError:
    """The kernel's refusal as a sentence: what was done to the store, where, why."""
    hints = {
        errno.ENOSPC: "free some space, or move the store",
        errno.EDQUOT: "free some space, or ask for a larger quota",
        errno.EROFS: "the store is on a read-only file system: use it as an additional image store",
        errno.EACCES: "the store belongs to another user, or this process is not in its user namespace",
    }
    where = os.fsdecode(error.filename if error.filename is not None else os.path.dirname(files.paths[0]))
    reason = (error.strerror or str(error)).lower()
    return StoreError(
        f"{doing} the store: {where}: {reason}", errno=error.errno or 0, hint=hints.get(error.errno or 0)
    )


def _release(files: RecordFiles[Any]) -> None:
    for lock in reversed(files.locks):
        lock.release()


def _flushes_renames(path: str) -> bool:
    """Does the file system write a file's data before the rename that puts it in another's place?

    ext4 (auto_da_alloc) and btrfs do.
    """
    from ocicore.linux import mount

    try:
        return mount.fs_magic(os.path.dirname(path)) in (mount.EXT_MAGIC, mount.BTRFS_MAGIC)
    except mount.MountError:
        return False


def _stamp(path: str) -> object:
    """What tells one version of a file from another, None when it is not there."""
    try:
        st = os.stat(path)
    except FileNotFoundError:
        return None
    return st.st_mtime_ns, st.st_ino, st.st_size


def _parse(path: str) -> list[dict[str, Any]]:
    from ocicore.files import quick_json

    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read()
    except FileNotFoundError:
        return []
    if not data:
        return []  # an empty file is an empty list to containers/storage, too
    try:
        parsed = quick_json.loads(data)
    except ValueError as error:
        raise Corrupted(
            f"loading {path}: {error}", hint="run the check command with --repair, or restore the file"
        ) from None
    if parsed is None:
        return []
    if not isinstance(parsed, list) or not all(
        isinstance(o, dict) and isinstance(o.get("id"), str) for o in parsed
    ):
        raise Corrupted(f"loading {path}: not a list of records")
    return parsed


def _set_names(record: Record, names: list[str]) -> None:
    if names:
        record.raw["names"] = names
    else:
        record.raw.pop("names", None)
