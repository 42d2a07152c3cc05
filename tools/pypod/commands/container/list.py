"""`pypod ps`, `pypod container list`: which containers there are."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.cli.godata import Struct
    from ocicore.engine.context import Engine

COMMAND = Command(
    "List containers",
    description="Prints out information about the containers: the running ones, or all of them.",
    options=(
        Option("all", "a", help="Show all the containers, default is only running containers"),
        Option("external", also=("storage",), help="Show containers in storage not controlled by pypod"),
        Option(
            "filter",
            "f",
            kind="stringArray",
            help="Filter output based on conditions given",
            completer="pypod.complete_options:container_filter",
        ),
        Option(
            "format",
            kind="string",
            help="Pretty-print containers to JSON or using a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("last", "n", kind="int", default=-1, help="Print the n last created containers (all states)"),
        Option("latest", "l", help="Show the latest container created (all states)"),
        Option("no-trunc", also=("notruncate",), help="Display the extended information"),
        Option("noheading", help="Do not print headers"),
        Option("ns", help="Display namespace information"),
        Option("pod", "p", help="Print the ID and name of the pod the containers are associated with"),
        Option("quiet", "q", help="Print the numeric IDs of the containers only"),
        Option("size", "s", help="Display the total file sizes"),
        Option(
            "sort",
            kind="string",
            metavar="choice",
            help="Sort output by: command, created, id, image, names, pod, runningfor, size, status",
            completer="=command created id image names runningfor size status",
        ),
        Option("sync", help="Sync container state with OCI runtime"),
        Option("watch", "w", kind="uint", help="Watch the ps output on an interval in seconds"),
    ),
    examples=(
        ("pypod ps -a", "every container"),
        ("pypod ps -a --format '{{.ID}} {{.Image}} {{.Labels}}'", "three columns of your own"),
        ("pypod ps --filter status=exited -q", "ids of those that have ended"),
    ),
    exclusive=(("last", "latest"),),
)

_SECOND = 1_000_000_000
#: When a container was made, in nanoseconds: for templates; JSON has seconds.
_MOMENT = "_moment"


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.quiet and (args.size or args.ns):
        option = "size" if args.size else "namespace"
        raise InvalidInput(f"quiet conflicts with {option}")
    if args.size and args.ns:
        raise InvalidInput("size and namespace options conflict")
    if args.watch and args.latest:
        raise InvalidInput("the watch and latest flags cannot be used together")
    engine = open_engine(ctx)
    while True:
        _print(args, ctx, engine, _rows(args, engine))
        if not args.watch:
            return 0
        import time

        ctx.stdout.flush()
        time.sleep(args.watch)
        ctx.stdout.write("\033[2J\033[H")


def _rows(args: Args, engine: Engine) -> list[dict[str, Any]]:
    from ocicore.engine import listing

    # Docker: a status filter speaks of all containers.
    by_status = any(text.startswith("status") for text in args.filter)
    everything = args.all or args.latest or args.last >= 0 or by_status
    found = listing.containers(engine, running_only=not everything)
    if args.filter:
        from ocicore.engine import container_filters

        found = container_filters.apply(engine, found, args.filter)
    found.reverse()
    count = 1 if args.latest else args.last
    if count >= 0:
        found = found[:count]
    found.reverse()  # the oldest first also among those of one second
    rows = [listing.row(engine, container, size=args.size, namespaces=args.ns) for container in found]
    if args.given("format"):
        for row, container in zip(rows, found, strict=True):
            row[_MOMENT] = container.created
    if any(row["Pod"] for row in rows):
        pods = engine.state.pods.names()
        for row in rows:
            row["PodName"] = pods.get(row["Pod"], "")
    if args.external:
        rows += listing.external(engine)
    return listing.sort(rows, args.sort.lower()) if args.given("sort") else _by_creation(rows)


def _by_creation(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=_created)


def _created(row: dict[str, Any]) -> int:
    created: int = row["Created"]
    return created


def _print(args: Args, ctx: Context, engine: Engine, rows: list[dict[str, Any]]) -> None:
    if args.quiet and not args.given("format"):
        for row in rows:
            ctx.stdout.write((row["Id"] if args.no_trunc else row["Id"][:12]) + "\n")
        return
    import time

    from ocicore.cli import units

    now = time.time_ns()
    for row in rows:
        row["CreatedAt"] = units.ago(row["Created"] * _SECOND, now)
    if args.given("format"):
        _print_format(args, ctx, rows, now)
        return
    from ocicore.cli.table import print_table

    headers, cells = _columns(args)
    lines = [[cell(row, args, now) for cell in cells] for row in rows]
    print_table(ctx.stdout, headers, lines, headings=not args.noheading)


def _columns(args: Args) -> tuple[list[str], list[Any]]:
    if args.ns:
        names = ("Cgroup", "Ipc", "Mnt", "Net", "Pidns", "User", "Uts")
        headers = ["CONTAINER ID", "NAMES", "PID", "CGROUPNS", "IPC", "MNT", "NET", "PIDNS", "USERNS", "UTS"]
        spaces = [lambda row, args, now, key=name: row["Namespaces"].get(key, "") for name in names]
        return headers, [_id, _names, lambda row, args, now: str(row["Pid"]), *spaces]
    headers = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    cells: list[Any] = [_id, _image, _command, _created_at, _status, _ports, _names]
    if args.pod:
        headers += ["POD ID", "PODNAME"]
        cells += [lambda row, args, now: row["Pod"][:12], lambda row, args, now: row["PodName"]]
    if args.size:
        headers.append("SIZE")
        cells.append(_size)
    return headers, cells


def _id(row: dict[str, Any], args: Args, now: int) -> str:
    text: str = row["Id"]
    return text if args.no_trunc else text[:12]


def _image(row: dict[str, Any], args: Args, now: int) -> str:
    text: str = row["Image"]
    return text


def _names(row: dict[str, Any], args: Args, now: int) -> str:
    text: str = row["Names"][0]
    return text


def _command(row: dict[str, Any], args: Args, now: int) -> str:
    text = " ".join(row["Command"])
    return text if args.no_trunc or len(text) <= 17 else text[:17] + "..."


def _created_at(row: dict[str, Any], args: Args, now: int) -> str:
    text: str = row["CreatedAt"]
    return text


def _status(row: dict[str, Any], args: Args, now: int) -> str:
    from ocicore.cli.units import human_duration

    state: str = row["State"]
    if state == "running":
        text = "Up " + human_duration(now - row["StartedAt"] * _SECOND)
    elif state in ("exited", "stopped"):
        text = f"Exited ({row['ExitCode']}) {human_duration(now - row['ExitedAt'] * _SECOND)} ago"
    else:
        text = state[:1].upper() + state[1:]
    health = row["Status"]
    return f"{text} ({health})" if health and state != "storage" else text


def _ports(row: dict[str, Any], args: Args, now: int) -> str:
    from pypod.ports import describe

    return describe(row["Ports"] or (), row["ExposedPorts"] or {})


def _size(row: dict[str, Any], args: Args, now: int) -> str:
    from ocicore.cli.units import human_size

    size = row["Size"] or {"rwSize": 0, "rootFsSize": 0}
    own = human_size(size["rwSize"], precision=3)
    return f"{own} (virtual {human_size(size['rootFsSize'], precision=3)})"


_HEADERS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "ImageID": "IMAGE ID",
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "CreatedHuman": "CREATED",
    "RunningFor": "RUNNING FOR",
    "Status": "STATUS",
    "State": "STATE",
    "Ports": "PORTS",
    "Names": "NAMES",
    "Networks": "NETWORKS",
    "Labels": "LABELS",
    "Mounts": "MOUNTS",
    "Pid": "PID",
    "Pod": "POD ID",
    "PodName": "PODNAME",
    "Size": "SIZE",
    "Restarts": "RESTARTS",
    "ExitCode": "EXIT CODE",
    "Exited": "EXITED",
    "ExitedAt": "EXITED AT",
    "StartedAt": "STARTED AT",
    "Created": "CREATED",
    "CIDFile": "CIDFILE",
    "AutoRemove": "AUTO REMOVE",
    "IsInfra": "IS INFRA",
    "Cgroup": "CGROUPNS",
    "IPC": "IPC",
    "MNT": "MNT",
    "NET": "NET",
    "PIDNS": "PIDNS",
    "User": "USERNS",
    "UTS": "UTS",
    "Namespaces": "NAMESPACES",
    "ExposedPorts": "EXPOSED PORTS",
}


def _print_format(args: Args, ctx: Context, rows: list[dict[str, Any]], now: int) -> None:
    from ocicore.cli import template

    if template.is_json(args.format):
        from ocicore.cli.gojson import dumps

        for row in rows:
            row.pop(_MOMENT, None)
            row["Status"] = _status(row, args, now)
        ctx.stdout.write(dumps(rows, indent="  ") + "\n")
        return
    template.print_list(
        ctx.stdout,
        args.format.replace(".Namespaces.", "."),
        [_struct(row, args, now) for row in rows],
        name="ps",
        headers=_HEADERS,
        headings=not args.noheading,
    )


def _struct(row: dict[str, Any], args: Args, now: int) -> Struct:
    from ocicore.cli.godata import Struct
    from ocicore.cli.gotime import Time

    created = Time(row.pop(_MOMENT, row["Created"] * _SECOND))
    labels = row["Labels"] or {}
    spaces = row["Namespaces"]
    methods: dict[str, Any] = {
        "ID": lambda: _id(row, args, now),
        "ImageID": lambda: row["ImageID"] if args.no_trunc else row["ImageID"][:12],
        "Command": lambda: _command(row, args, now),
        "Created": lambda: created,
        "CreatedAt": created.go_string,
        "CreatedHuman": lambda: row["CreatedAt"],
        "RunningFor": lambda: row["CreatedAt"],
        "Status": lambda: _status(row, args, now),
        "Ports": lambda: _ports(row, args, now),
        "Names": lambda: row["Names"][0],
        "Networks": lambda: ",".join(row["Networks"] or ()),
        "Labels": lambda: ",".join(f"{key}={labels[key]}" for key in sorted(labels)),
        "Label": lambda name: labels.get(name, ""),
        "Mounts": lambda: ",".join(row["Mounts"] or ()),
        "Pod": lambda: row["Pod"] if args.no_trunc else row["Pod"][:12],
        "Restarts": lambda: str(row["Restarts"]),
        "Size": lambda: _size(row, args, now),
        "Cgroup": lambda: spaces.get("Cgroup", ""),
        "CGROUPNS": lambda: spaces.get("Cgroup", ""),
        "IPC": lambda: spaces.get("Ipc", ""),
        "MNT": lambda: spaces.get("Mnt", ""),
        "NET": lambda: spaces.get("Net", ""),
        "PIDNS": lambda: spaces.get("Pidns", ""),
        "User": lambda: spaces.get("User", ""),
        "USERNS": lambda: spaces.get("User", ""),
        "UTS": lambda: spaces.get("Uts", ""),
    }
    return Struct(row, type_name="containers.psReporter", methods=methods)
