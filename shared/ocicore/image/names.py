"""Which full names a user's image name may stand for in the local store.

Follows podman's rules: a short name (no registry in front) means its alias, then
localhost/, then the unqualified-search registries, then docker.io. On the hot path.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HEX = frozenset("0123456789abcdef")


def has_registry(name: str) -> bool:
    """Whether the first component of the name is a registry host (has a dot, a port, or is localhost)."""
    first, slash, _ = name.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def is_full_id(text: str) -> bool:
    """Whether the text is 64 lower-case hexadecimal digits."""
    return len(text) == 64 and _HEX.issuperset(text)


def is_id_prefix(text: str) -> bool:
    """Whether the text could be the beginning of an identifier."""
    return 0 < len(text) <= 64 and _HEX.issuperset(text)


def split_suffix(name: str) -> tuple[str, str]:
    """Split "repo:tag" or "repo@digest" into (repo, ":tag" | "@digest" | "")."""
    at = name.find("@")
    if at >= 0:
        return name[:at], name[at:]
    colon = name.rfind(":")
    if colon > name.rfind("/"):
        return name[:colon], name[colon:]
    return name, ""


def strip_tag_of_digested(name: str) -> str:
    """ "repo:tag@digest" without its tag: the digest alone decides, as in Docker."""
    at = name.find("@")
    if at < 0:
        return name
    repository, _ = split_suffix(name[:at])
    return repository + name[at:]


def with_default_tag(name: str) -> str:
    """The name with ":latest" where it has neither tag nor digest."""
    return name if split_suffix(name)[1] else name + ":latest"


def normalise(name: str) -> str:
    """The full name `tag`, `commit` or `build -t` stores: localhost/ before short names, a tag at the end.

    Raises:
        InvalidInput: the name does not follow the reference grammar.
    """
    from ocicore.oci import reference

    short = strip_tag_of_digested(name)
    if not has_registry(short):
        short = "localhost/" + short.lstrip("/")
    if split_suffix(short)[0].endswith("/") or not name:
        raise InvalidInput(f'normalizing name "{name}": invalid reference format')
    return with_default_tag(str(reference.parse_normalized(short)))


def docker_io(name: str) -> str:
    """The name as Docker understands it: docker.io/library/ added where it is short."""
    first, slash, rest = name.partition("/")
    if not slash:
        return "docker.io/library/" + name
    if not has_registry(name):
        return "docker.io/" + name
    if first == "index.docker.io":
        first = "docker.io"
    if first == "docker.io" and "/" not in rest:
        return "docker.io/library/" + rest
    return f"{first}/{rest}"


def local_candidates(name: str, aliases: Mapping[str, str], search: Sequence[str]) -> list[str]:
    """Full names to try in the store for `name`, in order and without repetition.

    Args:
        name: what the user typed, without a transport.
        aliases: short-name aliases of registries.conf, repository to repository.
        search: unqualified-search registries, in order.
    """
    if has_registry(name):
        return [with_default_tag(docker_io(name))]
    found: list[str] = []
    repository, suffix = split_suffix(name)
    alias = aliases.get(repository)
    if alias:
        found.append(with_default_tag(docker_io(alias) + suffix))
    for registry in ("localhost", *search):
        full = f"{registry}/{name}" if registry != "docker.io" else docker_io(name)
        found.append(with_default_tag(full))
    found.append(with_default_tag(docker_io(name)))
    return list(dict.fromkeys(found))


def matches_fuzzily(stored: str, repository: str, tag: str | None) -> bool:
    """Whether a stored name ends, at a component boundary, in the repository asked for, with that tag."""
    stored_repository, suffix = split_suffix(stored)
    if tag is not None and suffix != ":" + tag:
        return False
    return stored_repository == repository or stored_repository.endswith("/" + repository)
