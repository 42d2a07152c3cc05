"""The build cache: images of the store whose history says that they are what a step would make.

A step's key is its base image's history and layers plus one more history entry – the instruction with its
arguments and the digest of what it copies. That is buildah's rule (imagebuildah, intermediateImageExists), so
images built by either program are found by the other. Times are no part of the key.
"""

from __future__ import annotations

from ocicore.errors import Error
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.image.local import LocalImage
    from ocicore.storage.records import Image
    from ocicore.storage.store import Store


class _Known:
    """What a lookup needs to know of one image."""

    __slots__ = ("created", "diff_ids", "format", "history", "id", "parent_layer", "top_layer")

    def __init__(self, record: Image, store: Store, parents: dict[str, str]) -> None:
        from ocicore.image.local import LocalImage

        image = LocalImage(store, record)
        raw = quick_json.loads(image.config_bytes())
        manifest = quick_json.loads(image.manifest_bytes())
        self.id = record.id
        self.top_layer = record.layer or ""
        self.parent_layer = parents.get(self.top_layer, "")
        self.history: list[dict[str, Any]] = list(raw.get("history") or ())
        self.diff_ids: list[str] = list((raw.get("rootfs") or {}).get("diff_ids") or ())
        self.format = "docker" if "docker" in str(manifest.get("mediaType") or "") else "oci"
        self.created = record.created


class BuildCache:
    """Looks steps up among the images of a store.

    Args:
        ttl: nanoseconds after which an image no longer counts, 0 for never.
        explain: receives a line for every decision (--explain-cache), or None.
        debug: receives a line for every hit.
    """

    def __init__(
        self,
        store: Store,
        *,
        format: str,
        ttl: int = 0,
        explain: Callable[[str], None] | None = None,
        debug: Callable[[str], None] | None = None,
    ) -> None:
        self._debug = debug or (lambda text: None)
        self._store = store
        self._format = format
        self._ttl = ttl
        self._explain = explain
        self._known: dict[str, _Known | None] = {}
        self._parents: dict[str, str] = {}

    def find(
        self, base: LocalImage | None, created_by: str, *, adds_layer: bool, fresh: bool = False
    ) -> str | None:
        """Id of an image that is `base` plus the step `created_by`, or None.

        With `fresh` images that just came (out of another cache) are seen too.
        """
        from time import time_ns

        if fresh:
            self._parents = {}

        base_layer = (base.layer or "") if base is not None else ""
        base_known = self._entry(base.record) if base is not None else None
        history = base_known.history if base_known is not None else []
        diff_ids = base_known.diff_ids if base_known is not None else []
        reason = "no image of this store was made by this step on this base"
        for record in self._store.images():
            known = self._entry(record)
            if known is None:
                continue
            if base_layer != (known.parent_layer if adds_layer else known.top_layer):
                continue
            if len(known.history) != len(history) + 1 or known.history[-1].get("created_by") != created_by:
                continue
            if bool(known.history[-1].get("empty_layer")) == adds_layer:
                continue
            if not _same_base(known, history, diff_ids, adds_layer):
                reason = f"{known.id[:12]} was made by this step on another base"
                continue
            if known.format != self._format:
                reason = f"{known.id[:12]} has the format {known.format}"
                continue
            if self._ttl and time_ns() - known.created > self._ttl:
                reason = f"{known.id[:12]} is older than the limit"
                continue
            self._debug(f"Found a cache hit in the first iteration with id {known.id}")
            self._say(f"hit {known.id[:12]}: key {created_by!r} on {base_layer[:12] or 'scratch'}")
            return known.id
        self._say(f"miss: {reason}: key {created_by!r} on {base_layer[:12] or 'scratch'}")
        return None

    def _say(self, text: str) -> None:
        if self._explain is not None:
            self._explain(f"cache {text}")

    def _entry(self, record: Image) -> _Known | None:
        """The image as the cache sees it; None for lists and for what cannot be read."""
        if record.id in self._known:
            return self._known[record.id]
        known: _Known | None = None
        try:
            top = record.layer or ""
            parents = self._parents  # another stage's look may replace them
            if top and top not in parents:
                parents = self._parents = {layer.id: layer.parent or "" for layer in self._store.layers()}
            known = _Known(record, self._store, parents)
        except (Error, ValueError, KeyError, AttributeError):
            known = None
        self._known[record.id] = known
        return known


def _same_base(known: _Known, history: list[dict[str, Any]], diff_ids: list[str], adds_layer: bool) -> bool:
    keys = ("created", "created_by", "author", "comment", "empty_layer")
    for own, theirs in zip(history, known.history, strict=False):
        if any((own.get(key) or None) != (theirs.get(key) or None) for key in keys):
            return False
    expected = len(diff_ids) + (1 if adds_layer else 0)
    return len(known.diff_ids) == expected and known.diff_ids[: len(diff_ids)] == diff_ids


def created_by_text(
    name: str,
    original: str,
    *,
    content: str = "",
    destination: str = "",
    arguments: dict[str, str] | None = None,
    heredocs: str = "",
    mounts: str = "",
    declared: str = "",
) -> str:
    """The history entry of a step, as buildah words it.

    Args:
        name: of the instruction, lower case; original: its logical line.
        content: "KIND:DIGEST" of what COPY or ADD bring.
        destination: as written, of COPY and ADD.
        arguments: build arguments a RUN sees, proxies that were not declared left out.
        heredocs: bodies of RUN's here-documents, stripped, each after a newline.
        mounts: checksums of what RUN mounts, each after a colon.
        declared: names of the arguments in force, for ARG.
    """
    if name == "arg":
        return f"/bin/sh -c #(nop) ARG {declared}"
    if name == "run":
        command = original[4:] if len(original) > 4 else ""
        if arguments:
            words = " ".join(sorted(f"{key}={value}" for key, value in arguments.items()))
            return f"|{len(words.split(' '))} {words} /bin/sh -c {command}{heredocs}{mounts}"
        return f"/bin/sh -c {command}{heredocs}{mounts}"
    if name in ("add", "copy"):
        return f"/bin/sh -c #(nop) {name.upper()} {content} in {destination} "
    return f"/bin/sh -c #(nop) {original}"
