"""`pypod network reload`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command
from pypod.options.select import LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Reload firewall rules for one or more containers",
    description="Makes the firewall rules of running containers anew, after something (a restart of the firewall) has "
    "removed them. Addresses stay the same.",
    options=(all_option("Reload network configuration of all containers"), LATEST),
    arguments=(
        Argument(
            "containers", min=0, max=None, metavar="[CONTAINER...]", completer="pypod.complete:containers"
        ),
    ),
    examples=(("pypod network reload --all", "everything that runs"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import network_membership, records
    from pypod.options import select
    from pypod.session import open_engine

    select.check(args)
    engine = open_engine(ctx)
    found, errors = select.chosen(engine, args, wanted=lambda c: c.status in records.ALIVE)
    return select.each(
        ctx,
        engine,
        found,
        errors,
        lambda c: network_membership.reload(engine, c),
        show=lambda typed, c: c.id,
    )
