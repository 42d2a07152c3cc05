"""Manifest lists and image indexes in the store: made, filled, changed, as buildah and podman keep them.

Format of containers/common (libimage/manifests): an image record without a layer whose big data are `manifest`
(the list), `instances.json` (digest of an entry -> where its image is; "" -> the list itself) and
`artifacts.json` (see `list_artifacts`). The list is written in Docker's form while nothing in it needs OCI's.
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
    from contextlib import AbstractContextManager
    from typing import Any

    from ocicore.image.local import LocalImage, LocalImages
    from ocicore.image.types import ImageReference, SystemContext
    from ocicore.storage.store import Store

_INSTANCES = "instances.json"
_ARTIFACTS = "artifacts.json"
#: What artifacts.json holds, each by digest; see `list_artifacts`.
ARTIFACT_TABLES = ("manifests", "files", "configs", "layers", "detached", "blobs")


class ManifestList:
    """One list of a store.

    Attributes:
        id: of its record.
        names: full names.
        value: the list as JSON, in OCI's terms (Docker's `features` of a platform are kept).
        instances: digest -> image reference.
        artifacts: table -> digest -> value, of artifacts.json.
    """

    __slots__ = ("artifacts", "id", "instances", "names", "store", "value")

    def __init__(
        self,
        store: Store,
        list_id: str,
        names: list[str],
        value: dict[str, Any],
        instances: dict[str, str],
        artifacts: dict[str, Any] | None = None,
    ) -> None:
        self.store = store
        self.id = list_id
        self.names = names
        self.value = value
        self.instances = instances
        found = artifacts or {}
        self.artifacts: dict[str, dict[str, Any]] = {key: found.get(key) or {} for key in ARTIFACT_TABLES}

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The entries, in order."""
        value: list[dict[str, Any]] | None = self.value.get("manifests")
        if value is None:  # buildah writes null for a list without entries
            value = self.value["manifests"] = []
        return value

    @property
    def digest(self) -> str:
        """Digest of the list as it is stored."""
        return digests.from_bytes(self.data())

    @property
    def media_type(self) -> str:
        """The form it is written in: OCI's when anything needs it, Docker's when that, or when it is empty."""
        if any(self.value.get(key) for key in ("artifactType", "subject", "annotations")):
            return media_types.OCI_INDEX
        if any(entry.get(key) for entry in self.entries for key in ("artifactType", "annotations", "data")):
            return media_types.OCI_INDEX
        if any((entry.get("platform") or {}).get("features") for entry in self.entries):
            return media_types.DOCKER_LIST
        return media_types.OCI_INDEX if self.entries else media_types.DOCKER_LIST

    def data(self) -> bytes:
        """The list's bytes."""
        if self.media_type == media_types.DOCKER_LIST:
            return go_json.dumps(
                {
                    "schemaVersion": 2,
                    "mediaType": media_types.DOCKER_LIST,
                    "manifests": [_docker_entry(entry) for entry in self.entries],
                }
            )
        made: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX}
        if self.value.get("artifactType"):
            made["artifactType"] = self.value["artifactType"]
        made["manifests"] = [_oci_entry(entry) for entry in self.entries]
        if self.value.get("subject"):
            made["subject"] = _oci_entry(self.value["subject"])
        if self.value.get("annotations"):
            made["annotations"] = dict(sorted(self.value["annotations"].items()))
        return go_json.dumps(made)

    def pretty(self) -> str:
        """The list for people."""
        return go_json.pretty(quick_json.loads(self.data()))

    def inspected(self) -> dict[str, Any]:
        """What `podman manifest inspect` shows: Docker's entries with OCI's additions and the artifacts' files."""
        entries = []
        for entry in self.entries:
            shown = {**_docker_entry(entry), **_additions(entry)}
            files = self.artifacts["files"].get(entry["digest"])
            entries.append({**shown, "files": files} if files else shown)
        made: dict[str, Any] = {"schemaVersion": 2, "mediaType": self.media_type}
        if self.value.get("artifactType"):
            made["artifactType"] = self.value["artifactType"]
        made["manifests"] = entries
        if self.value.get("subject"):
            subject = self.value["subject"]
            made["subject"] = {**_docker_entry(subject), **_additions(subject)}
        if self.value.get("annotations"):
            made["annotations"] = dict(sorted(self.value["annotations"].items()))
        return made

    def find(self, digest: str) -> dict[str, Any]:
        """The entry with this digest. Raises NotFound."""
        for entry in self.entries:
            if entry.get("digest") == digest:
                return entry
        raise NotFound(f'no image with digest "{digest}" in the list')

    def lock(self) -> AbstractContextManager[object]:
        """Held while the list is changed; containers/common takes the same one."""
        from ocicore.files.locks import FileLock

        folder = f"{self.store.run_root}/{self.store.driver_name}-locks"
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return FileLock(f"{folder}/sha256:{self.id}").exclusive()

    def reload(self) -> None:
        """Read it again, as somebody else may have changed it before the lock was ours."""
        self.value = _value(self.store.big_data("image", self.id, "manifest"))
        self.instances = quick_json.loads(self.store.big_data("image", self.id, _INSTANCES))
        found = _artifacts(self.store, self.id)
        self.artifacts = {key: found.get(key) or {} for key in ARTIFACT_TABLES}

    def add(self, image: LocalImage, changes: Mapping[str, Any]) -> str:
        """Add (or replace) an image of the store; returns its digest."""
        manifest = image.manifest_bytes()
        digest = digests.from_bytes(manifest)
        parsed = quick_json.loads(manifest)
        config = image.config()
        platform: dict[str, Any] = {"architecture": config.architecture, "os": config.os}
        if config.variant:
            platform["variant"] = config.variant
        self.put_entry(
            {
                "mediaType": parsed.get("mediaType") or media_types.OCI_MANIFEST,
                "digest": digest,
                "size": len(manifest),
                "platform": platform,
            }
        )
        config_of = self.store.config
        options = ",".join(config_of.driver_options)
        where = f"{self.store.driver_name}@{self.store.graph_root}+{self.store.run_root}"
        self.instances[digest] = f"containers-storage:[{where}{':' + options if options else ''}]@{image.id}"
        self.change(digest, changes)
        return digest

    def put_entry(self, entry: dict[str, Any]) -> None:
        """Put an entry at the end, in place of one with the same digest."""
        others = [old for old in self.entries if old.get("digest") != entry["digest"]]
        self.value["manifests"] = [*others, entry]

    def change(self, digest: str, changes: Mapping[str, Any]) -> None:
        """Set fields of an entry: arch, os, variant, os_version, os_features, features, annotations."""
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

    def set_subject(self, reference: ImageReference, context: SystemContext) -> None:
        """Say to which image the list refers; it is looked up. Raises Error when it cannot be read."""
        self.value["subject"] = describe(reference, context)

    def remove(self, digest: str) -> None:
        """Remove an entry. Raises NotFound."""
        entry = self.find(digest)
        self.entries.remove(entry)
        self.instances.pop(digest, None)

    def save(self) -> None:
        """Write the list back."""
        self.store.set_big_data("image", self.id, "manifest", self.data())
        self.store.set_big_data("image", self.id, _INSTANCES, quick_json.dumps(self.instances).encode())
        if any(self.artifacts.values()):
            self.store.set_big_data("image", self.id, _ARTIFACTS, quick_json.dumps(self.artifacts).encode())


def _oci_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry in the order of Go's v1.Descriptor; a platform without anything in it is left out."""
    made = {key: entry[key] for key in ("mediaType", "digest", "size")}
    for key in ("urls", "annotations", "data"):
        if entry.get(key):
            made[key] = entry[key]
    platform = {key: value for key, value in (entry.get("platform") or {}).items() if key != "features"}
    if any(platform.values()):
        named = {key: platform.get(key) or "" for key in ("architecture", "os")}
        rest = ("os.version", "os.features", "variant")
        made["platform"] = {**named, **{key: platform[key] for key in rest if platform.get(key)}}
    if entry.get("artifactType"):
        made["artifactType"] = entry["artifactType"]
    return made


def _docker_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    platform = entry.get("platform") or {}
    made: dict[str, Any] = {key: entry[key] for key in ("mediaType", "size", "digest")}
    if entry.get("urls"):
        made["urls"] = entry["urls"]
    shown: dict[str, Any] = {key: platform.get(key) or "" for key in ("architecture", "os")}
    for key in ("os.version", "os.features", "variant", "features"):
        if platform.get(key):
            shown[key] = platform[key]
    made["platform"] = shown
    return made


def _additions(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("annotations", "artifactType", "data") if entry.get(key)}


def _value(data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = quick_json.loads(data)
    value["manifests"] = value.get("manifests") or []
    return value


def _artifacts(store: Store, image_id: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = quick_json.loads(store.big_data("image", image_id, _ARTIFACTS))
    except Error:
        return {}
    return found


def describe(reference: ImageReference, context: SystemContext) -> dict[str, Any]:
    """The descriptor of an image anywhere. Raises Error when its manifest cannot be read."""
    source = reference.source(context)
    try:
        data, media_type = source.manifest()
    finally:
        source.close()
    entry: dict[str, Any] = {
        "mediaType": media_type,
        "digest": digests.from_bytes(data),
        "size": len(data),
    }
    kind = quick_json.loads(data).get("artifactType")
    return {**entry, "artifactType": kind} if kind else entry


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
    made = ManifestList(store, list_id, [full], {"manifests": []}, {"": list_id})
    made.annotate(annotations or {})
    data = made.data()
    store.create_image(
        id=list_id,
        names=[full],
        layer=None,
        digest=digests.from_bytes(data),
        big_data={
            "manifest": data,
            _INSTANCES: quick_json.dumps(made.instances).encode(),
            _ARTIFACTS: quick_json.dumps(made.artifacts).encode(),
        },
    )
    return made


def load(images: LocalImages, name: str) -> ManifestList:
    """A list of the store by name or id.

    Raises:
        NotFound: there is no such image. NotAList: it is no list.
    """
    image = images.find(name, allow_list=True)
    if not image.is_manifest_list:
        kind = quick_json.loads(image.manifest_bytes()).get("mediaType") or media_types.OCI_MANIFEST
        raise NotAList(f"{name}: manifest is of type {kind} (not a list type)")
    value = _value(image.big_data("manifest"))
    try:
        instances = quick_json.loads(image.big_data(_INSTANCES))
    except Error:
        instances = {"": image.id}
    artifacts = _artifacts(images.store, image.id)
    return ManifestList(images.store, image.id, list(image.names), value, instances, artifacts)


class NotAList(InvalidInput):
    """The name is an image's."""


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
