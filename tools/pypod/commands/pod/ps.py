"""`pypod pod ps`, `pypod pod list`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.cli.godata import Struct
    from ocicore.engine.pod_listing import PodView

COMMAND = Command(
    "List pods",
    description="Lists all pods on the system including their names, Ids, number of containers and status.",
    options=(
        Option("ctr-ids", help="Display the container UUIDs. If no-trunc is not set they will be truncated"),
        Option("ctr-names", help="Display the container names"),
        Option("ctr-status", help="Display the container status"),
        Option(
            "filter",
            "f",
            kind="stringArray",
            help="Filter output based on conditions given",
            completer="pypod.complete_options:pod_filter",
        ),
        Option(
            "format",
            kind="string",
            help="Pretty-print pods to JSON or using a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("latest", "l", help="Act on the latest pod pypod is aware of"),
        Option("no-trunc", also=("notruncate",), help="Do not truncate pod and container IDs"),
        Option("noheading", "n", help="Do not print headers"),
        Option("ns", help="Display namespace information of the pod"),
        Option("quiet", "q", help="Print the numeric IDs of the pods only"),
        Option(
            "sort",
            kind="string",
            default="created",
            help="Sort output by created, id, name, or number",
            completer="=created id name number status",
        ),
    ),
    examples=(("pypod pod ps --filter status=running", "pods that run"),),
)

_SORTS = ("created", "id", "name", "number", "status")


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_listing
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.quiet and args.format:
        raise InvalidInput("quiet and format cannot be used together")
    if args.sort not in _SORTS:
        raise InvalidInput("invalid option for --sort, options are: created, id, name, number, or status")
    engine = open_engine(ctx)
    if args.latest:
        views = [pod_listing.PodView(engine, engine.state.pods.latest())]
    else:
        views = pod_listing.views(engine, args.filter)
    rows = [pod_listing.row(engine, view) for view in _sorted(views, args.sort)]
    _show(args, ctx, rows)
    return 0


def _sorted(views: list[PodView], key: str) -> list[PodView]:
    if key == "id":
        return sorted(views, key=lambda view: view.pod.id)
    if key == "name":
        return sorted(views, key=lambda view: view.pod.name)
    if key == "number":
        return sorted(views, key=lambda view: len(view.containers))
    if key == "status":
        return sorted(views, key=lambda view: view.state)
    return sorted(views, key=lambda view: -view.pod.created)


def _show(args: Args, ctx: Context, rows: list[dict[str, Any]]) -> None:
    from ocicore.cli import template

    if args.format and template.is_json(args.format):
        from ocicore.cli.gojson import dumps

        ctx.stdout.write(dumps(rows, indent="  ") + "\n")
        return
    if args.quiet:
        for row in rows:
            ctx.print(row["Id"])
        return
    import time

    structs = [_struct(row, args, time.time_ns()) for row in rows]
    if args.given("format"):
        template.print_list(
            ctx.stdout, args.format, structs, name="ps", headers=_HEADERS, headings=not args.noheading
        )
        return
    from ocicore.cli.table import print_table

    keys = ["Id", "Name", "Status", "Created", "InfraID"]
    keys += ["ContainerIds"] if args.ctr_ids else []
    keys += ["ContainerNames"] if args.ctr_names else []
    keys += ["ContainerStatuses"] if args.ctr_status else []
    keys += ["Cgroup", "Namespace"] if args.ns else []
    if not (args.ctr_ids or args.ctr_names or args.ctr_status):
        keys.append("NumberOfContainers")
    lines = [[str(_value(struct, key)) for key in keys] for struct in structs]
    print_table(ctx.stdout, [_HEADERS[key] for key in keys], lines, headings=not args.noheading)


def _value(struct: Struct, key: str) -> object:
    method = struct.methods.get(key)
    return method() if method is not None else struct.fields[key]


_HEADERS = {
    "Id": "POD ID",
    "ID": "POD ID",
    "Name": "NAME",
    "Status": "STATUS",
    "Labels": "LABELS",
    "NumberOfContainers": "# OF CONTAINERS",
    "Created": "CREATED",
    "InfraID": "INFRA ID",
    "InfraId": "INFRA ID",
    "ContainerIds": "IDS",
    "ContainerNames": "NAMES",
    "ContainerStatuses": "STATUS",
    "Cgroup": "CGROUP",
    "Namespace": "NAMESPACES",
    "Networks": "NETWORKS",
    "Restarts": "RESTARTS",
}


def _struct(row: dict[str, Any], args: Args, now: int) -> Struct:
    from ocicore.cli.godata import Struct
    from ocicore.cli.units import ago, parse_time

    containers = row["Containers"] or []

    def short(text: str) -> str:
        return text if args.no_trunc else text[:12]

    methods: dict[str, Any] = {
        "Id": lambda: short(row["Id"]),
        "ID": lambda: short(row["Id"]),
        "InfraId": lambda: short(row["InfraId"]),
        "InfraID": lambda: short(row["InfraId"]),
        "Created": lambda: ago(parse_time(row["Created"]), now),
        "Label": lambda name: row["Labels"].get(name, ""),
        "Networks": lambda: ",".join(row["Networks"] or ()),
        "NumberOfContainers": lambda: len(containers),
        "ContainerIds": lambda: ",".join(short(c["Id"]) for c in containers),
        "ContainerNames": lambda: ",".join(c["Names"] for c in containers),
        "ContainerStatuses": lambda: ",".join(c["Status"] for c in containers),
        "Restarts": lambda: str(sum(c["RestartCount"] for c in containers)),
    }
    return Struct(row, type_name="pods.ListPodReporter", methods=methods)
