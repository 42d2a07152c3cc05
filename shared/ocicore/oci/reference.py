"""Image references: `[DOMAIN/]PATH[:TAG][@DIGEST]`.

The grammar is distribution's (reference package); normalisation of short names (docker.io, library/) is Docker's.
Hand-written, because `run` parses one on every start and compiling the regular expressions costs more.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput
from ocicore.oci import digest as _digest

DEFAULT_DOMAIN = "docker.io"
LEGACY_DOMAIN = "index.docker.io"
OFFICIAL_PREFIX = "library/"
MAX_NAME_LENGTH = 255

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_TAG = _WORD | frozenset(".-")
_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
_HEX = frozenset("0123456789abcdef")


class InvalidReference(InvalidInput):
    """A text is no image reference."""


def _bad(text: str, why: str) -> str:
    # Scripts match Docker's "invalid reference format".
    return f'parsing reference "{text}": invalid reference format: {why}'


class Reference:
    """A parsed reference. `domain` is empty only for a reference that was not normalised."""

    __slots__ = ("digest", "domain", "path", "tag")

    def __init__(self, domain: str, path: str, tag: str | None = None, digest: str | None = None) -> None:
        self.domain = domain
        self.path = path
        self.tag = tag
        self.digest = digest

    @property
    def name(self) -> str:
        """`DOMAIN/PATH`, without tag and digest."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    def __str__(self) -> str:
        text = self.name
        if self.tag is not None:
            text += ":" + self.tag
        if self.digest is not None:
            text += "@" + self.digest
        return text

    def __repr__(self) -> str:
        return f"Reference({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Reference) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def familiar(self) -> str:
        """As Docker shows it: without docker.io/ and library/."""
        path, domain = self.path, self.domain
        if domain == DEFAULT_DOMAIN:
            rest = path.removeprefix(OFFICIAL_PREFIX)
            if "/" not in rest:
                domain, path = "", rest
            elif not is_domain(
                path.partition("/")[0]
            ):  # docker.io/a.b/c: without its registry, a.b would be one
                domain = ""
        return str(Reference(domain, path, self.tag, self.digest))

    def with_default_tag(self) -> Reference:
        """With `:latest` where there is neither tag nor digest."""
        if self.tag is None and self.digest is None:
            return Reference(self.domain, self.path, "latest")
        return self

    def with_tag(self, tag: str) -> Reference:
        """The same name with another tag, without digest."""
        if not valid_tag(tag):
            raise InvalidReference(f"invalid tag {tag!r}")
        return Reference(self.domain, self.path, tag)

    def with_digest(self, digest: str) -> Reference:
        """The same name by digest, without tag."""
        return Reference(self.domain, self.path, None, _digest.validate(digest))

    def without_tag_and_digest(self) -> Reference:
        """The repository alone."""
        return Reference(self.domain, self.path)


def valid_tag(tag: str) -> bool:
    """True for `[\\w][\\w.-]{0,127}`."""
    return 0 < len(tag) <= 128 and tag[0] in _WORD and _TAG.issuperset(tag)


def _valid_component(part: str) -> bool:
    # alphanumerics, separated by one dot, one or two underscores, or any number of dashes
    if not part or part[0] not in _LOWER or part[-1] not in _LOWER:
        return False
    index, length = 0, len(part)
    while index < length:
        if part[index] in _LOWER:
            index += 1
            continue
        start = index
        while index < length and part[index] not in _LOWER:
            index += 1
        separator = part[start:index]
        if separator not in (".", "_", "__") and separator.strip("-"):
            return False
    return True


def _valid_domain(text: str) -> bool:
    host, port = text, ""
    if text.startswith("["):
        host, closing, port = text.partition("]")
        if not closing or (port and not port.startswith(":")):
            return False
        inner = host[1:]
        if not inner or not frozenset("0123456789abcdefABCDEF:.").issuperset(inner):
            return False
        return not port or port[1:].isdigit()
    if ":" in text:
        host, _, port = text.partition(":")
        if not (port.isascii() and port.isdigit()):
            return False
    return bool(host) and all(
        part and _HOST.issuperset(part) and part[0] != "-" and part[-1] != "-" for part in host.split(".")
    )


def _split(text: str) -> tuple[str, str | None, str | None]:
    """(name, tag, digest) of a text, each still unchecked but for the digest."""
    name, at, digest_text = text.partition("@")
    digest: str | None = None
    if at:
        if not _digest.is_valid(digest_text):
            raise InvalidReference(_bad(text, f"invalid digest {digest_text!r}"))
        digest = digest_text
    tag: str | None = None
    colon = name.rfind(":")
    if colon > name.rfind("/"):
        name, tag = name[:colon], name[colon + 1 :]
        if not valid_tag(tag):
            raise InvalidReference(_bad(text, f"invalid tag {tag!r}"))
    return name, tag, digest


def is_domain(first: str) -> bool:
    """True when the first component of a name is a registry and not a part of the path (Docker's rule)."""
    return "." in first or ":" in first or first == "localhost"


def _check_path(text: str, path: str) -> None:
    for part in path.split("/"):
        if not _valid_component(part):
            if part.lower() != part and _valid_component(part.lower()):
                raise InvalidReference(_bad(text, "repository name must be lowercase"))
            raise InvalidReference(
                _bad(text, "invalid repository name"),
                hint="expected [REGISTRY/]NAME[:TAG][@DIGEST]",
            )


def parse(text: str) -> Reference:
    """Parse without adding anything; `domain` is empty where none is written.

    Raises InvalidReference.
    """
    if not text:
        raise InvalidReference(_bad(text, "empty"), hint="expected [REGISTRY/]NAME[:TAG][@DIGEST]")
    name, tag, digest = _split(text)
    first, slash, rest = name.partition("/")
    domain, path = (first, rest) if slash and is_domain(first) else ("", name)
    if domain and not _valid_domain(domain):
        raise InvalidReference(_bad(text, f"invalid registry {domain!r}"))
    _check_path(text, path)
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidReference(
            _bad(text, f"repository name must not be more than {MAX_NAME_LENGTH} characters")
        )
    return Reference(domain, path, tag, digest)


def parse_normalized(text: str) -> Reference:
    """Parse a name as Docker does: `busybox` is docker.io/library/busybox. No tag is added.

    Raises InvalidReference, also for 64 hexadecimal digits, which is an image ID.
    """
    if len(text) == 64 and _HEX.issuperset(text):
        raise InvalidReference(_bad(text, "64 hexadecimal digits are an image ID, not a name"))
    reference = parse(text)
    domain, path = reference.domain, reference.path
    if domain in ("", LEGACY_DOMAIN):
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = OFFICIAL_PREFIX + path
    if len(domain) + 1 + len(path) > MAX_NAME_LENGTH:
        raise InvalidReference(
            _bad(text, f"repository name must not be more than {MAX_NAME_LENGTH} characters")
        )
    return Reference(domain, path, reference.tag, reference.digest)
