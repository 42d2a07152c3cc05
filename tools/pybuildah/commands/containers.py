"""`pybuildah containers`: list working containers."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.storage.store import Store

COMMAND = Command(
    "List working containers and their base images",
    options=(
        Option("all", "a", help="Also list containers that were not made here"),
        Option("filter", "f", kind="string", metavar="KEY=VALUE", help="Filter by id, name or ancestor"),
        Option("format", kind="string", help="Print through a Go template"),
        Option("json", help="Output in JSON format"),
        Option("noheading", "n", help="Do not print column headings"),
        Option("notruncate", help="Do not truncate output"),
        Option("quiet", "q", help="Display only container IDs"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    """Print a table, IDs, JSON, or what a template makes of each."""
    from pybuildah.session import Session

    rows = _rows(Session(ctx).store, args, ctx)
    if args.json:
        from ocicore.cli.gojson import dumps

        values = [
            {
                "id": row["ContainerID"],
                "builder": row["Builder"] == "*",
                "imageid": row["ImageID"],
                "imagename": row["ImageName"],
                "containername": row["ContainerName"],
            }
            for row in rows
        ]
        ctx.print(dumps(values, indent="    "))
        return 0
    if args.quiet:
        for row in rows:
            ctx.print(row["ContainerID"])
        return 0
    if args.format:
        from ocicore.cli import template

        for row in rows:
            ctx.print(template.render(args.format, row))
        return 0
    width, image_width = (64, 64) if args.notruncate else (12, 12)
    if not args.noheading:
        ctx.print(
            f"{'CONTAINER ID':<{width}}  BUILDER  {'IMAGE ID':<{image_width}} {'IMAGE NAME':<32} CONTAINER NAME"
        )
    for row in rows:
        identity, image = row["ContainerID"], row["ImageID"]
        if not args.notruncate:
            identity, image = identity[:12], image[:12]
        name = row["ImageName"]
        if not args.notruncate and len(name) > 32:
            name = name[:32]
        ctx.print(
            f"{identity:<{width}}  {row['Builder'] or ' ':^7}  {image:<{image_width}} {name:<32} {row['ContainerName']}"
        )
    return 0


def _rows(store: Store, args: Args, ctx: Context) -> list[dict[str, Any]]:
    from ocicore.build import working

    wanted = _filters(args.filter, given=args.given("filter"))
    made = {container.id: container for container in working.all_working(store, ctx.warn)}
    names = {image.id: image.names for image in store.images()} if args.all else {}
    rows: list[dict[str, Any]] = []
    for record in store.containers():
        container = made.get(record.id)
        if container is not None:
            row = {
                "ContainerID": record.id,
                "Builder": "*",
                "ImageID": container.image_id,
                "ImageName": container.image_name or ("" if container.image_id else "scratch"),
                "ContainerName": record.names[0] if record.names else "",
            }
        elif args.all:
            known = names.get(record.image) or [""]
            row = {
                "ContainerID": record.id,
                "Builder": "",
                "ImageID": record.image,
                "ImageName": known[0],
                "ContainerName": record.names[0] if record.names else "",
            }
        else:
            continue
        if _matches(row, wanted):
            rows.append(row)
    return rows


def _filters(text: str, *, given: bool) -> dict[str, str]:
    from ocicore.errors import InvalidInput

    result: dict[str, str] = {}
    for part in text.split(",") if given else ():
        key, separator, value = part.partition("=")
        if not separator or key not in ("id", "name", "ancestor"):
            raise InvalidInput(f'parsing filter: invalid filter: "{part}"', hint="id=, name= or ancestor=")
        result[key] = value
    return result


def _matches(row: dict[str, Any], wanted: dict[str, str]) -> bool:
    if not row["ContainerID"].startswith(wanted.get("id", "")):
        return False
    if wanted.get("name", "") not in row["ContainerName"]:
        return False
    ancestor = wanted.get("ancestor", "")
    return not ancestor or row["ImageID"].startswith(ancestor) or ancestor in row["ImageName"]
