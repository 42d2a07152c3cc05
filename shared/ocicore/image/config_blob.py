"""Reading an image's configuration, or another blob that is small enough to hold."""

from __future__ import annotations

from ocicore.errors import Corrupted
from ocicore.files.verified import VerifiedReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.image.types import ImageSource
    from ocicore.oci.descriptor import Descriptor

_CHUNK = 1 << 18


def read_config(source: ImageSource, descriptor: Descriptor, limit: int = 4 << 20) -> bytes:
    """A configuration blob, verified.

    Raises:
        Corrupted: larger than `limit`, or not what its descriptor says.
    """
    if descriptor.size > limit:
        raise Corrupted(
            f"reading config {descriptor.digest}: {descriptor.size} bytes, more than the {limit} allowed"
        )
    raw = source.open_blob(descriptor)
    try:
        reader = VerifiedReader(raw, descriptor.digest, descriptor.size if descriptor.size >= 0 else None)
        parts, total = [], 0
        while data := reader.read(_CHUNK):
            parts.append(data)
            total += len(data)
            if total > limit:
                raise Corrupted(f"reading config {descriptor.digest}: more than the {limit} bytes allowed")
        return b"".join(parts)
    finally:
        raw.close()
