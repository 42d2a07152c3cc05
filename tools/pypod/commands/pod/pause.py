"""`pypod pod pause`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.pod import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Pause one or more pods",
    description="Freezes all running containers of one or more pods.",
    options=(Option("all", "a", help="Pause all running pods"), LATEST),
    arguments=(
        Argument("pods", min=0, max=None, metavar="POD [POD...]", completer="pypod.complete:pods_running"),
    ),
    examples=(("pypod pod pause mywebserverpod", "one pod"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_verbs
    from pypod.options import pod as pods
    from pypod.session import open_engine

    engine = open_engine(ctx)
    return pods.each(ctx, engine, args, lambda pod: pod_verbs.pause(engine, pod))
