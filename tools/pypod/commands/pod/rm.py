"""`pypod pod rm`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.pod import LATEST, POD_ID_FILE, TIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove one or more pods",
    description="Removes one or more stopped pods and their containers; with --force also pods that run.",
    options=(
        Option("all", "a", help="Remove all pods"),
        Option("force", "f", help="Force removal of a running pod by first stopping all containers"),
        Option("ignore", "i", help="Ignore errors when a specified pod is missing"),
        LATEST,
        POD_ID_FILE,
        TIME,
    ),
    arguments=(Argument("pods", min=0, max=None, metavar="POD [POD...]", completer="pypod.complete:pods"),),
    examples=(
        ("pypod pod rm mywebserverpod", "one pod that does not run"),
        ("pypod pod rm -f -a", "all pods with their containers"),
    ),
    statuses=((1, "a pod does not exist"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_verbs
    from ocicore.errors import InvalidInput
    from pypod.options import pod as pods
    from pypod.session import open_engine

    if args.given("time") and not args.force:
        raise InvalidInput("--force option must be specified to use the --time option")
    timeout = args.time if args.given("time") else None
    engine = open_engine(ctx)
    return pods.each(
        ctx,
        engine,
        args,
        lambda pod: pod_verbs.remove(engine, pod, force=args.force, timeout=timeout),
        # As podman: who forces does not mind that it is gone already.
        ignore=args.ignore or args.force,
        missing_status=1,
    )
