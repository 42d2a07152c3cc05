"""`pypod pod restart`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.pod import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Restart one or more pods",
    description="Stops what runs in one or more pods, and starts all their containers.",
    options=(Option("all", "a", help="Restart all pods"), LATEST),
    arguments=(Argument("pods", min=0, max=None, metavar="POD [POD...]", completer="pypod.complete:pods"),),
    examples=(("pypod pod restart mywebserverpod", "one pod"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_verbs
    from pypod.options import pod as pods
    from pypod.session import open_engine

    engine = open_engine(ctx)
    return pods.each(ctx, engine, args, lambda pod: pod_verbs.restart(engine, pod))
