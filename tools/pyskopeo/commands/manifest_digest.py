"""pyskopeo manifest-digest."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Compute a manifest digest of a file",
    arguments=(Argument("manifest", metavar="MANIFEST-FILE", completer="file"),),
    too_few="Usage: pyskopeo manifest-digest manifest",
    too_many="Usage: pyskopeo manifest-digest manifest",
    examples=(("pyskopeo manifest-digest manifest.json", "sha256:…"),),
)


def run(args: Args, ctx: Context) -> int:
    """Print the digest."""
    from ocicore.errors import Error
    from ocicore.oci.manifest import manifest_digest

    try:
        with open(args.manifest, "rb") as file:
            data = file.read()
    except OSError as exc:
        reason = (exc.strerror or "").lower()
        raise Error(f"Error reading manifest from {args.manifest}: open {args.manifest}: {reason}") from exc
    ctx.print(manifest_digest(data))
    return 0
