"""One image: its layers side by side, its configuration, its manifest in a form the destination takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ocicore.errors import Corrupted, Error, InvalidInput, Unsupported
from ocicore.image import convert
from ocicore.image.config_blob import read_config
from ocicore.image.layer_copy import BlobCopier, CompressionPlan, LayerCryptography, Stopped
from ocicore.image.progress import Progress
from ocicore.image.types import ImageDestination, ImageSource, ManifestRejected
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import Manifest

if TYPE_CHECKING:
    from ocicore.image.blob_cache import BlobCache
    from ocicore.image.blob_info import BlobInfo
    from ocicore.image.encryption_keys import DecryptionKeys, Recipients

_MAX_LAYERS = 4096
T = TypeVar("T")


@dataclass(frozen=True)
class SingleResult:
    """The manifest as written."""

    manifest: bytes
    media_type: str
    digest: str


@dataclass(frozen=True)
class Encryption:
    """Of layers: for whom (None for nobody) and which (all when empty, negative from the end); private keys to read with."""

    recipients: Recipients | None = None
    layers: tuple[int, ...] = ()
    keys: DecryptionKeys | None = None


#: Makes a signature of a manifest's bytes.
Signer = Callable[[bytes], bytes]


def store_signatures(
    destination: ImageDestination,
    progress: Progress,
    copied: Sequence[bytes],
    signers: Sequence[Signer],
    manifest: bytes,
    instance: str | None,
) -> None:
    """Store the signatures that came along, and new ones."""
    made = []
    for signer in signers:
        kind = getattr(signer, "description", "simple signing")
        progress.note(f"Creating signature: Signing image using {kind}")
        made.append(signer(manifest))
    if copied or made:
        progress.note("Storing signatures")
        destination.put_signatures([*copied, *made], instance)


class ImageCopier:
    """Copies single images.

    Args:
        manifest_types: forms to try, best first.
        plan: compression of layers.
        preserve: why nothing may change, "" when it may.
        remove_signatures: leave the source's signatures behind.
        signers: make new signatures.
        parallel: layers at a time.
        cache: a folder with blobs, to read from and perhaps to fill.
        blob_info: what earlier copies learned, and where this one notes what it learns.
    """

    def __init__(
        self,
        source: ImageSource,
        destination: ImageDestination,
        *,
        manifest_types: Sequence[str],
        plan: CompressionPlan,
        progress: Progress,
        parallel: int,
        preserve: str,
        remove_signatures: bool,
        signers: Sequence[Signer] = (),
        precompute_in: str = "",
        encryption: Encryption | None = None,
        cache: BlobCache | None = None,
        blob_info: BlobInfo,
    ) -> None:
        self._source = source
        self._destination = destination
        destination.origin = source.reference.docker_reference
        self._types = list(manifest_types)
        self._plan = plan
        self._progress = progress
        self._parallel = max(1, parallel) if destination.parallel else 1
        self._preserve = preserve
        self._remove_signatures = remove_signatures
        self._signers = signers
        self._precompute_in = precompute_in
        self._encryption = encryption or Encryption()
        self._cache = cache
        self._blob_info = blob_info

    def copy(self, manifest: Manifest, source_instance: str | None, instance: str | None) -> SingleResult:
        """Copy an image.

        Args:
            manifest: of the image, as the source has it.
            source_instance: its digest in the source's list, None outside a list.
            instance: the digest it is to be stored under in the destination's list, None outside a list.
        """
        cryptography = self._cryptography(manifest)
        if not self._types:
            raise Unsupported(
                f"the destination takes no manifest of type {manifest.media_type} or made from it"
            )
        if len(manifest.layers) > _MAX_LAYERS:
            raise Corrupted(
                f"copying image: {len(manifest.layers)} layers, more than the {_MAX_LAYERS} allowed"
            )
        self._progress.note("Getting image source signatures")
        signatures = [] if self._remove_signatures else self._source.signatures(source_instance)
        if (signatures or self._signers) and self._destination.signatures_unsupported:
            raise Unsupported(
                f"Can not copy signatures to {self._destination.reference}: "
                f"{self._destination.signatures_unsupported}",
                hint="use --remove-signatures",
            )
        if signatures and self._destination.compression == "compress" and not self._plan.force:
            # A folder would like its layers compressed, but signatures are of the manifest as it is.
            self._plan = CompressionPlan()
        if self._preserve and manifest.media_type != self._types[0]:
            raise Error(
                f"Manifest conversion to {self._types[0]} is required, but the manifest cannot be modified: "
                f"{self._preserve}"
            )
        if manifest.config is None:
            return self._schema_1(manifest, instance)
        config = read_config(self._source, manifest.config)
        stored = self._source.layers_for_copy(source_instance)
        layers = list(stored) if stored is not None else manifest.layers
        alternatives: list[Descriptor | None] = [None] * len(layers)
        if stored is not None and len(stored) == len(manifest.layers):
            alternatives = list(manifest.layers)
        if stored is not None and self._destination.wants_config_first:
            alternatives = [None] * len(layers)
        if self._cache is not None and not signatures:
            layers = [self._cache.suggestion(layer) for layer in layers]
        self._destination.prepare(layers, config, instance)
        blobs = self._blob_copier(cryptography)
        copied = self._layers(blobs, layers, alternatives)
        same = [new == old for (new, _), old in zip(copied, manifest.layers, strict=False)]
        changed = len(copied) != len(manifest.layers) or not all(same)
        if changed and self._preserve:
            raise Error(
                "Copying this image would require changing layer representation, which we cannot do: "
                f'"{self._preserve}"'
            )
        if signatures and (changed or manifest.media_type != self._types[0]):
            raise Error(
                "Can not copy signatures: the image has to be changed on the way",
                hint="use --remove-signatures, or --preserve-digests to forbid changes",
            )
        result = self._write(blobs, manifest, config, copied, changed, instance)
        store_signatures(
            self._destination, self._progress, signatures, self._signers, result.manifest, instance
        )
        return result

    def _blob_copier(self, cryptography: LayerCryptography | None) -> BlobCopier:
        return BlobCopier(
            self._source,
            self._destination,
            self._plan,
            self._progress,
            self._precompute_in,
            cryptography,
            self._cache,
            blob_info=self._blob_info,
            oci=media_types.OCI_MANIFEST in self._types,
        )

    def _cryptography(self, manifest: Manifest) -> LayerCryptography | None:
        """What of the image is encrypted or decrypted; only OCI's manifests can name encrypted layers."""
        given = self._encryption
        encrypted = [layer for layer in manifest.layers if layer.media_type.endswith("+encrypted")]
        if given.recipients is None and not encrypted:
            return None
        if given.recipients is not None or given.keys is None:
            if self._destination.wants_config_first:
                raise Unsupported(
                    f"copying an encrypted image to {self._destination.reference.transport}: what is encrypted "
                    "does not match config's DiffID",
                    hint="give --decryption-key",
                )
            kinds = [kind for kind in self._types if media_types.is_oci(kind)]
            if not kinds:
                raise Unsupported(
                    f"encryption required together with format {', '.join(self._types)}, "
                    "which does not support encryption",
                    hint="use --format oci",
                )
            self._types = kinds
        total = len(manifest.layers)
        positions = set()
        for number in given.layers:
            if not -total <= number < total:
                raise InvalidInput(
                    f"when choosing layers to encrypt, layer index {number} out of range ({total} layers exist)"
                )
            positions.add(number % total)
        found = LayerCryptography(
            given.recipients, frozenset(positions if given.layers else range(total)), given.keys
        )
        for index, layer in enumerate(manifest.layers):
            if self._preserve and found.concerns(index, layer.media_type):
                word = "decrypted" if layer in encrypted else "encrypted"
                raise Error(
                    f"layer {layer.digest} should be {word}, but the manifest cannot be modified: {self._preserve}"
                )
        return found

    def _schema_1(self, manifest: Manifest, instance: str | None) -> SingleResult:
        """Schema 1 has no configuration: it is made from the history, once the layers are known."""
        from ocicore.image import schema1

        modern = schema1.modernise(self._source, manifest)
        kinds = [
            kind for kind in self._types if kind in (media_types.DOCKER_MANIFEST, media_types.OCI_MANIFEST)
        ]
        if not kinds:
            raise Unsupported("schema 1 images can be read, not written", hint="use --format v2s2 or oci")
        self._types = kinds
        self._source = modern.source
        self._destination.prepare(modern.manifest.layers, modern.config, instance)
        blobs = self._blob_copier(None)
        copied = self._layers(blobs, modern.manifest.layers, [None] * len(modern.manifest.layers))
        changed = any(compression is not None for _, compression in copied)
        return self._write(blobs, modern.manifest, modern.config, copied, changed, instance)

    def _layers(
        self,
        blobs: BlobCopier,
        layers: Sequence[Descriptor],
        alternatives: Sequence[Descriptor | None],
    ) -> list[tuple[Descriptor, str | None]]:
        """Copy the layers, each different one once, several at a time; the first failure stops the rest."""
        first_of: dict[str, int] = {}
        for index, layer in enumerate(layers):
            first_of.setdefault(layer.digest, index)
        # A store needs every layer of the chain, even the same one twice; encryption chooses by position.
        every = self._destination.wants_config_first or self._encryption.recipients is not None
        work = [index for index, layer in enumerate(layers) if every or first_of[layer.digest] == index]
        for index in work:
            layer = layers[index]
            self._progress.blob_started(layer.digest, layer.size if layer.size >= 0 else None, "blob")

        def one(index: int) -> tuple[Descriptor, str | None]:
            return blobs.layer(index, layers[index], alternatives[index])

        results = run_parallel([lambda index=index: one(index) for index in work], self._parallel, blobs.stop)  # type: ignore[misc]
        by_index = dict(zip(work, results, strict=True))
        found = []
        for index, layer in enumerate(layers):
            result, compression = by_index.get(index) or by_index[first_of[layer.digest]]
            found.append((result, compression))
        return found

    def _write(
        self,
        blobs: BlobCopier,
        manifest: Manifest,
        config: bytes,
        copied: Sequence[tuple[Descriptor, str | None]],
        changed: bool,
        instance: str | None,
    ) -> SingleResult:
        """Store configuration and manifest; a form that is refused makes way for the next."""
        assert manifest.config is not None
        refusals: list[str] = []
        stored_config = ""
        for number, kind in enumerate(self._types):
            converted = kind != manifest.media_type
            try:
                if converted:
                    new_config = convert.config_for(kind, config, manifest.media_type)
                    layers = [convert.layer_for(kind, layer, compression) for layer, compression in copied]
                    config_type = convert.config_type(kind)
                else:
                    new_config = config
                    config_type = manifest.config.media_type
                    layers = [
                        convert.layer_for(kind, layer, compression) if changed else layer
                        for layer, compression in copied
                    ]
            except Unsupported:
                if number + 1 < len(self._types):
                    continue
                raise
            digest = digests.from_bytes(new_config)
            if stored_config != digest:
                blobs.config(new_config, config_type)
                stored_config = digest
            if converted or changed:
                descriptor = Descriptor(config_type, digest, len(new_config))
                data = convert.manifest_for(kind, descriptor, layers, manifest)
            else:
                data = manifest.raw
            if number == 0 or not refusals:
                self._progress.note("Writing manifest to image destination")
            written = digests.from_bytes(data)
            try:
                self._destination.put_manifest(data, kind, written if instance is not None else None)
            except ManifestRejected as exc:
                refusals.append(f"{kind}({exc.message})")
                if self._preserve or number + 1 == len(self._types):
                    raise Error(
                        "Uploading manifest failed, attempted the following formats: " + ", ".join(refusals)
                    ) from exc
                continue
            if self._cache is not None and self._cache.keeps:
                self._cache.keep_manifest(data)
            return SingleResult(data, kind, written)
        raise Unsupported(f"no manifest type of {', '.join(self._types)} fits this image")


def run_parallel(
    tasks: Sequence[Callable[[], T]], workers: int, stop: Callable[[], None] = lambda: None
) -> list[T]:
    """Results of the tasks, in order; after the first failure those not begun are dropped, and it is raised.

    Args:
        stop: called on failure, to make tasks that have begun give up.
    """
    if workers <= 1 or len(tasks) <= 1:
        return [task() for task in tasks]
    with ThreadPoolExecutor(max_workers=min(workers, len(tasks)), thread_name_prefix="copy") as pool:
        futures: list[Future[T]] = [pool.submit(task) for task in tasks]
        try:
            _, pending = wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            # Interrupted: let the others end at their next piece, and drop those not begun.
            stop()
            for future in futures:
                future.cancel()
            raise
        if pending:
            stop()
            for future in pending:
                future.cancel()
            wait(pending)
    failures = [found for future in futures if not future.cancelled() and (found := future.exception())]
    # Those that gave up because of another's failure are not the cause.
    for failure in sorted(failures, key=lambda found: isinstance(found, Stopped)):
        raise failure
    return [future.result() for future in futures]
