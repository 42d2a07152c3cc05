"""Errors a registry reports, as one line each (distribution-spec 1.1, "Error Codes")."""

from __future__ import annotations

from ocicore.errors import Error, NotFound
from ocicore.files import quick_json

#: Bodies of errors are read up to this many bytes.
MAX_ERROR_BODY = 64 * 1024

_WORDS = {
    "MANIFEST_UNKNOWN": "manifest unknown",
    "NAME_UNKNOWN": "repository name not known to registry",
    "BLOB_UNKNOWN": "blob unknown to registry",
    "DENIED": "requested access to the resource is denied",
    "UNAUTHORIZED": "authentication required",
    "TOOMANYREQUESTS": "too many requests",
    "UNSUPPORTED": "the operation is unsupported",
}


class RegistryError(Error):
    """A registry answered with an error.

    Attributes:
        http_status: the status code, 0 when there was no answer.
        codes: error codes of the body, e.g. ["MANIFEST_UNKNOWN"].
    """

    def __init__(
        self, message: str, *, http_status: int = 0, codes: tuple[str, ...] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.http_status = http_status
        self.codes = codes


class RemoteNotFound(RegistryError, NotFound):
    """The registry does not have the manifest, blob or repository."""


class Unauthorized(RegistryError):
    """The registry wants other credentials."""


class Unreachable(RegistryError):
    """No conversation with the registry was possible."""


class TlsFailure(Unreachable):
    """The registry's certificate is not acceptable, or it does not speak TLS."""


class CutConnection(RegistryError):
    """The connection ended in the middle of a body; can be resumed."""


def from_response(doing: str, status: int, body: bytes, host: str) -> RegistryError:
    """The error a response stands for.

    Args:
        doing: what was attempted, e.g. "reading manifest latest in localhost:5000/a".
        status: HTTP status code.
        body: beginning of the body.
        host: the registry, for the hint.
    """
    codes, text = _parse(body)
    if not text:
        # The answer to HEAD has no body.
        text = {401: _WORDS["UNAUTHORIZED"], 403: _WORDS["DENIED"]}.get(status, f"HTTP status {status}")
    if status == 401:
        return Unauthorized(
            f"{doing}: unauthorized: {text}",
            http_status=status,
            codes=codes,
            hint=f"log in with: login {host}",
        )
    if status == 403 or "DENIED" in codes:
        return Unauthorized(f"{doing}: denied: {text}", http_status=status, codes=codes)
    if status == 404 or {"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN"} & set(codes):
        return RemoteNotFound(f"{doing}: {text}", http_status=status, codes=codes)
    if status == 429:
        return RegistryError(
            f"{doing}: toomanyrequests: {text}",
            http_status=status,
            codes=codes,
            hint="the registry's quota is used up; log in or wait",
        )
    return RegistryError(f"{doing}: {text}", http_status=status, codes=codes)


def _parse(body: bytes) -> tuple[tuple[str, ...], str]:
    try:
        value = quick_json.loads(body)
    except (ValueError, RecursionError):
        return (), ""
    if not isinstance(value, dict):
        return (), ""
    found = value.get("errors")
    if isinstance(found, list):
        codes = tuple(str(item.get("code", "")) for item in found if isinstance(item, dict))
        texts = []
        for item in found:
            if isinstance(item, dict):
                texts.append(str(item.get("message") or _WORDS.get(str(item.get("code")), item.get("code"))))
        return codes, _one_line("; ".join(texts))
    # Token services and quay answer with {"details": …} or {"message": …}.
    for key in ("details", "message", "error_description", "error"):
        if isinstance(value.get(key), str):
            return (), _one_line(value[key])
    return (), ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
