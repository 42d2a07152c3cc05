"""`pypod network exists`: an exit status of 0 or 1."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Check if network exists",
    description="If the named network exists, exits with 0, otherwise with 1.",
    arguments=(Argument("network", completer="pypod.complete:networks"),),
    examples=(("pypod network exists net1 || pypod network create net1", "make it once"),),
    statuses=((1, "the network does not exist"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import network_setup
    from pypod.session import open_engine

    return 0 if network_setup.definitions(open_engine(ctx)).exists(args.network) else 1
