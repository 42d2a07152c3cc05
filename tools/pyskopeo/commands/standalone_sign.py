"""pyskopeo standalone-sign."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Create a signature using local files",
    options=(
        Option("output", "o", kind="path", metavar="SIGNATURE", help="output the signature to SIGNATURE"),
        Option("passphrase-file", kind="path", help="file that contains a passphrase for the key"),
    ),
    arguments=(
        Argument("manifest", metavar="MANIFEST", completer="file"),
        Argument("docker_reference", metavar="DOCKER-REFERENCE"),
        Argument("fingerprint", metavar="KEY-FINGERPRINT"),
    ),
    too_few="Usage: pyskopeo standalone-sign manifest docker-reference key-fingerprint -o signature",
    too_many="Usage: pyskopeo standalone-sign manifest docker-reference key-fingerprint -o signature",
)


def run(args: Args, ctx: Context) -> int:
    """Write a simple signature of a manifest file."""
    from ocicore.cli.signers import simple_signer
    from ocicore.errors import InvalidInput
    from ocicore.files import atomic
    from pyskopeo.formats import read_file

    if not args.output:
        raise InvalidInput("--output is required", hint="add -o FILE")
    manifest = read_file(args.manifest)
    signer = simple_signer(args.fingerprint, args.passphrase_file, args.docker_reference, ctx)
    atomic.write(args.output, signer(manifest), 0o644)
    return 0
