"""Manifest lists and image indexes in the store: made, filled, changed, as buildah and podman keep them.

Format of containers/common (libimage/manifests): an image record without a layer whose big data are `manifest`
(the list) and `instances.json` (digest of an entry -> where its image is; "" -> the list itself).
"""

from __future__ import annotations

import os

from ocicore.errors import Conflict, Error, InvalidInput, NotFound
from ocicore.files import quick_json
from ocicore.image import go_json
from ocicore.oci import digest as digests
from ocicore.oci import media_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ocicore.image.local import LocalImage, LocalImages
    from ocicore.storage.store import Store

_INSTANCES = "instances.json"


class ManifestList:
    """One list of a store.

    Attributes:
        id: of its record.
        names: full names.
        value: the list as JSON.
        instances: digest -> image reference.
    """

    __slots__ = ("id", "instances", "names", "store", "value")

    def __init__(
        self, store: Store, list_id: str, names: list[str], value: dict[str, Any], instances: dict[str, str]
    ) -> None:
        self.store = store
        self.id = list_id
        self.names = names
        self.value = value
        self.instances = instances

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The entries, in order."""
        value: list[dict[str, Any]] = self.value.setdefault("manifests", [])
        return value

    @property
    def digest(self) -> str:
        """Digest of the list as it is stored."""
        return digests.from_bytes(self.data())

    def data(self) -> bytes:
        """The list's bytes."""
        return go_json.dumps(self.value)

    def pretty(self) -> str:
        """The list for people."""
        from json import dumps

        return dumps(self.value, indent=4, ensure_ascii=False)

    def find(self, digest: str) -> dict[str, Any]:
        """The entry with this digest. Raises NotFound."""
        for entry in self.entries:
            if entry.get("digest") == digest:
                return entry
        raise NotFound(f'no image with digest "{digest}" in the list')

    def add(self, image: LocalImage, changes: Mapping[str, Any]) -> str:
        """Add (or replace) an image of the store; returns its digest."""
        manifest = image.manifest_bytes()
        digest = digests.from_bytes(manifest)
        parsed = quick_json.loads(manifest)
        config = image.config()
        platform: dict[str, Any] = {"architecture": config.architecture, "os": config.os}
        if config.variant:
            platform["variant"] = config.variant
        entry: dict[str, Any] = {
            "mediaType": parsed.get("mediaType") or media_types.OCI_MANIFEST,
            "digest": digest,
            "size": len(manifest),
            "platform": platform,
        }
        self.value["manifests"] = [*(old for old in self.entries if old.get("digest") != digest), entry]
        config_of = self.store.config
        options = ",".join(config_of.driver_options)
        where = f"{self.store.driver_name}@{self.store.graph_root}+{self.store.run_root}"
        self.instances[digest] = f"containers-storage:[{where}{':' + options if options else ''}]@{image.id}"
        self.change(digest, changes)
        return digest

    def change(self, digest: str, changes: Mapping[str, Any]) -> None:
        """Set fields of an entry: arch, os, variant, os_version, os_features, annotations."""
        entry = self.find(digest)
        platform = entry.setdefault("platform", {})
        for key, name in (
            ("arch", "architecture"),
            ("os", "os"),
            ("variant", "variant"),
            ("os_version", "os.version"),
            ("os_features", "os.features"),
            ("features", "features"),
        ):
            if changes.get(key):
                platform[name] = changes[key]
        if changes.get("annotations"):
            entry.setdefault("annotations", {}).update(changes["annotations"])

    def annotate(self, annotations: Mapping[str, str]) -> None:
        """Set annotations of the list itself."""
        if annotations:
            self.value.setdefault("annotations", {}).update(annotations)

    def remove(self, digest: str) -> None:
        """Remove an entry. Raises NotFound."""
        entry = self.find(digest)
        self.entries.remove(entry)
        self.instances.pop(digest, None)

    def save(self) -> None:
        """Write the list back."""
        self.store.set_big_data("image", self.id, "manifest", self.data())
        self.store.set_big_data("image", self.id, _INSTANCES, quick_json.dumps(self.instances).encode())


def create(
    store: Store, name: str, *, replace: bool = False, annotations: Mapping[str, str] | None = None
) -> ManifestList:
    """An empty list with a name.

    Raises:
        Conflict: the name is taken.
    """
    from ocicore.image import names

    full = names.normalise(name)
    try:
        taken = store.image(full)
    except NotFound:
        taken = None
    if taken is not None and full in taken.names and not replace:
        raise Conflict(
            f'creating image to hold manifest list: image name "{full}" is already associated with image '
            f'"{taken.id}": that name is already in use'
        )
    list_id = os.urandom(32).hex()
    value: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": []}
    made = ManifestList(store, list_id, [full], value, {"": list_id})
    made.annotate(annotations or {})
    data = made.data()
    store.create_image(
        id=list_id,
        names=[full],
        layer=None,
        digest=digests.from_bytes(data),
        big_data={"manifest": data, _INSTANCES: quick_json.dumps(made.instances).encode()},
    )
    return made


def load(images: LocalImages, name: str) -> ManifestList:
    """A list of the store by name or id.

    Raises:
        NotFound: there is no such image. InvalidInput: it is no list.
    """
    image = images.find(name, allow_list=True)
    if not image.is_manifest_list:
        kind = quick_json.loads(image.manifest_bytes()).get("mediaType") or media_types.OCI_MANIFEST
        raise InvalidInput(f"{name}: manifest is of type {kind} (not a list type)")
    value = quick_json.loads(image.big_data("manifest"))
    try:
        instances = quick_json.loads(image.big_data(_INSTANCES))
    except Error:
        instances = {"": image.id}
    return ManifestList(images.store, image.id, list(image.names), value, instances)


def add_image(
    images: LocalImages, name: str, image: LocalImage, changes: Mapping[str, Any] | None = None
) -> ManifestList:
    """Add an image to a list that is made when it is not there; saved."""
    try:
        found = load(images, name)
    except NotFound:
        found = create(images.store, name)
    found.add(image, changes or {})
    found.save()
    return found


def parse_annotations(texts: Sequence[str]) -> dict[str, str]:
    """--annotation KEY=VALUE. Raises InvalidInput."""
    result = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator:
            raise InvalidInput(f'no value given for annotation "{text}"', hint="expected KEY=VALUE")
        result[key] = value
    return result
