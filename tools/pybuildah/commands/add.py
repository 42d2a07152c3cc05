"""`pybuildah add`: copy files into a working container; archives are unpacked, URLs fetched."""

from __future__ import annotations

from ocicore.cli.declare import Command
from pybuildah.commands import _transfer
from pybuildah.options.shared import NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Add content to the container",
    description="Like copy, but local archives are unpacked and URLs fetched.",
    options=(*_transfer.OPTIONS,),
    arguments=_transfer.ARGUMENTS,
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
    too_few="container ID must be specified",
    examples=(("pybuildah add mycontainer rootfs.tar.gz /", "unpack an archive into the root"),),
)


def run(args: Args, ctx: Context) -> int:
    """Print the digest of what was added."""
    return _transfer.transfer(args, ctx, verb="ADD")
