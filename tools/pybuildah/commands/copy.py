"""`pybuildah copy`: copy files into a working container, as they are."""

from __future__ import annotations

from ocicore.cli.declare import Command
from pybuildah.commands import _transfer
from pybuildah.options.shared import NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Copy content into the container",
    description="Copies files and directories into a working container and prints the digest of what was copied.",
    options=_transfer.OPTIONS,
    arguments=_transfer.ARGUMENTS,
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
    too_few="container ID must be specified",
    examples=(("pybuildah copy mycontainer ./app /app", "one file, or what is in a directory"),),
)


def run(args: Args, ctx: Context) -> int:
    """Print the digest of what was copied."""
    return _transfer.transfer(args, ctx, verb="COPY")
