"""`pypod init`: create containers in the runtime without starting their processes."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command
from pypod.options.select import LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Initialize one or more containers",
    description="Initialize one or more containers, creating the OCI spec and mounts for inspection. Container names or IDs can be used.",
    options=(all_option("Initialize all containers"), LATEST),
    arguments=(
        Argument(
            "containers",
            min=0,
            max=None,
            metavar="CONTAINER [CONTAINER...]",
            completer="pypod.complete:created",
        ),
    ),
    examples=(("pypod init --all", "initialize every container that has not started"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import records, start
    from pypod.options import select
    from pypod.session import open_engine

    select.check(args)
    engine = open_engine(ctx)
    found, errors = select.chosen(engine, args, wanted=lambda c: c.status == records.CONFIGURED)
    return select.each(ctx, engine, found, errors, lambda c: start.init(engine, c))
