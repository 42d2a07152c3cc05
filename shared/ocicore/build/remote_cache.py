"""--cache-from and --cache-to: intermediate images at registries, one tag a step; the tag is buildah's cache key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocicore.errors import Error, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ocicore.image.local import LocalImage


def check(repositories: Sequence[str], option: str) -> list[str]:
    """Repositories without tag or digest. Raises InvalidInput."""
    from ocicore.oci import reference

    found = []
    for text in repositories:
        try:
            parsed = reference.parse_normalized(text)
        except InvalidInput as error:
            error.message = f'unable to parse value provided "{text}" to --{option}: {error.message}'
            raise
        if parsed.tag or parsed.digest:
            raise InvalidInput(
                f'unable to parse value provided "{text}" to --{option}: repository must contain neither a tag nor digest'
            )
        found.append(parsed.name)
    return found


def key(base: LocalImage | None, created_by: str, *, adds_layer: bool) -> str:
    """The tag of a step: a digest of the base's layers and history and of the step, as buildah computes it."""
    import hashlib

    from ocicore.files import quick_json

    made = hashlib.sha256()
    history: list[dict[str, Any]] = []
    kind = ""
    if base is not None:
        raw = quick_json.loads(base.config_bytes())
        history = raw.get("history") or []
        kind = str(quick_json.loads(base.manifest_bytes()).get("mediaType") or "")
        for digest in (raw.get("rootfs") or {}).get("diff_ids") or ():
            made.update(f"{digest}\n".encode())
    made.update(
        f"{'true' if adds_layer else 'false'}{created_by}\n{kind}\n".encode("utf-8", "surrogateescape")
    )
    for entry in history:
        for name in ("created_by", "author", "comment"):
            made.update(f"{entry.get(name) or ''}\n".encode("utf-8", "surrogateescape"))
        made.update(f"{_go_time(str(entry.get('created') or ''))}\n".encode())
        made.update(("true" if entry.get("empty_layer") else "false").encode() + b"\n")
    return made.hexdigest()


def _go_time(text: str) -> str:
    """A time as Go prints it: "2024-01-02 03:04:05 +0000 UTC"."""
    if not text:
        return "<nil>"
    date, _, clock = text.partition("T")
    return f"{date} {clock.removesuffix('Z')} +0000 UTC"


def push(image: LocalImage, repositories: Sequence[str], tag: str, send: Callable[[str, str], None]) -> None:
    """Put a step's image into every cache. Raises Error."""
    for repository in repositories:
        try:
            send(image.id, f"docker://{repository}:{tag}")
        except Error as error:
            raise Error(
                f'failed pushing cache to "{repository}:{tag}": {error.message}', hint=error.hint
            ) from error


def pull(repositories: Sequence[str], tag: str, fetch: Callable[[str], LocalImage]) -> LocalImage | None:
    """A step's image out of the first cache that has it, None when there is none."""
    for repository in repositories:
        try:
            return fetch(f"{repository}:{tag}")
        except Error:
            continue  # not there, or not to be reached: the step is done here then
    return None
