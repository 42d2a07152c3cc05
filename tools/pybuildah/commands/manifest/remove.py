"""`pybuildah manifest remove`: an entry out of a list."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove an entry from a manifest list or image index",
    arguments=(
        Argument("name", metavar="LIST"),
        Argument("digest", metavar="DIGEST"),
    ),
    too_few="At least a list name and a digest must be specified",
)


def run(args: Args, ctx: Context) -> int:
    """Print the list's ID and the digest removed."""
    from ocicore.oci import digest as digests
    from pybuildah import manifest_lists
    from pybuildah.session import Session

    found = manifest_lists.load(Session(ctx), args.name)
    digest = digests.validate(args.digest)
    with found.lock():
        found.reload()
        found.remove(digest)
        found.save()
    ctx.print(f"{found.id}: {digest}")
    return 0
