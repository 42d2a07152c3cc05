"""Simple signatures in a lookaside store (containers-registries.d(5)): BASE/PATH@ALGORITHM=HEX/signature-N."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from ocicore.config import registries_d
from ocicore.errors import Error, InvalidInput, Unsupported
from ocicore.files import atomic
from ocicore.image.types import SystemContext
from ocicore.oci import digest as digests
from ocicore.oci.reference import Reference

_MAX_SIGNATURE = 4 * 1024 * 1024
_MAX_COUNT = 128


def read(context: SystemContext, named: Reference, digest: str) -> list[bytes]:
    """Signatures of a manifest; none where no store is configured."""
    base = _base(context, named, write=False)
    if not base:
        return []
    found: list[bytes] = []
    for number in range(1, _MAX_COUNT + 1):
        signature = _fetch(context, _address(base, named, digest, number))
        if signature is None:
            return found
        found.append(signature)
    raise InvalidInput(f"reading signatures of {named}: more than {_MAX_COUNT}")


def write(context: SystemContext, named: Reference, digest: str, signatures: Sequence[bytes]) -> None:
    """Store the signatures of a manifest, and remove what was there beyond them.

    Raises:
        Unsupported: no store, or one that cannot be written (http).
    """
    base = _base(context, named, write=True)
    if not base:
        raise Unsupported(
            f"writing signatures of {named}: no lookaside storage is configured for it",
            hint="name one in registries.d",
        )
    number = 0
    for number, signature in enumerate(signatures, 1):
        path = _path(_address(base, named, digest, number))
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            atomic.write(path, signature, 0o644)
        except OSError as exc:
            raise Error(f"writing signature {path}: {(exc.strerror or str(exc)).lower()}") from exc
    stale = number + 1
    while True:
        path = _path(_address(base, named, digest, stale))
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as exc:
            raise Error(f"removing signature {path}: {(exc.strerror or str(exc)).lower()}") from exc
        stale += 1


def append(
    context: SystemContext, named: Reference, digest: str, signature: bytes, *, directory: str = ""
) -> None:
    """Store one more signature of a manifest.

    Args:
        directory: instead of the store that registries.d names.

    Raises:
        Unsupported: no store, or one that cannot be written (http). InvalidInput: there are too many.
    """
    base = f"file://{os.path.abspath(directory)}" if directory else _base(context, named, write=True)
    if not base:
        raise Unsupported(
            f"no signature storage configuration found for {named}",
            hint="name one in registries.d, or give --directory",
        )
    for number in range(1, _MAX_COUNT + 1):
        path = _path(_address(base, named, digest, number))
        if os.path.exists(path):
            continue
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            atomic.write(path, signature, 0o644)
        except OSError as exc:
            raise Error(f"writing signature {path}: {(exc.strerror or str(exc)).lower()}") from exc
        return
    raise InvalidInput(f"storing a signature of {named}: there are {_MAX_COUNT} already")


def uses_attachments(context: SystemContext, named: Reference) -> bool:
    """Whether sigstore signatures of an image are looked for, and put, beside it in the registry."""
    directory = context.registries_d or registries_d.default_directory(context.paths)
    entry = registries_d.find(registries_d.load(directory), str(named))
    return entry is not None and bool(entry.use_sigstore_attachments)


def _base(context: SystemContext, named: Reference, *, write: bool) -> str:
    directory = context.registries_d or registries_d.default_directory(context.paths)
    configured = registries_d.load(directory)
    entry = registries_d.find(configured, str(named))
    if entry is not None:
        base = (entry.lookaside_staging if write else "") or entry.lookaside
        if base:
            return base.rstrip("/")
    if entry is None and context.paths.rootless:
        return "file://" + os.path.join(context.paths.data_home, "containers", "sigstore")
    if entry is None:
        return "file:///var/lib/containers/sigstore"
    return ""


def _address(base: str, named: Reference, digest: str, number: int) -> str:
    algorithm, encoded = digests.algorithm(digest), digests.encoded(digest)
    return f"{base}/{named.path}@{algorithm}={encoded}/signature-{number}"


def _path(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme != "file":
        raise Unsupported(f"writing signature {address}: only file: addresses can be written")
    return unquote(parts.path)


def _fetch(context: SystemContext, address: str) -> bytes | None:
    parts = urlsplit(address)
    if parts.scheme == "file":
        path = unquote(parts.path)
        try:
            with open(path, "rb") as file:
                data = file.read(_MAX_SIGNATURE + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise Error(f"reading signature {path}: {(exc.strerror or str(exc)).lower()}") from exc
    elif parts.scheme in ("http", "https"):
        import requests

        from ocicore.registry.web import open_session, reason

        try:
            with open_session() as session, session.get(address, timeout=30, stream=True) as answer:
                if answer.status_code in (404, 410):
                    return None
                answer.raise_for_status()
                data = answer.raw.read(_MAX_SIGNATURE + 1)
        except requests.RequestException as exc:
            raise Error(f"reading signature {address}: {reason(exc)}") from exc
    else:
        raise InvalidInput(f"unsupported lookaside address {address}")
    if len(data) > _MAX_SIGNATURE:
        raise InvalidInput(f"reading signature {address}: too large")
    return data
