"""`pypod pod kill`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.pod import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Send the specified signal or SIGKILL to containers in pod",
    description="Sends SIGKILL, or the signal specified, to the main process of each container of one or more pods.",
    options=(
        Option("all", "a", help="Kill all containers in all pods"),
        LATEST,
        Option(
            "signal",
            "s",
            kind="string",
            default="KILL",
            help="Signal to send to the containers in the pod",
            completer="pypod.complete_options:signals",
        ),
    ),
    arguments=(
        Argument("pods", min=0, max=None, metavar="POD [POD...]", completer="pypod.complete:pods_running"),
    ),
    examples=(("pypod pod kill --signal TERM mywebserverpod", "ask them to end"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_verbs
    from ocicore.linux import process
    from pypod.options import pod as pods
    from pypod.session import open_engine

    number = process.parse_signal(args.signal)
    engine = open_engine(ctx)
    return pods.each(ctx, engine, args, lambda pod: pod_verbs.kill(engine, pod, number))
