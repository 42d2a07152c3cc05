"""Descriptors: media type, digest, size of a blob (image-spec 1.1, descriptor.md)."""

from __future__ import annotations

from ocicore.errors import Corrupted
from ocicore.oci import digest as _digest
from ocicore.oci.platform import Platform

#: Annotations with the digest of a layer's table of contents: of zstd:chunked, and of eStargz.
ZSTD_CHUNKED_TOC = "io.github.containers.zstd-chunked.manifest-checksum"
ESTARGZ_TOC = "containerd.io/snapshot/stargz/toc.digest"


class Descriptor:
    """A reference to content by digest; `extra` keeps keys this version does not know."""

    __slots__ = (
        "annotations",
        "artifact_type",
        "data",
        "digest",
        "extra",
        "media_type",
        "platform",
        "size",
        "urls",
    )

    def __init__(
        self,
        media_type: str,
        digest: str,
        size: int,
        *,
        annotations: dict[str, str] | None = None,
        platform: Platform | None = None,
        urls: tuple[str, ...] = (),
        artifact_type: str = "",
        data: str = "",
        extra: dict[str, object] | None = None,
    ) -> None:
        self.media_type = media_type
        self.digest = digest
        self.size = size
        self.annotations = annotations or {}
        self.platform = platform
        self.urls = urls
        self.artifact_type = artifact_type
        self.data = data
        self.extra = extra or {}

    def __repr__(self) -> str:
        return f"Descriptor({self.media_type!r}, {self.digest!r}, {self.size})"

    def __eq__(self, other: object) -> bool:
        return self.to_json() == other.to_json() if isinstance(other, Descriptor) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.media_type, self.digest, self.size))

    @property
    def toc_digest(self) -> str | None:
        """Digest of the layer's table of contents, None where it has none. Raises Corrupted where there are two."""
        found = [self.annotations[key] for key in (ESTARGZ_TOC, ZSTD_CHUNKED_TOC) if key in self.annotations]
        if len(found) > 1:
            raise Corrupted(f"layer {self.digest}: both zstd:chunked and eStargz TOC found")
        if found and not _digest.is_valid(found[0]):
            raise Corrupted(f"layer {self.digest}: invalid digest {found[0]!r} of its table of contents")
        return found[0] if found else None

    def to_json(self) -> dict[str, object]:
        """The JSON object, keys in the specification's order."""
        result: dict[str, object] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.urls:
            result["urls"] = list(self.urls)
        if self.annotations:
            result["annotations"] = dict(self.annotations)
        if self.data:
            result["data"] = self.data
        if self.platform is not None:
            result["platform"] = self.platform.to_json()
        if self.artifact_type:
            result["artifactType"] = self.artifact_type
        result.update(self.extra)
        return result

    @classmethod
    def from_json(cls, value: object, *, where: str = "descriptor") -> Descriptor:
        """Parse and validate; raises Corrupted naming `where`."""
        if not isinstance(value, dict):
            raise Corrupted(f"parsing {where}: not an object")
        data = dict(value)
        media_type = data.pop("mediaType", "")
        digest = data.pop("digest", None)
        size = data.pop("size", None)
        if not isinstance(media_type, str):
            raise Corrupted(f"parsing {where}: mediaType is not a string")
        if not isinstance(digest, str) or not _digest.is_valid(digest):
            raise Corrupted(f"parsing {where}: invalid digest {digest!r}")
        if not isinstance(size, int) or isinstance(size, bool) or size < -1:
            raise Corrupted(f"parsing {where}: invalid size {size!r}")
        annotations = data.pop("annotations", None) or {}
        urls = data.pop("urls", None) or []
        platform = data.pop("platform", None)
        artifact_type = data.pop("artifactType", None) or ""
        inline = data.pop("data", None) or ""
        if not isinstance(annotations, dict) or not all(
            isinstance(item, str) for item in annotations.values()
        ):
            raise Corrupted(f"parsing {where}: annotations are not strings")
        if not isinstance(urls, list) or not all(isinstance(item, str) for item in urls):
            raise Corrupted(f"parsing {where}: urls are not strings")
        if not isinstance(artifact_type, str) or not isinstance(inline, str):
            raise Corrupted(f"parsing {where}: artifactType or data is not a string")
        return cls(
            media_type,
            digest,
            size,
            annotations=annotations,
            platform=Platform.from_json(platform) if isinstance(platform, dict) else None,
            urls=tuple(urls),
            artifact_type=artifact_type,
            data=inline,
            extra=data,
        )
