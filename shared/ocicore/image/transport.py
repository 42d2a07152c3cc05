"""References to images in any transport: "TRANSPORT:WHAT-THE-TRANSPORT-UNDERSTANDS"."""

from __future__ import annotations

import sys

from ocicore.errors import InvalidInput
from ocicore.image.types import ImageReference

_TRANSPORTS = {
    "containers-storage": ("ocicore.image.containers_storage", "StorageReference"),
    "dir": ("ocicore.image.directory", "DirectoryReference"),
    "docker": ("ocicore.image.docker", "DockerReference"),
    "docker-archive": ("ocicore.image.docker_archive", "DockerArchiveReference"),
    "docker-daemon": ("ocicore.image.docker_daemon", "DockerDaemonReference"),
    "oci": ("ocicore.image.oci_layout", "OciReference"),
    "oci-archive": ("ocicore.image.oci_archive", "OciArchiveReference"),
    "sif": ("ocicore.image.sif", "SifReference"),
    "tarball": ("ocicore.image.tarball", "TarballReference"),
}


def names() -> list[str]:
    """Known transports, sorted."""
    return sorted(_TRANSPORTS)


def parse(text: str) -> ImageReference:
    """Parse a reference.

    Raises:
        InvalidInput: unknown transport, or malformed for it.
    """
    name, colon, rest = text.partition(":")
    if not colon:
        raise InvalidInput(
            f'Invalid image name "{text}", expected colon-separated transport:reference',
            hint=f"for example docker://{text}",
        )
    entry = _TRANSPORTS.get(name)
    if entry is None:
        raise InvalidInput(
            f'Invalid image name "{text}", unknown transport "{name}"', hint="one of " + ", ".join(names())
        )
    module, kind = entry
    __import__(module)  # importlib would be imported for this one call
    parser = getattr(sys.modules[module], kind)
    reference: ImageReference = parser.parse(rest)
    return reference


def has_transport(text: str) -> bool:
    """Whether the text begins with a known transport; "docker:latest" is an image's name."""
    name, colon, rest = text.partition(":")
    return bool(colon) and name in _TRANSPORTS and (name != "docker" or rest.startswith("//"))
