"""--label, --label-file, --annotation: maps of texts."""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def read_labels(files: Iterable[str], entries: Iterable[str]) -> dict[str, str]:
    """Labels of files and of the command line; a bare KEY has an empty value. Raises Error, InvalidInput."""
    labels: dict[str, str] = {}
    for path in files:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read().split("\n")
        except OSError as error:
            raise Error(f"reading labels: open {path}: {(error.strerror or '').lower()}") from error
        labels.update(
            _pairs(line.strip() for line in lines if line.strip() and not line.strip().startswith("#"))
        )
    labels.update(_pairs(entries))
    return labels


def _pairs(entries: Iterable[str]) -> dict[str, str]:
    result = {}
    for entry in entries:
        key, _, value = entry.partition("=")
        if not key:
            raise InvalidInput(f"invalid label format: {entry!r}: the key is empty")
        result[key] = value
    return result


def read_annotations(entries: Iterable[str]) -> dict[str, str]:
    """KEY=VALUE annotations. Raises InvalidInput when there is no "="."""
    result = {}
    for entry in entries:
        key, equals, value = entry.partition("=")
        if not equals:
            raise InvalidInput("annotations must be formatted KEY=VALUE")
        result[key] = value
    return result


def read_pairs(entries: Iterable[str], what: str) -> dict[str, str]:
    """KEY=VALUE options named `what` in errors (sysctl, log-opt, cgroup-conf …). Raises InvalidInput."""
    result = {}
    for entry in entries:
        key, equals, value = entry.partition("=")
        if not equals or not key:
            raise InvalidInput(f"invalid {what} {entry!r}: must be KEY=VALUE")
        result[key] = value
    return result
