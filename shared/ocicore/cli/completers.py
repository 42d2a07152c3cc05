"""Completers of options that several programs have; what a completer is: see `declare.Argument`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocicore.cli.context import Context

#: Completes namespaces of a build: a word, or the path of one.
BUILD_NAMESPACE = "=host private container ns: :file"
#: Completes names of images with their transports, which may also be paths of the host.
TRANSPORTS = "=containers-storage: dir: docker:// docker-archive: docker-daemon: oci: oci-archive: :nospace"


def capabilities(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of capabilities, with CAP_ when that is typed."""
    from ocicore.linux import caps

    yield "ALL"
    for name in sorted(caps.CAPABILITIES):
        yield name if incomplete.upper().startswith("CAP_") else name.removeprefix("CAP_")


def subordinate_users(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names in /etc/subuid."""
    return _first_fields("/etc/subuid")


def subordinate_groups(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names in /etc/subgid."""
    return _first_fields("/etc/subgid")


def _first_fields(path: str) -> Iterator[str]:
    with open(path, encoding="utf-8", errors="replace") as stream:
        for name in dict.fromkeys(line.partition(":")[0].strip() for line in stream):
            if name and not name.startswith("#"):
                yield name
