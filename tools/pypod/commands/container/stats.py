"""`pypod stats`, `pypod container stats`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.cli.godata import Struct

COMMAND = Command(
    "Display a live stream of container resource usage statistics",
    description="Display percentage of CPU, memory, network I/O, block I/O and PIDs for one or more containers.",
    options=(
        Option(
            "all",
            "a",
            help="Show all containers. Only running containers are shown by default. The default is false",
        ),
        Option(
            "format",
            kind="string",
            help="Pretty-print container statistics to JSON or using a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("interval", "i", kind="int", default=5, help="Time in seconds between stats reports"),
        LATEST,
        Option("no-reset", help="Disable resetting the screen between intervals"),
        Option(
            "no-stream",
            help="Disable streaming stats and only pull the first result, default setting is false",
        ),
        Option("no-trunc", help="Do not truncate output"),
    ),
    arguments=(
        Argument("containers", min=0, max=None, metavar="[CONTAINER...]", completer="pypod.complete:running"),
    ),
    examples=(("pypod stats --no-stream", "once, for everything that runs"),),
)


def run(args: Args, ctx: Context) -> int:
    import time

    from ocicore.engine import listing, records, usage_stats
    from ocicore.errors import Error, InvalidInput
    from pypod.session import open_engine

    if sum((bool(args.containers), args.all, args.latest)) > 1:
        raise InvalidInput("--all, --latest and containers cannot be used together")
    if args.interval < 1:
        raise InvalidInput("invalid interval, must be a positive number greater zero")
    engine = open_engine(ctx)
    table = engine.state.containers
    before: dict[str, usage_stats.Sample] = {}
    while True:
        if args.latest:
            found = [table.latest()]
        elif args.containers:
            found = [table.find(name) for name in args.containers]
        else:
            found = table.all()
        rows = []
        for container in found:
            listing.refresh(engine, container)
            if container.status not in (records.RUNNING, records.PAUSED):
                if args.containers:  # asked for by name: zeros, as podman has it
                    rows.append(usage_stats.row(container, usage_stats.Sample(), None))
                continue
            try:
                now = usage_stats.sample(engine, container)
            except Error:
                continue
            rows.append(usage_stats.row(container, now, before.get(container.id)))
            before[container.id] = now
        if not args.no_stream and not args.no_reset and not args.format:
            ctx.stdout.write("\033[2J\033[H")
        _print(args, ctx, rows)
        ctx.stdout.flush()
        if args.no_stream:
            return 0
        time.sleep(args.interval)


def _print(args: Args, ctx: Context, rows: list[dict[str, Any]]) -> None:
    if args.format:
        from ocicore.cli import template

        if template.is_json(args.format):
            from ocicore.cli.gojson import dumps

            ctx.stdout.write(dumps([_texts(row, args) for row in rows], indent=" ") + "\n")
            return
        template.print_list(
            ctx.stdout, args.format, [_struct(row, args) for row in rows], name="stats", headers=_HEADERS
        )
        return
    from ocicore.cli.table import print_table

    texts = [_texts(row, args) for row in rows]
    keys = (
        "id",
        "name",
        "cpu_percent",
        "mem_usage",
        "mem_percent",
        "net_io",
        "block_io",
        "pids",
        "cpu_time",
        "avg_cpu",
    )
    headers = (
        "ID",
        "NAME",
        "CPU %",
        "MEM USAGE / LIMIT",
        "MEM %",
        "NET IO",
        "BLOCK IO",
        "PIDS",
        "CPU TIME",
        "AVG CPU %",
    )
    print_table(ctx.stdout, headers, [[text[key] for key in keys] for text in texts])


def _texts(row: dict[str, Any], args: Args) -> dict[str, str]:
    from ocicore.cli.units import format_duration, human_size

    def pair(first: int, second: int) -> str:
        return f"{human_size(first)} / {human_size(second)}"

    return {
        "id": row["ContainerID"] if args.no_trunc else row["ContainerID"][:12],
        "name": row["Name"],
        "cpu_time": format_duration(row["CPUNano"]),
        "cpu_percent": f"{row['CPU']:.2f}%",
        "avg_cpu": f"{row['AvgCPU']:.2f}%",
        "mem_usage": pair(row["MemUsage"], row["MemLimit"]),
        "mem_percent": f"{row['MemPerc']:.2f}%",
        "net_io": pair(row["NetInput"], row["NetOutput"]),
        "block_io": pair(row["BlockInput"], row["BlockOutput"]),
        "pids": str(row["PIDs"]),
    }


_HEADERS = {
    "ID": "ID",
    "ContainerID": "ID",
    "Name": "NAME",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemUsageBytes": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET IO",
    "BlockIO": "BLOCK IO",
    "PIDS": "PIDS",
    "PIDs": "PIDS",
    "UpTime": "CPU TIME",
    "AVGCPU": "AVG CPU %",
}


def _struct(row: dict[str, Any], args: Args) -> Struct:
    from ocicore.cli.godata import GoMap, Struct
    from ocicore.cli.units import human_size_binary

    text = _texts(row, args)
    methods = {
        "ID": lambda: text["id"],
        "CPUPerc": lambda: text["cpu_percent"],
        "MemUsage": lambda: text["mem_usage"],
        "MemPerc": lambda: text["mem_percent"],
        "NetIO": lambda: text["net_io"],
        "BlockIO": lambda: text["block_io"],
        "PIDS": lambda: text["pids"],
        "UpTime": lambda: text["cpu_time"],
        "AVGCPU": lambda: text["avg_cpu"],
        "Network": lambda: GoMap(row["Network"]),
        # The kernel keeps no times by processor; podman's list is empty, too.
        "PerCPU": list,
        "Up": lambda: text["cpu_time"],
        "Duration": lambda: row["CPUNano"],
        "MemUsageBytes": lambda: (
            f"{human_size_binary(row['MemUsage'])} / {human_size_binary(row['MemLimit'])}"
        ),
    }
    return Struct(row, type_name="containers.containerStats", methods=methods)
