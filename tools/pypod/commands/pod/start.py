"""`pypod pod start`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.pod import LATEST, POD_ID_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Start one or more pods",
    description="Starts all containers in one or more pods, their init containers first, one after the other.",
    options=(Option("all", "a", help="Start all pods"), LATEST, POD_ID_FILE),
    arguments=(Argument("pods", min=0, max=None, metavar="POD [POD...]", completer="pypod.complete:pods"),),
    examples=(("pypod pod start mywebserverpod", "one pod"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_verbs
    from pypod.options import pod as pods
    from pypod.session import open_engine

    engine = open_engine(ctx)
    return pods.each(ctx, engine, args, lambda pod: pod_verbs.start(engine, pod), as_typed=True)
