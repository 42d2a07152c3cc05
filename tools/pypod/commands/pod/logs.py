"""`pypod pod logs`: what the containers of a pod wrote."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.commands.container.logs import COMMAND as CONTAINER_LOGS
from pypod.options.pod import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Fetch logs for pod with one or more containers",
    description="Retrieves the logs of the containers of a pod, lines in the order of their times.",
    options=(
        *(option for option in CONTAINER_LOGS.options if option.long != "latest"),
        LATEST,
        Option(
            "container",
            "c",
            kind="string",
            help="Filter logs by container name or id which belongs to pod",
            completer="pypod.complete:containers",
        ),
    ),
    arguments=(Argument("pod", min=0, metavar="POD", completer="pypod.complete:pods"),),
    examples=(("pypod pod logs -f --names webpod", "whatever its containers write, with their names"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_verbs
    from ocicore.errors import InvalidInput
    from pypod.commands.container.logs import show
    from pypod.session import open_engine

    if args.pod and args.latest:
        raise InvalidInput("--latest and pods cannot be used together")
    if not (args.pod or args.latest):
        raise InvalidInput("specify at least one pod name or ID to log")
    engine = open_engine(ctx)
    table = engine.state.pods
    pod = table.latest() if args.latest else table.find(args.pod)
    found = pod_verbs.members(engine, pod)
    if args.container:
        wanted = engine.state.containers.find(args.container)
        found = [container for container in found if container.id == wanted.id]
        if not found:
            raise InvalidInput(f"container {args.container} is not in pod {pod.name}")
    return show(args, ctx, engine, found)
