"""Names of manifest formats on the command line, and files named there."""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput
from ocicore.oci import media_types

_FORMATS = {
    "": "",
    "oci": media_types.OCI_MANIFEST,
    "v2s2": media_types.DOCKER_MANIFEST,
}


def manifest_type(name: str) -> str:
    """Media type of `--format`; raises InvalidInput."""
    if name == "v2s1":
        raise InvalidInput("manifests of schema 1 can be read, not written", hint="choose oci or v2s2")
    if name not in _FORMATS:
        raise InvalidInput(f"unknown format \"{name}\". Choose one of the supported formats: 'oci' or 'v2s2'")
    return _FORMATS[name]


def read_file(path: str) -> bytes:
    """A file the user named; raises Error."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as exc:
        raise Error(f"Error reading {path}: {(exc.strerror or '').lower()}") from exc
