"""The three kinds of record a store keeps: layer, image, container.

Each class is a read-only view of one JSON object of layers.json, images.json or
containers.json (containers/storage `Layer`, `Image`, `Container`). `raw` is the object
itself, with every key another version wrote; nothing outside this package may change it.
"""

from __future__ import annotations

from ocicore.storage import timestamps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: pkg/archive `Compression` as it is stored in layers.json (`compression`, omitted when 0).
COMPRESSION_NAMES = ("none", "bzip2", "gzip", "xz", "zstd")

IdMap = tuple[int, int, int]  # container id, host id, size – as in ocicore.linux.userns
IdMaps = tuple[list[IdMap], list[IdMap]]  # (uid maps, gid maps)


def id_maps_from_json(raw: dict[str, Any]) -> IdMaps | None:
    """The `uidmap`/`gidmap` arrays of a record, or None when it has neither."""
    if not raw.get("uidmap") and not raw.get("gidmap"):
        return None

    def read(key: str) -> list[IdMap]:
        return [(m["container_id"], m["host_id"], m["size"]) for m in raw.get(key) or ()]

    return read("uidmap"), read("gidmap")


def id_maps_to_json(maps: IdMaps | None) -> dict[str, Any]:
    """The `uidmap`/`gidmap` keys for a record; empty when there is no mapping."""
    if not maps:
        return {}
    out: dict[str, Any] = {}
    for key, entries in (("uidmap", maps[0]), ("gidmap", maps[1])):
        if entries:
            out[key] = [{"container_id": c, "host_id": h, "size": s} for c, h, s in entries]
    return out


class Record:
    """What layers, images and containers have in common.

    Attributes:
        raw: the JSON object.
        location: which of its kind's JSON files holds it (index into `RecordFiles.paths`).
        read_only: it lives in an additional image store.
        volatile: it lives in the volatile file (written without fsync, lost with the run root
            in a transient store).
    """

    __slots__ = ("location", "raw", "read_only", "volatile")

    def __init__(
        self, raw: dict[str, Any], *, location: int = 0, read_only: bool = False, volatile: bool = False
    ) -> None:
        self.raw = raw
        self.location = location
        self.read_only = read_only
        self.volatile = volatile

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id[:12]} {','.join(self.names)}>"

    @property
    def id(self) -> str:
        """64 hexadecimal digits (older stores may hold other ids)."""
        return self.raw["id"]  # type: ignore[no-any-return]

    @property
    def names(self) -> list[str]:
        """Names, unique within the kind."""
        return self.raw.get("names") or []

    @property
    def metadata(self) -> str:
        """Whatever the creator keeps here: for podman a small JSON text."""
        return self.raw.get("metadata") or ""

    @property
    def created(self) -> int:
        """Nanoseconds since the epoch; 0 when unknown."""
        return timestamps.from_text(self.raw.get("created"))

    @property
    def flags(self) -> dict[str, Any]:
        """Flags such as "incomplete", "Volatile", "MountLabel"."""
        return self.raw.get("flags") or {}

    @property
    def big_data_names(self) -> list[str]:
        """Keys under which `Store.big_data` finds something."""
        return self.raw.get("big-data-names") or []


class Layer(Record):
    """A layer: read-only (of an image) or read-write (of a container)."""

    __slots__ = ()

    @property
    def parent(self) -> str | None:
        """Id of the layer below, or None for a base layer."""
        return self.raw.get("parent") or None

    @property
    def mount_label(self) -> str:
        """SELinux label for mounts, or ""."""
        return self.raw.get("mountlabel") or ""

    @property
    def diff_id(self) -> str | None:
        """Digest of the uncompressed tar, or None for a layer that was never applied from one."""
        return self.raw.get("diff-digest") or None

    @property
    def size(self) -> int | None:
        """Length in bytes of the uncompressed tar, None when unknown."""
        if not self.raw.get("diff-digest") and not self.raw.get("toc-digest"):
            return None
        size: int = self.raw.get("diff-size", 0)
        # Who knows only the table of contents may not say the length.
        known = size >= 0 if self.raw.get("diff-digest") else size > 0
        return size if known else None

    @property
    def toc_digest(self) -> str | None:
        """Digest of the table of contents it was made by, where that is how it is known (partial pulls)."""
        return self.raw.get("toc-digest") or None

    @property
    def expected_diff_id(self) -> str | None:
        """`diff_id`; of a layer known by its table of contents alone what the image says it is, unverified."""
        return self.diff_id or self.flags.get("expected-layer-diffid") or None

    @property
    def compressed_digest(self) -> str | None:
        """Digest of the blob the layer came from."""
        return self.raw.get("compressed-diff-digest") or None

    @property
    def compressed_size(self) -> int | None:
        """Length in bytes of that blob."""
        return self.raw.get("compressed-size", 0) if self.compressed_digest else None

    @property
    def compression(self) -> str:
        """How that blob was compressed: none, bzip2, gzip, xz or zstd."""
        number = self.raw.get("compression") or 0
        return COMPRESSION_NAMES[number] if 0 <= number < len(COMPRESSION_NAMES) else "none"

    @property
    def incomplete(self) -> bool:
        """The layer is being made or deleted; an opener removes it."""
        return self.flags.get("incomplete") is True

    @property
    def id_maps(self) -> IdMaps | None:
        """The mapping its files were written with, None for the identity."""
        return id_maps_from_json(self.raw)

    @property
    def uids(self) -> list[int]:
        """User ids found in the tar, ascending."""
        return self.raw.get("uidset") or []

    @property
    def gids(self) -> list[int]:
        """Group ids found in the tar, ascending."""
        return self.raw.get("gidset") or []


class Image(Record):
    """An image: names, a top layer, and the manifest, configuration and signatures as big data."""

    __slots__ = ()

    @property
    def digest(self) -> str | None:
        """The digest the image is known by first (that of its manifest)."""
        return self.raw.get("digest") or next(iter(self.digests), None)

    @property
    def digests(self) -> list[str]:
        """All digests that find the image: `digest` and those of every manifest item."""
        found = []
        if self.raw.get("digest"):
            found.append(self.raw["digest"])
        for name, digest in (self.raw.get("big-data-digests") or {}).items():
            if name.startswith("manifest") and digest not in found:
                found.append(digest)
        return found

    @property
    def names_history(self) -> list[str]:
        """Every name the image has had, the latest first."""
        return self.raw.get("names-history") or []

    @property
    def layer(self) -> str | None:
        """Id of the top layer; None for an image without layers."""
        return self.raw.get("layer") or None

    @property
    def mapped_layers(self) -> list[str]:
        """Copies of the top layer under other id mappings."""
        return self.raw.get("mapped-layers") or []

    @property
    def big_data_sizes(self) -> dict[str, int]:
        """Sizes in bytes by key."""
        return self.raw.get("big-data-sizes") or {}

    @property
    def big_data_digests(self) -> dict[str, str]:
        """Digests by key."""
        return self.raw.get("big-data-digests") or {}


class Container(Record):
    """A container as the store knows it: a read-write layer on an image, and names."""

    __slots__ = ()

    @property
    def image(self) -> str:
        """Id of the image, or "" (`FROM scratch`, a root file system)."""
        return self.raw.get("image") or ""

    @property
    def layer(self) -> str:
        """Id of the read-write layer."""
        return self.raw.get("layer") or ""

    @property
    def id_maps(self) -> IdMaps | None:
        """The mapping its root file system is mounted with, None for the identity."""
        return id_maps_from_json(self.raw)

    @property
    def mount_label(self) -> str:
        """SELinux label for the root file system, or ""."""
        return self.flags.get("MountLabel") or ""

    @property
    def process_label(self) -> str:
        """SELinux label for processes, or ""."""
        return self.flags.get("ProcessLabel") or ""

    @property
    def mount_options(self) -> list[str]:
        """Options for mounting the root file system, [] for the configured ones."""
        return self.flags.get("MountOpts") or []

    @property
    def big_data_sizes(self) -> dict[str, int]:
        """Sizes in bytes by key."""
        return self.raw.get("big-data-sizes") or {}

    @property
    def big_data_digests(self) -> dict[str, str]:
        """Digests by key."""
        return self.raw.get("big-data-digests") or {}
