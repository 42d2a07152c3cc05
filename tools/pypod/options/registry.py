"""Options of commands that talk to registries."""

from __future__ import annotations

from ocicore.cli.declare import Option

REGISTRY = (
    Option(
        "authfile",
        kind="path",
        metavar="string",
        help="Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override",
    ),
    Option(
        "cert-dir",
        kind="path",
        metavar="Pathname",
        help="Pathname of a directory containing TLS certificates and keys",
    ),
    Option(
        "creds",
        kind="string",
        metavar="Credentials",
        help="Credentials (USERNAME:PASSWORD) to use for authenticating to a registry",
    ),
    Option(
        "tls-verify",
        kind="tristate",
        default_text="true",
        help="Require HTTPS and verify certificates when contacting registries",
    ),
)

SIGNATURE_POLICY = Option(
    "signature-policy",
    kind="path",
    metavar="string",
    hidden=True,
    help="Path of the signature policy file in place of the usual one",
)

PLATFORM = (
    Option(
        "arch",
        kind="string",
        metavar="ARCH",
        help="Use ARCH instead of the architecture of the machine for choosing images",
        completer="=386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
    ),
    Option(
        "os",
        kind="string",
        metavar="OS",
        help="Use OS instead of the running OS for choosing images",
        completer="=linux windows",
    ),
    Option(
        "platform",
        kind="string",
        help="Specify the platform for selecting the image. (Conflicts with arch and os)",
    ),
    Option(
        "variant",
        kind="string",
        help="Use VARIANT instead of the running architecture variant for choosing images",
    ),
)


def retry_options(doing: str) -> tuple[Option, ...]:
    """--retry and --retry-delay of a command that does a "pull" or "push"; their defaults are containers.conf's."""
    return (
        Option(
            "retry",
            kind="uint",
            default=3,
            help=f"number of times to retry in case of failure when performing {doing}",
        ),
        Option("retry-delay", kind="string", help=f"delay between retries in case of {doing} failures"),
    )


RETRY = retry_options("pull")
