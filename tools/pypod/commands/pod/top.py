"""`pypod pod top`: the processes of a pod's containers."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.pod import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.records import Container

COMMAND = Command(
    "Display the running processes of containers in a pod",
    description="Displays the running processes of all containers in a pod; format descriptors choose the columns.",
    options=(LATEST, Option("list-descriptors", hidden=True, help="List the format descriptors")),
    arguments=(
        Argument(
            "words",
            min=0,
            max=None,
            metavar="POD [FORMAT-DESCRIPTORS|ARGS...]",
            completer="pypod.complete:pod_columns",
        ),
    ),
    interspersed=False,
    examples=(("pypod pod top webpod pid user args", "three columns"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli.table import print_table
    from ocicore.engine import pod_verbs, process_table, records, usage_stats
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.list_descriptors:
        for name in process_table.list_descriptors():
            ctx.print(name)
        return 0
    words = list(args.words)
    if not words and not args.latest:
        raise InvalidInput("you must provide the name or id of a running pod")
    engine = open_engine(ctx)
    table = engine.state.pods
    pod = table.latest() if args.latest else table.find(words.pop(0))
    running = [c for c in pod_verbs.members(engine, pod) if c.status == records.RUNNING]
    if not running:
        raise InvalidInput(
            f"pod {pod.name}: top can only be used on pods with at least one running container"
        )
    heading: list[str] = []
    rows: list[list[str]] = []
    for container in _one_a_namespace(running):
        lines = [line.split("\t") for line in usage_stats.top(engine, container, words)]
        heading = lines[0]
        rows += lines[1:]
    print_table(ctx.stdout, heading, rows)
    return 0


def _one_a_namespace(containers: list[Container]) -> list[Container]:
    """Containers that share a PID namespace list the same processes: one of each is enough."""
    import os

    seen, found = set(), []
    for container in containers:
        try:
            space = os.readlink(f"/proc/{container.pid}/ns/pid")
        except OSError:
            continue
        if space not in seen:
            seen.add(space)
            found.append(container)
    return found
