"""containers-sigstore-signing-params.yaml(5): how to sign with sigstore (`--sign-by-sigstore`)."""

from __future__ import annotations

from ocicore.config.yaml_file import load_table, table, text
from ocicore.errors import InvalidInput, Unsupported

_FULCIO = frozenset(
    ("fulcioURL", "oidcMode", "oidcIDToken", "oidcIssuerURL", "oidcClientID", "oidcClientSecret")
)
_KEYS = frozenset(("privateKeyFile", "privateKeyPassphraseFile", "fulcio", "rekorURL"))


class SigningParameters:
    """A whole file.

    Attributes:
        private_key_file, passphrase_file: "" where there is none.
        fulcio: (address, identity token) or None.
        rekor: address of the log, or "".
    """

    __slots__ = ("fulcio", "passphrase_file", "private_key_file", "rekor")

    def __init__(
        self, private_key_file: str, passphrase_file: str, fulcio: tuple[str, str] | None, rekor: str
    ) -> None:
        self.private_key_file = private_key_file
        self.passphrase_file = passphrase_file
        self.fulcio = fulcio
        self.rekor = rekor


def load(path: str) -> SigningParameters:
    """Read a file.

    Raises:
        InvalidInput: it cannot be read, or contradicts itself.
        Unsupported: it wants an identity token fetched interactively.
    """
    value = load_table(path, _KEYS)
    key = text(value, "privateKeyFile", path)
    given = value.get("fulcio")
    fulcio = _fulcio(table(given, path, _FULCIO, "fulcio"), path) if given is not None else None
    if bool(key) == (fulcio is not None):
        raise InvalidInput(
            f'Error using --sign-by-sigstore: "{path}" has to name either privateKeyFile or fulcio'
        )
    rekor = text(value, "rekorURL", path)
    if fulcio is not None and not rekor:
        # A certificate of ten minutes proves nothing later without the log's time.
        raise InvalidInput(f'Error using --sign-by-sigstore: "{path}": fulcio needs rekorURL too')
    return SigningParameters(key, text(value, "privateKeyPassphraseFile", path), fulcio, rekor)


def _fulcio(value: dict[str, object], path: str) -> tuple[str, str]:
    url, mode = text(value, "fulcioURL", path), text(value, "oidcMode", path)
    if not url:
        raise InvalidInput(f'Error using --sign-by-sigstore: "{path}": missing fulcioURL')
    if mode in ("deviceGrant", "interactive"):
        raise Unsupported(
            f'Error using --sign-by-sigstore: "{path}": oidcMode {mode} is not available here',
            hint="get an identity token, and use oidcMode: staticToken with oidcIDToken",
        )
    if mode != "staticToken":
        raise InvalidInput(
            f'Error using --sign-by-sigstore: "{path}": '
            + (f'unknown oidcMode value "{mode}"' if mode else "missing oidcMode")
        )
    token = text(value, "oidcIDToken", path)
    if not token:
        raise InvalidInput(f'Error using --sign-by-sigstore: "{path}": missing oidcIDToken')
    return url, token
