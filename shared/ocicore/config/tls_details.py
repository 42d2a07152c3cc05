"""containers-tls-details.yaml(5): what TLS connections have to be like (`--tls-details`)."""

from __future__ import annotations

from ocicore.config.yaml_file import load_table, text, texts
from ocicore.errors import InvalidInput

_VERSIONS = ("1.0", "1.1", "1.2", "1.3")
_GROUPS = ("secp256r1", "secp384r1", "secp521r1", "x25519", "X25519MLKEM768")


class TlsDetails:
    """A whole file.

    Attributes:
        min_version: "1.0" to "1.3", "" for the library's own.
        cipher_suites, named_groups: IANA's names, None for the library's own.
    """

    __slots__ = ("cipher_suites", "min_version", "named_groups")

    def __init__(
        self, min_version: str, cipher_suites: list[str] | None, named_groups: list[str] | None
    ) -> None:
        self.min_version = min_version
        self.cipher_suites = cipher_suites
        self.named_groups = named_groups


def load(path: str) -> TlsDetails:
    """Read a file.

    Raises:
        InvalidInput: it cannot be read, or says something unknown.
    """
    value = load_table(path, {"minVersion", "cipherSuites", "namedGroups"})
    version = text(value, "minVersion", path)
    if version and version not in _VERSIONS:
        raise InvalidInput(
            f'parsing TLS details "{path}": unrecognized TLS minimum version "{version}"',
            hint=f"one of {', '.join(_VERSIONS)}, in quotes",
        )
    suites, groups = texts(value, "cipherSuites", path), texts(value, "namedGroups", path)
    for name in suites or ():
        if not name.startswith("TLS_"):
            raise InvalidInput(f'parsing TLS details "{path}": unrecognized TLS cipher suite "{name}"')
    for name in groups or ():
        if name not in _GROUPS:
            raise InvalidInput(
                f'parsing TLS details "{path}": unrecognized TLS named group "{name}"',
                hint=f"one of {', '.join(_GROUPS)}",
            )
    return TlsDetails(version, suites, groups)
