"""`pypod pod stats`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.pod import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.engine.pod_table import Pod

COMMAND = Command(
    "Display a live stream of resource usage statistics for the containers in one or more pods",
    description="Displays percentage of CPU, memory, network I/O, block I/O and PIDs of the running containers of pods.",
    options=(
        Option("all", "a", help="Provide stats for all pods"),
        Option(
            "format",
            kind="string",
            help="Pretty-print container statistics to JSON or using a Go template",
            completer="pypod.complete_fields:printed",
        ),
        LATEST,
        Option("no-reset", help="Disable resetting the screen when streaming"),
        Option("no-stream", help="Disable streaming stats and only pull the first result"),
    ),
    arguments=(
        Argument("pods", min=0, max=None, metavar="[POD...]", completer="pypod.complete:pods_running"),
    ),
    examples=(("pypod pod stats --no-stream webpod", "once, for one pod"),),
)

_INTERVAL = 5
_HEADERS = {
    "Pod": "POD",
    "CID": "CID",
    "Name": "NAME",
    "CPU": "CPU %",
    "MemUsage": "MEM USAGE/ LIMIT",
    "MemUsageBytes": "MEM USAGE/ LIMIT",
    "Mem": "MEM %",
    "NetIO": "NET IO",
    "BlockIO": "BLOCK IO",
    "PIDS": "PIDS",
}
_SHOWN = ("Pod", "CID", "Name", "CPU", "MemUsage", "Mem", "NetIO", "BlockIO", "PIDS")


def run(args: Args, ctx: Context) -> int:
    import time

    from ocicore.engine import usage_stats
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if sum((bool(args.pods), args.all, args.latest)) > 1:
        raise InvalidInput("--all, --latest and arguments cannot be used together")
    engine = open_engine(ctx)
    before: dict[str, usage_stats.Sample] = {}
    while True:
        rows = _rows(engine, _pods(engine, args), before)
        if not args.no_stream and not args.no_reset and not args.format:
            ctx.stdout.write("\033[2J\033[H")
        _print(args, ctx, rows)
        ctx.stdout.flush()
        if args.no_stream:
            return 0
        time.sleep(_INTERVAL)


def _pods(engine: Engine, args: Args) -> list[Pod]:
    table = engine.state.pods
    if args.latest:
        return [table.latest()]
    return [table.find(name) for name in args.pods] if args.pods else table.all()


def _rows(engine: Engine, pods: list[Pod], before: dict[str, Any]) -> list[dict[str, Any]]:
    from ocicore.cli.units import human_size, human_size_binary
    from ocicore.engine import pod_verbs, records, usage_stats
    from ocicore.errors import Error

    def pair(first: int, second: int) -> str:
        return f"{human_size(first)} / {human_size(second)}"

    found = []
    for pod in pods:
        for container in pod_verbs.members(engine, pod):
            if container.status != records.RUNNING:
                continue
            try:
                now = usage_stats.sample(engine, container)
            except Error:
                continue  # it has just ended
            row = usage_stats.row(container, now, before.get(container.id))
            before[container.id] = now
            found.append(
                {
                    "CPU": f"{row['CPU']:.2f}%",
                    "MemUsage": pair(row["MemUsage"], row["MemLimit"]),
                    "MemUsageBytes": (
                        f"{human_size_binary(row['MemUsage'])} / {human_size_binary(row['MemLimit'])}"
                    ),
                    "Mem": f"{row['MemPerc']:.2f}%",
                    "NetIO": pair(row["NetInput"], row["NetOutput"]),
                    "BlockIO": pair(row["BlockInput"], row["BlockOutput"]),
                    "PIDS": str(row["PIDs"]),
                    "Pod": pod.id[:12],
                    "CID": container.id[:12],
                    "Name": container.name,
                }
            )
    return found


def _print(args: Args, ctx: Context, rows: list[dict[str, Any]]) -> None:
    from ocicore.cli import template

    if args.format and template.is_json(args.format):
        from ocicore.cli.gojson import dumps

        ctx.stdout.write(dumps(rows, indent="     ") + "\n")
        return
    if args.format:
        from ocicore.cli.godata import Struct

        structs = [Struct(row, type_name="entities.PodStatsReport") for row in rows]
        template.print_list(ctx.stdout, args.format, structs, name="stats", headers=_HEADERS)
        return
    from ocicore.cli.table import print_table

    print_table(ctx.stdout, [_HEADERS[key] for key in _SHOWN], [[row[key] for key in _SHOWN] for row in rows])
