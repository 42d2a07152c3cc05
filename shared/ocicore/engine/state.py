"""What the engine remembers: one SQLite file in WAL mode, one transaction per change.

Follows no upstream format (podman's own database is private to it). A reader never waits; a writer waits for
another writer at most BUSY_SECONDS. A power cut may lose the newest transactions, never the file's integrity: every
verb recomputes what is true from the kernel and from exit files (see liveness.py).
"""

from __future__ import annotations

import os

from ocicore.engine import schema
from ocicore.engine.container_table import ContainerTable
from ocicore.engine.locks import Lock
from ocicore.engine.sqlite import sqlite3
from ocicore.errors import Corrupted, Error, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from ocicore.engine.exec_table import ExecTable
    from ocicore.engine.pod_table import PodTable
    from ocicore.engine.volume_table import VolumeTable

BUSY_SECONDS = 60.0


class State:
    """The open database.

    Args:
        path: file, made with its directory when missing.

    Raises:
        Unsupported: a newer version wrote it.
        Corrupted: it is no SQLite database.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._depth = 0
        self.containers = ContainerTable(self)
        try:
            if not os.path.exists(path):
                self._prepare()
            elif self._open() != len(schema.MIGRATIONS):
                self.connection.close()
                self._prepare()
        except sqlite3.OperationalError:
            # Somebody is making it right now: wait for that.
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise _translated(error, path) from error

    def _open(self) -> int:
        """Connect; the schema's version."""
        self.connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            # With WAL, NORMAL keeps the file consistent at any power cut and saves one fsync per transaction.
            self.connection.execute("PRAGMA synchronous=NORMAL")
            self.connection.execute("PRAGMA foreign_keys=ON")
            version: int = self.connection.execute("PRAGMA user_version").fetchone()[0]
        except BaseException:
            self.connection.close()
            raise
        return version

    def _prepare(self) -> None:
        """Make or migrate the file, one process at a time: SQLite does not wait for a change of the journal mode."""
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        with Lock(f"{self.path}.lock"):
            try:
                if self._open() != len(schema.MIGRATIONS):
                    try:
                        self._migrate()
                    except BaseException:
                        self.connection.close()
                        raise
            except sqlite3.DatabaseError as error:
                raise _translated(error, self.path) from error

    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """One statement. Raises Error, Corrupted for what SQLite reports, but sqlite3.IntegrityError as it is."""
        try:
            return self.connection.execute(statement, values)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            raise _translated(error, self.path) from error

    @property
    def volumes(self) -> VolumeTable:
        """Named and anonymous volumes."""
        from ocicore.engine.volume_table import VolumeTable

        return VolumeTable(self)

    @property
    def pods(self) -> PodTable:
        """Pods."""
        from ocicore.engine.pod_table import PodTable

        return PodTable(self)

    @property
    def execs(self) -> ExecTable:
        """Exec sessions."""
        from ocicore.engine.exec_table import ExecTable

        return ExecTable(self)

    def _migrate(self) -> None:
        connection = self.connection
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN EXCLUSIVE")
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(schema.MIGRATIONS):
                raise Unsupported(
                    f"opening {self.path}: schema {version} was written by a newer pypod",
                    hint="use that version, or another --root",
                )
            for step in schema.MIGRATIONS[version:]:
                for statement in step.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
            connection.execute(f"PRAGMA user_version={len(schema.MIGRATIONS)}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    # A `with state:` block is one transaction; blocks may be nested, the outermost one counts.
    def __enter__(self) -> State:
        if self._depth == 0:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
            except sqlite3.DatabaseError as error:
                raise _translated(error, self.path) from error
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth:
            return
        if kind is not None:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            return
        try:
            self.connection.execute("COMMIT")
        except sqlite3.DatabaseError as failure:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise _translated(failure, self.path) from failure

    def close(self) -> None:
        """Close the file; the last one to close folds the WAL back into it."""
        self.connection.close()


def _translated(error: sqlite3.DatabaseError, path: str) -> Error:
    text = str(error)
    if isinstance(error, sqlite3.OperationalError):
        hint = "free some space" if "full" in text else None
        return Error(f"writing state {path}: {text}", hint=hint)
    return Corrupted(f"reading state {path}: {text}", hint="move the file away; containers can be recreated")
