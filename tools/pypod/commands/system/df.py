"""`pypod system df`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Show pypod disk usage",
    options=(
        Option(
            "format",
            kind="string",
            help="Pretty-print images using a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("verbose", "v", help="Show detailed information on disk usage"),
    ),
    exclusive=(("format", "verbose"),),
    examples=(("pypod system df -v", "by image, container and volume"),),
)

_HEADERS = {
    "Type": "TYPE",
    "Total": "TOTAL",
    "Active": "ACTIVE",
    "Size": "SIZE",
    "Reclaimable": "RECLAIMABLE",
}


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import template
    from ocicore.cli.table import print_table
    from ocicore.engine import system_usage
    from pypod.session import open_engine

    found = system_usage.disk_usage(open_engine(ctx))
    if args.verbose:
        _verbose(ctx, found)
        return 0
    rows = _summary(found)
    if args.format:
        if template.is_json(args.format):
            from ocicore.cli.gojson import pretty

            ctx.stdout.write(pretty(rows) + "\n")
            return 0
        template.print_list(ctx.stdout, args.format, rows, name="df", headers=_HEADERS)
        return 0
    shown = [_shown(row) for row in rows]
    print_table(ctx.stdout, list(_HEADERS.values()), [[str(row[key]) for key in _HEADERS] for row in shown])
    return 0


def _summary(found: dict[str, Any]) -> list[dict[str, Any]]:
    images = {image["ImageID"]: image for image in found["Images"]}.values()
    total = found["ImagesSize"]
    unused = total - sum(image["UniqueSize"] for image in images if image["Containers"])
    containers, volumes = found["Containers"], found["Volumes"]
    own = sum(container["RWSize"] for container in containers)
    idle = sum(container["RWSize"] for container in containers if not container["Running"])
    size = sum(volume["Size"] for volume in volumes)
    free = sum(volume["ReclaimableSize"] for volume in volumes)
    return [
        _row("Images", len(images), sum(1 for image in images if image["Containers"]), total, unused),
        _row("Containers", len(containers), sum(1 for c in containers if c["Running"]), own, idle),
        _row("Local Volumes", len(volumes), sum(1 for volume in volumes if volume["Links"]), size, free),
    ]


def _row(kind: str, total: int, active: int, size: int, reclaimable: int) -> dict[str, Any]:
    return {
        "Type": kind,
        "Total": total,
        "Active": active,
        "RawSize": size,
        "RawReclaimable": reclaimable,
        "TotalCount": total,
        "Size": _size(size),
        "Reclaimable": _part(reclaimable, size),
    }


def _size(value: int) -> str:
    from ocicore.cli.units import human_size

    return human_size(value)


def _part(part: int, whole: int) -> str:
    percent = round(100 * part / whole) if whole else 0
    return f"{_size(part)} ({percent}%)"


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in _HEADERS}


def _verbose(ctx: Context, found: dict[str, Any]) -> None:
    import time

    from ocicore.cli.table import print_table
    from ocicore.cli.units import human_duration

    now = time.time_ns()
    ctx.print("Images space usage:\n")
    headers = ("REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS")
    rows = [
        (
            image["Repository"],
            image["Tag"],
            image["ImageID"][:12],
            human_duration(now - image["Created"]),
            _size(image["Size"]),
            _size(image["SharedSize"]),
            _size(image["UniqueSize"]),
            str(image["Containers"]),
        )
        for image in found["Images"]
    ]
    print_table(ctx.stdout, headers, rows)
    ctx.print("\nContainers space usage:\n")
    headers = ("CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES")
    rows = [
        (
            container["ContainerID"][:12],
            container["Image"][:12],
            " ".join(container["Command"])[:17],
            str(container["LocalVolumes"]),
            _size(container["RWSize"]),
            human_duration(now - container["Created"]),
            container["Status"],
            container["Names"],
        )
        for container in found["Containers"]
    ]
    print_table(ctx.stdout, headers, rows)
    ctx.print("\nLocal Volumes space usage:\n")
    volumes = [
        (volume["VolumeName"], str(volume["Links"]), _size(volume["Size"])) for volume in found["Volumes"]
    ]
    print_table(ctx.stdout, ("VOLUME NAME", "LINKS", "SIZE"), volumes)
