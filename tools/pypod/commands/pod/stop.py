"""`pypod pod stop`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.pod import IGNORE, LATEST, POD_ID_FILE, TIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Stop one or more pods",
    description="Stops the running containers of one or more pods: all are asked to end, and killed after a grace time.",
    options=(Option("all", "a", help="Stop all running pods"), IGNORE, LATEST, POD_ID_FILE, TIME),
    arguments=(
        Argument("pods", min=0, max=None, metavar="POD [POD...]", completer="pypod.complete:pods_running"),
    ),
    examples=(("pypod pod stop --time 2 mywebserverpod", "with two seconds of patience"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_verbs
    from pypod.options import pod as pods
    from pypod.session import open_engine

    engine = open_engine(ctx)
    return pods.each(
        ctx,
        engine,
        args,
        lambda pod: pod_verbs.stop(engine, pod, timeout=args.time if args.given("time") else None),
        ignore=args.ignore,
        as_typed=True,
    )
