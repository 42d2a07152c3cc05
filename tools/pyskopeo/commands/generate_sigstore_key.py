"""pyskopeo generate-sigstore-key."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Generate a sigstore public/private key pair",
    description="Writes PREFIX.private and PREFIX.pub; the private key is encrypted with a passphrase.",
    options=(
        Option("output-prefix", kind="path", metavar="PREFIX", help="Write the keys to PREFIX.pub and PREFIX.private"),
        Option("passphrase-file", kind="path", metavar="PATH", help="Read a passphrase for the private key from PATH"),
    ),
    examples=(("pyskopeo generate-sigstore-key --output-prefix mykey", "asks for a passphrase"),),
)  # fmt: skip


def run(args: Args, ctx: Context) -> int:
    """Write a new key pair; existing files are not touched."""
    import os

    from ocicore.cli.signers import read_passphrase
    from ocicore.errors import Error, InvalidInput
    from ocicore.files import atomic
    from ocicore.image import sigstore_sign

    if not args.output_prefix:
        raise InvalidInput('the "--output-prefix" option is required')
    private, public = args.output_prefix + ".private", args.output_prefix + ".pub"
    for path in (private, public):
        if os.path.lexists(path):
            raise InvalidInput(f"Refusing to overwrite existing {path}")
    passphrase = read_passphrase(args.passphrase_file) if args.passphrase_file else _ask()
    key, certificate = sigstore_sign.generate(passphrase.encode())
    try:
        atomic.write(private, key, 0o600)
        atomic.write(public, certificate, 0o644)
    except OSError as exc:
        raise Error(f"Error writing {private}: {(exc.strerror or str(exc)).lower()}") from exc
    ctx.print(f'Key written to "{private}" and "{public}"')
    return 0


def _ask() -> str:
    import getpass

    from ocicore.errors import InvalidInput

    passphrase = getpass.getpass("Passphrase: ")
    if getpass.getpass("Passphrase (again): ") != passphrase:
        raise InvalidInput("the passphrases are not the same")
    return passphrase
