"""Options that sign or encrypt what is pushed; `ocicore.cli.signers` and `ocicore.cli.encryption` do what they say."""

from __future__ import annotations

from ocicore.cli.declare import Option

SIGNING = (
    Option(
        "sign-by",
        kind="string",
        metavar="FINGERPRINT",
        help="Sign the image using a GPG key with the specified FINGERPRINT",
    ),
    Option(
        "sign-by-sigstore",
        kind="path",
        metavar="PATH",
        help="Sign the image using a sigstore parameter file at PATH",
    ),
    Option(
        "sign-by-sigstore-private-key",
        kind="path",
        metavar="PATH",
        help="Sign the image using a sigstore private key at PATH",
    ),
    Option(
        "sign-by-sq-fingerprint",
        kind="string",
        metavar="FINGERPRINT",
        help="Sign the image using a Sequoia-PGP key with the specified FINGERPRINT (needs the program sq)",
    ),
    Option(
        "sign-passphrase-file",
        kind="path",
        metavar="PATH",
        help="Read a passphrase for signing an image from PATH",
    ),
)

ENCRYPTION = (
    Option(
        "encrypt-layer",
        kind="ints",
        metavar="NUMBER",
        help="Layers to encrypt, counted from 0, from the end if negative (default all)",
    ),
    Option(
        "encryption-key",
        kind="strings",
        metavar="PROTOCOL:FILE",
        help="Encrypt the image for a public key: jwe:FILE or pkcs7:FILE",
        completer="file",
    ),
)
