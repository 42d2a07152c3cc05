"""Options several commands share, as values: for an image, for the source and the destination of a copy, for retries."""

from __future__ import annotations

from ocicore.cli.declare import Option

AUTHFILE = Option("authfile", kind="path", help="path of the registry credentials file")

RETRY = (
    Option("retry-times", kind="int", help="the number of times to possibly retry"),
    Option("retry-delay", kind="duration", help="Fixed delay between retries. If not set, retry uses an exponential backoff delay."),
)  # fmt: skip


def registry(
    prefix: str = "", *, authfile: bool = True, creds_also: tuple[str, ...] = ()
) -> tuple[Option, ...]:
    """Options for talking to a registry; `prefix` is "", "src-" or "dest-"; `creds_also` are older names."""
    options: tuple[Option, ...] = (
        Option(f"{prefix}creds", kind="string", also=creds_also, metavar="USERNAME[:PASSWORD]", help="Use USERNAME[:PASSWORD] for accessing the registry"),
        Option(f"{prefix}username", kind="string", help="Username for accessing the registry"),
        Option(f"{prefix}password", kind="string", help="Password for accessing the registry"),
        Option(f"{prefix}no-creds", help="Access the registry anonymously"),
        Option(f"{prefix}registry-token", kind="string", help="Provide a Bearer token for accessing the registry"),
        Option(f"{prefix}cert-dir", kind="path", metavar="PATH", help="use certificates at PATH (*.crt, *.cert, *.key) to connect to the registry or daemon"),
        Option(f"{prefix}tls-verify", kind="tristate", help="require HTTPS and verify certificates when talking to the container registry or daemon", default_text="true"),
    )  # fmt: skip
    if authfile:
        options += (
            Option(f"{prefix}authfile", kind="path", help="path of the registry credentials file") if prefix else AUTHFILE,
        )  # fmt: skip
    return options


def image(prefix: str = "", *, creds_also: tuple[str, ...] = ()) -> tuple[Option, ...]:
    """Options for naming an image in any transport."""
    return (
        *registry(prefix, creds_also=creds_also),
        Option(f"{prefix}daemon-host", kind="string", metavar="HOST", help="use docker daemon host at HOST (docker-daemon: only)"),
        Option(f"{prefix}shared-blob-dir", kind="path", metavar="DIRECTORY", help="DIRECTORY to use to share blobs across OCI repositories"),
    )  # fmt: skip


#: For both sides at once; skopeo warns about it.
OLD_TLS_VERIFY = Option(
    "tls-verify", kind="tristate", hidden=True, help="require HTTPS and verify certificates"
)

SIGNING = (
    Option("sign-by", kind="string", metavar="FINGERPRINT", help="Sign the image using a GPG key with the specified FINGERPRINT"),
    Option("sign-by-sigstore", kind="path", metavar="PATH", help="Sign the image using a sigstore parameter file at PATH"),
    Option("sign-by-sq-fingerprint", kind="string", metavar="FINGERPRINT", help="Sign the image using a Sequoia-PGP key with the specified FINGERPRINT (needs the program sq)"),
    Option("sign-by-sigstore-private-key", kind="path", metavar="PATH", help="Sign the image using a sigstore private key at PATH"),
    Option("sign-passphrase-file", kind="path", metavar="PATH", help="Read a passphrase for signing an image from PATH"),
)  # fmt: skip
