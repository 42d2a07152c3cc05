"""Options that several commands take, each a tuple to be spliced into a command's own."""

from __future__ import annotations

from ocicore.cli.declare import Option

REGISTRY = (
    Option("authfile", kind="path", help="Path of the authentication file", env="REGISTRY_AUTH_FILE"),
    Option("cert-dir", kind="path", help="Use certificates at the specified path to access the registry"),
    Option("creds", kind="string", metavar="[USERNAME[:PASSWORD]]", help="Credentials for the registry"),
    Option("tls-verify", kind="tristate", help="Require HTTPS and verify certificates"),
    Option("retry", kind="int", default=3, help="Number of times to retry in case of failure"),
    Option("retry-delay", kind="string", help="Delay between retries in case of failures"),
    Option("signature-policy", kind="path", hidden=True, help="Path of the signature policy file"),
)
HISTORY = Option(
    "add-history", kind="tristate", help="Add an entry for this operation to the image's history"
)
QUIET = Option("quiet", "q", help="Do not print progress")
FORMAT = Option(
    "format", "f", kind="string", metavar="FORMAT", help="Format of the image manifest: oci or docker"
)
#: buildah's options come first; what follows is names.
NO_OPTIONS_AFTER = "no options ({}) can be specified after the image or container name"
COMPRESSION = (
    Option("compression-format", kind="string", help="Compression of layers: gzip, zstd or none"),
    Option("compression-level", kind="int", default=-1, help="Compression level"),
    Option(
        "disable-compression",
        "D",
        kind="bool",
        default=True,
        help="Do not compress layers; in the store they never are",
    ),
    Option("force-compression", help="Recompress layers that have another compression"),
)
SIGN_BY = Option(
    "sign-by", kind="string", metavar="FINGERPRINT", help="Sign with the GnuPG key that has this fingerprint"
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
    ),
)
DECRYPTION_KEY = Option(
    "decryption-key", kind="strings", metavar="KEY[:PASSPHRASE]", help="Private key for an encrypted image"
)
#: Older ways to say --pull=always and --pull=never.
PULL_SYNONYMS = (
    Option("pull-always", hidden=True, help="Pull the image even if it is there"),
    Option("pull-never", hidden=True, help="Do not pull the image"),
)
BLOB_CACHE = Option(
    "blob-cache",
    kind="path",
    hidden=True,
    metavar="DIRECTORY",
    help="Keep blobs in this directory, and take from it what is there",
)
