"""The copy engine: one image, or a whole list, from any source to any destination.

Order of events, as destinations rely on it: configuration known → layers, several at a time → configuration
stored → manifest → signatures → commit. What fails is taken back by the destination.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from ocicore.errors import Corrupted, Error, InvalidInput, Unsupported
from ocicore.files import quick_json
from ocicore.image import convert
from ocicore.image.blob_cache import BlobCache
from ocicore.image.blob_info import BlobInfo
from ocicore.image.docker import DockerDestination, DockerSource
from ocicore.image.image_copy import Encryption, ImageCopier, Signer, SingleResult, store_signatures
from ocicore.image.layer_copy import CompressionPlan
from ocicore.image.progress import Progress
from ocicore.image.types import (
    ImageDestination,
    ImageReference,
    ImageSource,
    ManifestRejected,
    SystemContext,
)
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import Index, Manifest, parse_manifest
from ocicore.oci.platform import Platform
from ocicore.oci.reference import parse_normalized

#: Set on an entry of a list whose layers are compressed with zstd (containers/image).
_ZSTD = "io.github.containers.compression.zstd"

MultiArch = Literal["system", "all", "index-only"]


@dataclass
class CopyOptions:
    """What the copy shall be.

    Attributes:
        multi_arch: of a list: the image for the platform, the list with all images, or the list alone.
        manifest_type: media type to convert to, "" to keep the source's where the destination takes it.
        compression: "gzip", "zstd", "zstd:chunked", "none" or "" for the destination's own wish; `compression_level`.
        force_compression: also recompress what is compressed in another format.
        exact_format: what the destination has of a layer in another format will not do; None for: if one was asked for.
        preserve_digests: fail rather than change a manifest.
        remove_signatures: leave the source's signatures behind.
        additional_tags: full names the destination shall get too (containers-storage, docker-archive).
        parallel: layers at a time.
        signers: make new signatures of the manifest's bytes.
        precompute_digests: compress into temporary files first, so that blobs a registry has are not sent.
        add_compression: of a list copied with all images: formats in which each platform shall be offered too.
        encryption: layers to encrypt or decrypt on the way.
        platforms: of a list, only the images for these, as a shorter list; then `multi_arch` does not matter.
        blob_cache: a folder with blobs, read before the source is asked, and perhaps filled.
    """

    multi_arch: MultiArch = "system"
    manifest_type: str = ""
    compression: str = ""
    compression_level: int | None = None
    force_compression: bool = False
    exact_format: bool | None = None
    preserve_digests: bool = False
    remove_signatures: bool = False
    additional_tags: Sequence[str] = ()
    parallel: int = 6
    signers: Sequence[Signer] = field(default_factory=tuple)
    precompute_digests: bool = False
    add_compression: Sequence[str] = ()
    encryption: Encryption = field(default_factory=Encryption)
    platforms: Sequence[Platform] = ()
    blob_cache: BlobCache | None = None


@dataclass(frozen=True)
class CopyResult:
    """What was written.

    Attributes:
        manifest: bytes of the manifest or list at the destination; `digest` is theirs.
        destination: still at hand for what it learned (the image in a store).
    """

    manifest: bytes
    digest: str
    media_type: str
    destination: ImageDestination


def copy(
    source: ImageReference,
    destination: ImageReference,
    *,
    source_context: SystemContext,
    destination_context: SystemContext,
    options: CopyOptions | None = None,
    progress: Progress | None = None,
) -> CopyResult:
    """Copy an image.

    Raises:
        Error: anything that went wrong, in one line; nothing is left at the destination but blobs that
            a registry keeps on its own account.
    """
    options = options or CopyOptions()
    progress = progress or Progress()
    with _explained(f"initializing source {source}"):
        opened = source.source(source_context)
    try:
        with _explained(f"initializing destination {destination}"):
            target = destination.destination(destination_context)
        done = False
        try:
            result = _Copy(
                opened, target, source_context, options, progress, destination_context.blob_info
            ).run()
            done = True
            return result
        finally:
            if not done:
                target.discard()
            for context in (source_context, destination_context):
                context.blob_info.flush()
    finally:
        opened.close()


@contextmanager
def _explained(doing: str) -> Iterator[None]:
    """Put what was being done in front of an error's message, as scripts expect it."""
    try:
        yield
    except Error as exc:
        exc.message = f"{doing}: {exc.message}"
        raise


class _Copy:
    def __init__(
        self,
        source: ImageSource,
        destination: ImageDestination,
        context: SystemContext,
        options: CopyOptions,
        progress: Progress,
        blob_info: BlobInfo,
    ) -> None:
        self._blob_info = blob_info
        self._source = source
        self._destination = destination
        self._context = context
        self._options = options
        self._progress = progress
        self._mount_where_possible()

    def run(self) -> CopyResult:
        data, media_type = self._source.manifest()
        parsed = parse_manifest(data, media_type, quick_json.loads)
        self._add_tags()
        if isinstance(parsed, Manifest):
            self._check_policy(data, parsed.media_type, None)
            single = self._image(parsed, None)
            self._destination.commit()
            return self._result(single.manifest, single.media_type)
        if self._options.multi_arch == "system" and not self._options.platforms:
            with _explained(f"choosing an image from manifest list {self._source.reference}"):
                chosen = parsed.choose(self._context.wanted_platform())
            manifest = self._instance(chosen)
            self._check_policy(manifest.raw, manifest.media_type, chosen.digest)
            set_toplevel = getattr(self._destination, "set_toplevel", None)
            if set_toplevel is not None:
                set_toplevel(data)
            single = self._image(manifest, None, source_instance=chosen.digest)
            self._destination.commit()
            return self._result(single.manifest, single.media_type)
        return self._list(parsed)

    def _image(
        self,
        manifest: Manifest,
        instance: str | None,
        *,
        source_instance: str | None = None,
        types: Sequence[str] | None = None,
        plan: CompressionPlan | None = None,
    ) -> SingleResult:
        copier = ImageCopier(
            self._source,
            self._destination,
            manifest_types=types if types is not None else self._candidates(manifest.media_type),
            plan=plan or self._plan(),
            progress=self._progress,
            parallel=self._options.parallel,
            preserve=self._cannot_change(),
            remove_signatures=self._options.remove_signatures,
            signers=self._options.signers,
            precompute_in=self._context.tmp if self._options.precompute_digests else "",
            encryption=self._options.encryption,
            cache=self._options.blob_cache,
            blob_info=self._blob_info,
        )
        return copier.copy(manifest, source_instance if source_instance is not None else instance, instance)

    def _list(self, index: Index) -> CopyResult:
        if not self._destination.supports_lists:
            raise Unsupported(
                f"copying multiple images to {self._destination.reference.transport}: "
                "manifest lists are not supported there",
                hint="leave --all out, or use --multi-arch system",
            )
        self._check_policy(index.raw, index.media_type, None)
        index_type = self._index_type(index)
        if index_type != index.media_type and self._options.preserve_digests:
            raise Error("cannot convert the manifest list: --preserve-digests was given")
        image_type = (
            media_types.OCI_MANIFEST if media_types.is_oci(index_type) else media_types.DOCKER_MANIFEST
        )
        entries = chosen_entries(index, self._options.platforms)
        shortened = len(entries) != len(index.manifests)
        if shortened and self._options.preserve_digests:
            raise Error("cannot shorten the manifest list: --preserve-digests was given")
        written: list[Descriptor] = list(entries)
        if self._options.multi_arch != "index-only":
            total = len(entries)
            self._progress.note(
                f"Copying {total} images generated from {len(index.manifests)} images in list"
            )
            for number, entry in enumerate(entries):
                self._progress.note(f"Copying image {entry.digest} ({number + 1}/{total})")
                manifest = self._instance(entry)
                types = [manifest.media_type] if index_type == index.media_type else [image_type]
                if self._options.manifest_type:
                    types = [self._options.manifest_type]
                single = self._image(manifest, entry.digest, types=types)
                written[number] = _entry(entry, single)
            for format in self._options.add_compression:
                written += self._variants(entries, written, format)
        changed = (
            shortened
            or index_type != index.media_type
            or len(written) != len(entries)
            or any(new is not old for new, old in zip(written, entries, strict=True))
        )
        data = convert.index_for(index_type, index, written) if changed else index.raw
        self._progress.note("Writing manifest list to image destination")
        self._destination.put_manifest(data, index_type)
        if self._options.blob_cache is not None and self._options.blob_cache.keeps:
            self._options.blob_cache.keep_manifest(data)
        signatures = [] if self._options.remove_signatures else self._source.signatures()
        if signatures and changed:
            raise Error(
                "copying signatures: the manifest list had to change, so they would not fit",
                hint="use --remove-signatures",
            )
        store_signatures(self._destination, self._progress, signatures, self._options.signers, data, None)
        self._destination.commit()
        return self._result(data, index_type)

    def _variants(
        self, entries: Sequence[Descriptor], written: Sequence[Descriptor], format: str
    ) -> list[Descriptor]:
        """Each image once more with its layers in another format, for platforms that have none in it."""
        zstd = format.startswith("zstd")
        present = {str(item.platform) for item in written if _is_zstd(item) == zstd}
        made = []
        for entry in entries:
            if entry.artifact_type or str(entry.platform) in present:
                continue
            self._progress.note(f"Replicating image {entry.digest} with {format}")
            types = [media_types.OCI_MANIFEST] if zstd else None
            plan = CompressionPlan(format, self._options.compression_level, force=True, exact=True)
            single = self._image(self._instance(entry), entry.digest, types=types, plan=plan)
            annotations = dict(entry.annotations)
            annotations.pop(_ZSTD, None)
            if zstd:
                annotations[_ZSTD] = "true"
            made.append(_entry(entry, single, annotations))
        return made

    def _instance(self, entry: Descriptor) -> Manifest:
        if not digests.is_valid(entry.digest):
            raise Corrupted(f"manifest list: invalid digest {entry.digest!r}")
        data, media_type = self._source.manifest(entry.digest)
        parsed = parse_manifest(data, media_type, quick_json.loads)
        if not isinstance(parsed, Manifest):
            # A list in a list could go on for ever.
            raise Unsupported(f"manifest list: entry {entry.digest} is itself a list")
        return parsed

    def _index_type(self, index: Index) -> str:
        forced = self._options.manifest_type
        if forced == media_types.OCI_MANIFEST:
            return media_types.OCI_INDEX
        if forced == media_types.DOCKER_MANIFEST:
            return media_types.DOCKER_LIST
        if forced:
            raise InvalidInput(f"manifest lists cannot be converted to {forced}")
        accepted = self._destination.manifest_types
        if not accepted or index.media_type in accepted:
            return index.media_type
        return next(item for item in accepted if media_types.is_index(item))

    def _candidates(self, source_type: str) -> list[str]:
        """Manifest types to try, best first."""
        if self._options.manifest_type:
            return [self._options.manifest_type]
        accepted = self._destination.manifest_types or (
            media_types.OCI_MANIFEST,
            media_types.DOCKER_MANIFEST,
            media_types.DOCKER_V1_SIGNED,
            media_types.DOCKER_V1,
        )
        kinds = [kind for kind in accepted if media_types.is_manifest(kind)]
        if self._options.compression.startswith("zstd"):
            kinds = [kind for kind in kinds if media_types.is_oci(kind)]
        if source_type in kinds:
            first = [source_type]
        elif source_type in (media_types.DOCKER_V1, media_types.DOCKER_V1_SIGNED):
            first = [media_types.DOCKER_MANIFEST] if media_types.DOCKER_MANIFEST in kinds else []
        else:
            first = []
        rest = [kind for kind in (media_types.DOCKER_MANIFEST, media_types.OCI_MANIFEST) if kind in kinds]
        return list(dict.fromkeys(first + rest))

    def _plan(self) -> CompressionPlan:
        options = self._options
        kept = self._destination.compression == "preserve" and not options.force_compression
        if options.compression and not kept:
            # Where layers are compressed anyway, a format that was asked for goes for all of them.
            force = options.force_compression or self._destination.compression == "compress"
            exact = options.exact_format is not False
            return CompressionPlan(options.compression, options.compression_level, force, exact)
        if options.preserve_digests or self._destination.compression == "preserve":
            return CompressionPlan()
        if self._destination.compression == "decompress":
            return CompressionPlan("none")
        return CompressionPlan("gzip", options.compression_level)

    def _cannot_change(self) -> str:
        """Why manifests must stay as they are, "" when they need not."""
        if self._options.preserve_digests:
            return "Instructed to preserve digests"
        named = self._destination.reference.docker_reference
        if self._destination.reference.transport == "docker" and named and "@" in named:
            return "Destination specifies a digest"
        return ""

    def _check_policy(self, data: bytes, media_type: str, instance: str | None) -> None:
        from ocicore.image import trust

        trust.check(self._context, self._source, data, instance)

    def _add_tags(self) -> None:
        if not self._options.additional_tags:
            return
        add = getattr(self._destination, "add_names", None)
        if add is None:
            raise Unsupported(
                f"additional tags are not supported by {self._destination.reference.transport}: destinations",
                hint="they are for containers-storage: and docker-archive:",
            )
        add(self._options.additional_tags)

    def _mount_where_possible(self) -> None:
        """Let a registry take blobs over from repositories of its own in which the source's blobs may be."""
        if not isinstance(self._destination, DockerDestination):
            return
        if isinstance(self._source, DockerSource):
            if self._source.client.host == self._destination.client.host:
                self._destination.mount_from.append(self._source.repository)
            return
        image = getattr(self._source, "image", None)
        if image is not None:
            # An image that was pulled from this registry: its compressed layers are there.
            host = self._destination.reference.named.domain
            known = (parse_normalized(name) for name in [*image.names, *image.names_history])
            paths = [named.path for named in known if named.domain == host]
            self._destination.mount_from += dict.fromkeys(paths)

    def _result(self, data: bytes, media_type: str) -> CopyResult:
        return CopyResult(data, digests.from_bytes(data), media_type, self._destination)


def chosen_entries(index: Index, platforms: Sequence[Platform]) -> list[Descriptor]:
    """The list's entries for the platforms, in the list's order; all of them for no platform.

    Raises:
        NotFound: there is none for one of the platforms.
    """
    if not platforms:
        return list(index.manifests)
    chosen = {index.choose(wanted).digest for wanted in platforms}
    return [entry for entry in index.manifests if entry.digest in chosen]


def _is_zstd(entry: Descriptor) -> bool:
    return entry.annotations.get(_ZSTD) == "true"


def _entry(entry: Descriptor, single: SingleResult, annotations: dict[str, str] | None = None) -> Descriptor:
    if single.digest == entry.digest and annotations is None:
        return entry
    return Descriptor(
        single.media_type,
        single.digest,
        len(single.manifest),
        annotations=entry.annotations if annotations is None else annotations,
        platform=entry.platform,
        urls=entry.urls,
        artifact_type=entry.artifact_type,
        extra=entry.extra,
    )


__all__ = ["CopyOptions", "CopyResult", "ManifestRejected", "MultiArch", "copy"]
