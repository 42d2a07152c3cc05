"""Images in the local store: looking names up, listing, tagging.

Follows podman's lookup rules (libimage) on containers/storage records. On the hot path: `run`,
`create` and `commit` come through here, so nothing heavy is imported at the top.
"""

from __future__ import annotations

from ocicore.errors import Conflict, InvalidInput, NotFound
from ocicore.image import names as image_names
from ocicore.oci import manifest as manifests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ocicore.image.removal import RemovalReport
    from ocicore.oci.config import ImageConfig
    from ocicore.oci.manifest import Index, Manifest
    from ocicore.oci.platform import Platform
    from ocicore.storage.records import Image, Layer
    from ocicore.storage.store import Store

    #: Aliases (repository to repository) and unqualified-search registries; called only for short names.
    ShortNames = Callable[[], tuple[Mapping[str, str], Sequence[str]]]

_MANIFEST_KEY = "manifest"


class ImageNotKnown(NotFound):
    """No local image has this name; scripts match on the wording."""

    def __init__(self, name: str, *, hint: str | None = None) -> None:
        super().__init__(f"{name}: image not known", hint=hint)


class LocalImage:
    """One image record of the store, read when needed.

    Attributes:
        id: 64 hexadecimal digits, the digest of the configuration.
        found_as: full name or identifier the image was found with; "" when it was listed.
        raw: the record of images.json, unchanged.
    """

    __slots__ = ("_config", "_manifest", "found_as", "id", "raw", "record", "store")

    def __init__(self, store: Store, record: Image, found_as: str = "") -> None:
        self.store = store
        self.record = record
        self.raw: dict[str, Any] = record.raw
        self.id = record.id
        self.found_as = found_as
        self._config: ImageConfig | None = None
        self._manifest: Manifest | Index | None = None

    @property
    def names(self) -> list[str]:
        """Full names with tag (or digest)."""
        return list(self.record.names)

    @property
    def names_history(self) -> list[str]:
        """Names the image has or had."""
        return list(self.record.names_history)

    @property
    def digest(self) -> str:
        """Digest of the manifest; "" for a record without one."""
        return self.record.digest or ""

    @property
    def digests(self) -> list[str]:
        """Every manifest digest the image may be asked for by."""
        return self.record.digests

    @property
    def repo_tags(self) -> list[str]:
        """Names that carry a tag."""
        return [name for name in self.names if "@" not in name]

    @property
    def repo_digests(self) -> list[str]:
        """Each repository the image is known under, with each of its digests."""
        repositories = dict.fromkeys(image_names.split_suffix(name)[0] for name in self.names)
        return [f"{repository}@{digest}" for repository in repositories for digest in self.digests]

    @property
    def layer(self) -> str:
        """Identifier of the top layer; "" for an image without layers or a manifest list."""
        return self.record.layer or ""

    @property
    def read_only(self) -> bool:
        """Whether the image comes from an additional, read-only store."""
        return self.record.read_only

    @property
    def created(self) -> int:
        """Nanoseconds since the epoch."""
        return self.record.created

    @property
    def is_manifest_list(self) -> bool:
        """Whether the record holds a list of images and no image."""
        # Only images have a configuration, stored under its digest; that spares reading the manifest.
        stored = self.record.big_data_names
        if any(key.startswith("sha256:") for key in stored):
            return False
        if not any(key.startswith(_MANIFEST_KEY) for key in stored):
            return (
                False  # another program makes it at this moment: records may come before what belongs to them
            )
        return isinstance(self.manifest(), manifests.Index)

    def big_data(self, key: str) -> bytes:
        """The bytes stored beside the record under `key`."""
        return self.store.big_data("image", self.id, key)

    def config_bytes(self) -> bytes:
        """The configuration as it was pulled or committed.

        Raises:
            NotFound: the record has no configuration (a manifest list).
        """
        stored = self.record.big_data_names
        key = "sha256:" + self.id
        if key not in stored:
            key = next((name for name in stored if name.startswith("sha256:")), "")
        if not key:
            raise NotFound(f"reading image {self.id}: no configuration is stored with it")
        return self.big_data(key)

    def config(self) -> ImageConfig:
        """The parsed configuration."""
        if self._config is None:
            from ocicore.files import quick_json
            from ocicore.oci import config

            self._config = config.parse(self.config_bytes(), quick_json.loads)
        return self._config

    def manifest_bytes(self) -> bytes:
        """The manifest that was stored last: one configuration may have come with several (other annotations, say), of
        which the record's digest belongs to the first, as with podman."""
        stored = self.record.big_data_names
        return self.big_data(
            _MANIFEST_KEY if _MANIFEST_KEY in stored else f"manifest-{self.raw.get('digest') or ''}"
        )

    def manifest(self) -> Manifest | Index:
        """The parsed manifest, or the parsed list."""
        if self._manifest is None:
            from ocicore.files import quick_json

            self._manifest = manifests.parse_manifest(self.manifest_bytes(), loads=quick_json.loads)
        return self._manifest

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the configuration; empty for a manifest list."""
        if self.is_manifest_list:
            return {}
        return self.config().labels

    def layers(self) -> list[Layer]:
        """The layer records from the base to the top."""
        chain = []
        layer_id: str | None = self.layer
        while layer_id:
            record = self.store.layer(layer_id)
            chain.append(record)
            layer_id = record.parent
        chain.reverse()
        return chain

    def size(self) -> int:
        """Bytes of all layers unpacked and of the data beside the record, as `images` shows it."""
        total = sum(self.record.big_data_sizes.values())
        for layer in self.layers():
            total += layer.size if layer.size is not None else self.store.layer_size(layer.id)
        return total

    def __repr__(self) -> str:
        return f"LocalImage({self.id[:12]}, {self.names})"


class LocalImages:
    """The images of one store.

    Args:
        store: the store.
        search: how short names are completed, or None for localhost/ and docker.io only.
    """

    __slots__ = ("_search", "store")

    def __init__(self, store: Store, search: ShortNames | None = None) -> None:
        self.store = store
        self._search = search

    def find(self, name: str, platform: Platform | None = None, *, allow_list: bool = False) -> LocalImage:
        """The image a name stands for.

        Args:
            name: full or short name, identifier or its prefix, `sha256:<id>`, `name@digest`,
                or any of these after `containers-storage:`.
            platform: only an image of this platform will do.
            allow_list: return a manifest list itself, not the host's image in it.

        Raises:
            ImageNotKnown: there is none.
            InvalidInput: the name cannot be one.
        """
        if not name:
            raise InvalidInput("invalid image reference: the name is empty")
        asked = name
        name = name.removeprefix("containers-storage:")
        if name.startswith("sha256:"):
            identifier = name[len("sha256:") :]
            if not image_names.is_full_id(identifier):
                raise InvalidInput(f"{asked}: invalid format: no 64-byte hexadecimal value")
            return self._accept_id(identifier, asked, allow_list, platform)
        if image_names.is_full_id(name):
            return self._accept_id(name, asked, allow_list, platform)
        name = image_names.strip_tag_of_digested(name)
        for candidate in self._candidates(name):
            record = self._by_name(candidate)
            image = self._accept(record, candidate, platform, allow_list) if record is not None else None
            if image is not None:
                return image
        if image_names.is_id_prefix(name):
            record = self._by_id(name)
            if record is not None:
                found = self._accept(record, record.id, None, allow_list)
                if found is not None:
                    return found
        return self._find_fuzzily(name, asked, platform, allow_list)

    def exists(self, name: str) -> bool:
        """Whether `find` would succeed."""
        try:
            self.find(name)
        except NotFound:
            return False
        return True

    def list(self) -> list[LocalImage]:
        """All images, in the store's order."""
        return [LocalImage(self.store, record) for record in self.store.images()]

    def by_id(self, image_id: str) -> LocalImage | None:
        """The image with this full identifier."""
        record = self._by_id(image_id)
        return (
            LocalImage(self.store, record, image_id) if record is not None and record.id == image_id else None
        )

    def by_digest(self, digest: str) -> Sequence[LocalImage]:
        """Images one of whose manifests has this digest."""
        return [LocalImage(self.store, record) for record in self.store.images_by_digest(digest)]

    def tag(self, image: LocalImage, name: str) -> str:
        """Give the image one more name (taken from another image, if one has it); returns the full name."""
        full = self._taggable(name, "tag")
        self.store.add_names("image", image.id, [full])
        return full

    def untag(self, image: LocalImage, names: Sequence[str] = ()) -> Sequence[str]:
        """Take the names, or all of them, from the image; returns the full names taken.

        Raises:
            NotFound: the image does not have one of the names ("NAME: tag not known").
        """
        current = image.names
        full_names = [self._taggable(name, "untag") for name in names] if names else current
        for full in full_names:
            if full not in current:
                raise NotFound(f"{full}: tag not known")
        if full_names:
            self.store.remove_names("image", image.id, full_names)
        return list(full_names)

    def remove(
        self,
        image: LocalImage,
        *,
        referenced_by: str = "",
        force: bool = False,
        prune_parents: bool = True,
        remove_containers: Callable[[str], None] | None = None,
    ) -> RemovalReport:
        """Untag or delete the image as `rmi` does; see `ocicore.image.removal.remove`."""
        from ocicore.image import removal

        return removal.remove(
            self,
            image,
            referenced_by=referenced_by,
            force=force,
            prune_parents=prune_parents,
            remove_containers=remove_containers,
        )

    def short_names(self) -> tuple[Mapping[str, str], Sequence[str]]:
        """Aliases and search registries in force."""
        return self._search() if self._search is not None else ({}, ())

    def _candidates(self, name: str) -> Sequence[str]:
        if image_names.has_registry(name):
            return image_names.local_candidates(name, {}, ())
        repository = image_names.split_suffix(name)[0]
        if repository != repository.lower():
            return ()
        aliases, search = self.short_names()
        return image_names.local_candidates(name, aliases, search)

    def _by_name(self, full_name: str) -> Image | None:
        try:
            return self.store.image(full_name)
        except NotFound:
            pass
        repository, suffix = image_names.split_suffix(full_name)
        if suffix.startswith("@"):
            for image in self.by_digest(suffix[1:]):
                known = image.names + image.names_history
                if any(image_names.split_suffix(name)[0] == repository for name in known):
                    return image.record
        return None

    def _by_id(self, identifier: str) -> Image | None:
        try:
            record = self.store.image(identifier)
        except NotFound:
            return None
        return record if record.id.startswith(identifier) else None

    def _accept_id(
        self, identifier: str, asked: str, allow_list: bool, platform: Platform | None
    ) -> LocalImage:
        record = self._by_id(identifier)
        found = self._accept(record, identifier, None, allow_list, platform) if record is not None else None
        if found is None:
            raise ImageNotKnown(asked)
        return found

    def _accept(
        self,
        record: Image,
        found_as: str,
        required: Platform | None,
        allow_list: bool,
        choose: Platform | None = None,
    ) -> LocalImage | None:
        """The record as an image; for a list, the image in it for the platform; None if the platform differs."""
        image = LocalImage(self.store, record, found_as)
        if image.is_manifest_list:
            return image if allow_list else self._instance(image, required or choose, found_as)
        if required is not None and not matches_platform(image, required):
            return None
        return image

    def _instance(self, image: LocalImage, platform: Platform | None, found_as: str) -> LocalImage:
        index = image.manifest()
        if not isinstance(index, manifests.Index):
            raise ImageNotKnown(found_as)
        descriptor = index.choose(platform)
        for candidate in self.by_digest(descriptor.digest):
            candidate.found_as = found_as
            return candidate
        raise ImageNotKnown(
            found_as,
            hint=f"the list is here, but its image for this platform ({descriptor.digest}) is not; pull it",
        )

    def _find_fuzzily(self, name: str, asked: str, platform: Platform | None, allow_list: bool) -> LocalImage:
        """Last resort for a short name: any stored name that ends in it."""
        if image_names.has_registry(name):
            raise ImageNotKnown(asked)
        repository, suffix = image_names.split_suffix(name)
        wanted_digest = suffix[1:] if suffix.startswith("@") else None
        wanted_tag = None if wanted_digest else (suffix[1:] or "latest")
        for image in self.list():
            for stored in image.names:
                if not image_names.matches_fuzzily(stored, repository, wanted_tag):
                    continue
                if wanted_digest and wanted_digest not in image.digests:
                    continue
                found = self._accept(image.record, stored, platform, allow_list)
                if found is not None:
                    return found
        raise ImageNotKnown(asked)

    @staticmethod
    def _taggable(name: str, verb: str) -> str:
        if name.startswith("sha256:") or (verb == "tag" and "@" in name):
            raise Conflict(f"{name}: {verb} by digest not supported")
        return image_names.normalise(name)


def matches_platform(image: LocalImage, wanted: Platform) -> bool:
    """Whether the image's configuration is for the platform (an unset field matches anything)."""
    config = image.config()
    if wanted.os and config.os and wanted.os != config.os:
        return False
    if wanted.architecture and config.architecture and wanted.architecture != config.architecture:
        return False
    variant = config.variant
    return not (wanted.variant and variant and wanted.variant != variant)
