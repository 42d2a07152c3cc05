"""`pypod manifest remove`: an entry out of a list."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove an item from a manifest list or image index",
    description="Removes an item, named by its digest, from a manifest list or image index.",
    arguments=(
        Argument("name", metavar="LIST", completer="pypod.complete:images"),
        Argument("digest", metavar="DIGEST"),
    ),
    examples=(("pypod manifest remove mylist:v1.11 sha256:15352d97", "one entry"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from ocicore.image import manifest_list
    from ocicore.oci import digest as digests
    from pypod.session import open_engine

    if not digests.is_valid(args.digest):
        raise InvalidInput(f'invalid image digest "{args.digest}": invalid checksum digest format')
    found = manifest_list.load(open_engine(ctx).images, args.name)
    with found.lock():
        found.reload()
        found.remove(args.digest)
        found.save()
    ctx.print(found.id)
    return 0
