"""What is known about blobs from earlier copies: which are one layer in several forms, and where registries have them.

The file is shared with podman, buildah and skopeo (containers/image's blob-info-cache-v1.sqlite, schema of its package
blobinfocache/sqlite): what any of them pushed need not be compressed and sent again by another. It is a cache: where it
cannot be read, is locked for long or broken, nothing is known. What a copy learns is written in one transaction at its end.

Only what this process has verified is noted as being one layer; locations are hints and asked about before they are used.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from ocicore.files import quick_json
from ocicore.oci import digest as digests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from sqlite3 import Connection
    from typing import Any

FILE = "blob-info-cache-v1.sqlite"
#: The one transport whose blobs have locations.
_TRANSPORT = "docker"
#: Seconds to wait for another program's transaction, as containers/image waits; they take milliseconds where the disk has time.
_PATIENCE = 5.0
#: Places worth asking about one blob, and forms of a layer of which no place is known.
MOST_PLACES = 5
_MOST_UNPLACED = 2
#: How the file names compression formats, where it is not as we do.
_FOREIGN = {"none": "uncompressed", "xz": "Xz"}
_OURS = {"uncompressed": "none", "Xz": "xz"}

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS DigestUncompressedPairs("
    "anyDigest TEXT PRIMARY KEY NOT NULL, uncompressedDigest TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS DigestUncompressedPairs_index_uncompressedDigest "
    "ON DigestUncompressedPairs(uncompressedDigest)",
    "CREATE TABLE IF NOT EXISTS DigestCompressors(digest TEXT PRIMARY KEY NOT NULL, compressor TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS KnownLocations("
    "transport TEXT NOT NULL, scope TEXT NOT NULL, digest TEXT NOT NULL, location TEXT NOT NULL, "
    "time TIMESTAMP NOT NULL, PRIMARY KEY (transport, scope, digest, location))",
    "CREATE TABLE IF NOT EXISTS DigestTOCUncompressedPairs("
    "tocDigest TEXT PRIMARY KEY NOT NULL, uncompressedDigest TEXT NOT NULL)",
    # The last one: containers/image looks for it to see whether the file is complete.
    "CREATE TABLE IF NOT EXISTS DigestSpecificVariantCompressors("
    "digest TEXT PRIMARY KEY NOT NULL, specificVariantCompressor TEXT NOT NULL, "
    "specificVariantAnnotations BLOB NOT NULL)",
)


class Variant:
    """A layer in another form.

    Attributes:
        digest: of the blob.
        compression: "none", "gzip", "zstd", "zstd:chunked", "bzip2" or "xz".
        annotations: what a manifest has to say of it (zstd:chunked).
        repository: full name of one in which it was seen, "" where none is known.
    """

    __slots__ = ("annotations", "compression", "digest", "repository")

    def __init__(
        self, digest: str, compression: str, annotations: Mapping[str, str], repository: str
    ) -> None:
        self.digest = digest
        self.compression = compression
        self.annotations = dict(annotations)
        self.repository = repository


class BlobInfo:
    """What is known, from the file and from this process; any number of threads.

    Args:
        folder: where the file is; made when there is something to write.

    Attributes:
        deferred: `flush` does nothing until `close`: many copies follow one another.
    """

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)
        self._lock = allocate_lock()
        self._connection: Connection | None = None
        self._given_up = False
        self.deferred = False
        # Noted and not yet written.
        self._pairs: dict[str, str] = {}
        self._forms: dict[str, tuple[str, str, dict[str, str]]] = {}
        self._tables: dict[str, str] = {}
        self._places: dict[tuple[str, str], dict[str, str]] = {}
        self._gone: set[tuple[str, str, str]] = set()

    # -- noting -------------------------------------------------------------------------------

    def note_place(self, registry: str, digest: str, repository: str) -> None:
        """A registry has the blob.

        Args:
            registry: "HOST[:PORT]" of the name; repository: full name, with it.
        """
        with self._lock:
            self._places.setdefault((registry, digest), {})[repository] = _now()
            self._gone.discard((registry, digest, repository))

    def forget_place(self, registry: str, digest: str, repository: str) -> None:
        """The blob is not in that repository any more."""
        with self._lock:
            self._places.get((registry, digest), {}).pop(repository, None)
            self._gone.add((registry, digest, repository))

    def note_layer(self, digest: str, diff_id: str) -> None:
        """The blob, verified by this process, decompresses to what has the digest `diff_id` (itself, for a plain tar)."""
        with self._lock:
            self._pairs[digest] = diff_id

    def note_form(self, digest: str, compression: str, annotations: Mapping[str, str] | None = None) -> None:
        """How the blob is compressed, as its own bytes say.

        Args:
            annotations: of a zstd:chunked layer this process made itself.
        """
        base, _, variant = compression.partition(":")
        with self._lock:
            self._forms[digest] = (
                base,
                compression if variant and annotations else "",
                dict(annotations or {}),
            )

    def note_table(self, toc_digest: str, diff_id: str) -> None:
        """The table of contents of a zstd:chunked layer this process made."""
        with self._lock:
            self._tables[toc_digest] = diff_id

    # -- asking -------------------------------------------------------------------------------

    def places(self, registry: str, digest: str) -> list[str]:
        """Full names of repositories of the registry in which the blob was seen, those seen last first."""
        with self._lock:
            return self._found_places(registry, digest)

    def variants(
        self, registry: str, digest: str, fits: Callable[[str], bool], preferred: str
    ) -> list[Variant]:
        """Other forms of a layer that a manifest could name in its place; best first.

        Args:
            digest: of the layer as it is at hand, in any form.
            fits: whether a compression will do.
            preferred: the compression that comes before others.
        """
        with self._lock:
            placed: list[Variant] = []
            unplaced: list[Variant] = []
            for other in self._same_layer(digest):
                form = self._form(other, fits)
                if form is None:
                    continue
                compression, annotations = form
                found = self._found_places(registry, other)
                placed += [Variant(other, compression, annotations, name) for name in found]
                if not found:
                    unplaced.append(Variant(other, compression, annotations, ""))
        for variants in (placed, unplaced):
            variants.sort(key=lambda variant: variant.compression != preferred)
        return (placed[:MOST_PLACES] + unplaced[:_MOST_UNPLACED])[:MOST_PLACES]

    def _found_places(self, registry: str, digest: str) -> list[str]:
        seen = {
            name: _when(text)
            for name, text in self._rows(
                "SELECT location, time FROM KnownLocations WHERE transport = ? AND scope = ? AND digest = ?",
                _TRANSPORT,
                registry,
                digest,
            )
            if (registry, digest, name) not in self._gone
        }
        seen.update((name, _when(text)) for name, text in self._places.get((registry, digest), {}).items())
        return sorted(seen, key=lambda name: seen[name], reverse=True)[:MOST_PLACES]

    def _same_layer(self, digest: str) -> list[str]:
        """Digests of the same layer in other forms, the plain tar last."""
        diff_id = self._pairs.get(digest, "")
        if not diff_id:
            rows = self._rows(
                "SELECT uncompressedDigest FROM DigestUncompressedPairs WHERE anyDigest = ?", digest
            )
            # What is known as the plain tar of something is a plain tar.
            diff_id = next((str(found) for (found,) in rows), digest)
        others = [found for found, plain in self._pairs.items() if plain == diff_id]
        others += [
            str(found)
            for (found,) in self._rows(
                "SELECT anyDigest FROM DigestUncompressedPairs WHERE uncompressedDigest = ?", diff_id
            )
            if self._pairs.get(found, diff_id) == diff_id
        ]
        ordered = [found for found in dict.fromkeys(others) if found != diff_id and digests.is_valid(found)]
        return [found for found in [*ordered, diff_id] if found != digest]

    def _form(self, digest: str, fits: Callable[[str], bool]) -> tuple[str, dict[str, str]] | None:
        """(compression, annotations) of a blob in a form that fits, the more particular one first."""
        known = self._forms.get(digest)
        if known is None:
            rows = list(
                self._rows(
                    "SELECT compressor, specificVariantCompressor, specificVariantAnnotations FROM DigestCompressors "
                    "LEFT JOIN DigestSpecificVariantCompressors USING (digest) WHERE digest = ?",
                    digest,
                )
            )
            if not rows:
                return None
            base, special, text = rows[0]
            known = (_OURS.get(base, base), str(special or ""), _annotations(text) if special else {})
        base, special, annotations = known
        if special and fits(special):
            return special, annotations
        return (base, {}) if fits(base) else None

    # -- the file -----------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was noted and close the file, unless more is to come; it is opened again when it is needed."""
        if not self.deferred:
            self.close()

    def close(self) -> None:
        """Write what was noted, and close the file."""
        self._write()
        with self._lock:
            self._shut()

    def _rows(self, query: str, *values: str) -> Iterator[tuple[Any, ...]]:
        """Rows of the file; none where it cannot be asked."""
        if self._given_up or (self._connection is None and not os.path.exists(self._path)):
            return iter(())
        import sqlite3

        try:
            found = self._opened().execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            # A file without tables is one that is just being made.
            if "no such table" not in str(error):
                self._give_up(error)
            return iter(())
        except sqlite3.Error as error:
            self._give_up(error)
            return iter(())
        return iter(found)

    def _write(self) -> None:
        with self._lock:
            noted = self._pairs or self._forms or self._tables or self._places or self._gone
            if not noted or self._given_up:
                return
            import sqlite3

            try:
                os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
                connection = self._opened()
                # As containers/image: never a reader that wants to become a writer, two of which would block each other.
                connection.execute("BEGIN EXCLUSIVE")
                try:
                    self._write_noted(connection)
                    connection.execute("COMMIT")
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                self._give_up(error)
                return
            for notes in (self._pairs, self._forms, self._tables, self._places):
                notes.clear()
            self._gone.clear()

    def _write_noted(self, connection: Connection) -> None:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.executemany(
            "DELETE FROM KnownLocations WHERE transport = ? AND scope = ? AND digest = ? AND location = ?",
            [(_TRANSPORT, *place) for place in self._gone],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO KnownLocations(transport, scope, digest, location, time) VALUES (?, ?, ?, ?, ?)",
            [
                (_TRANSPORT, registry, digest, repository, when)
                for (registry, digest), places in self._places.items()
                for repository, when in places.items()
            ],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO DigestUncompressedPairs(anyDigest, uncompressedDigest) VALUES (?, ?)",
            self._pairs.items(),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO DigestTOCUncompressedPairs(tocDigest, uncompressedDigest) VALUES (?, ?)",
            self._tables.items(),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO DigestCompressors(digest, compressor) VALUES (?, ?)",
            [(digest, _FOREIGN.get(base, base)) for digest, (base, _, _) in self._forms.items()],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO DigestSpecificVariantCompressors"
            "(digest, specificVariantCompressor, specificVariantAnnotations) VALUES (?, ?, ?)",
            [
                (digest, special, quick_json.dumps(annotations).encode())
                for digest, (_, special, annotations) in self._forms.items()
                if special
            ],
        )

    def _opened(self) -> Connection:
        if self._connection is None:
            import sqlite3

            self._connection = sqlite3.connect(
                self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
        return self._connection

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _give_up(self, error: Exception) -> None:
        """Do without the file from now on; one that is no database (any more) is removed for whoever comes next."""
        self._given_up = True
        self._shut()
        if getattr(error, "sqlite_errorname", "") in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            try:
                os.unlink(self._path)
            except OSError:
                pass


def _annotations(text: bytes | str) -> dict[str, str]:
    try:
        found = quick_json.loads(text)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _now() -> str:
    """The time as Go's driver of SQLite writes it."""
    import time

    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}+00:00"


def _when(text: object) -> float:
    """Seconds since the epoch; 0 for what cannot be read, which then counts as old."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
