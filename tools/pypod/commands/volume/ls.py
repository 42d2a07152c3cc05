"""`pypod volume ls`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.cli.godata import Struct

COMMAND = Command(
    "List volumes",
    options=(
        Option(
            "filter",
            "f",
            kind="stringArray",
            help="Filter volume output",
            completer="pypod.complete_options:volume_filter",
        ),
        Option(
            "format",
            kind="string",
            help="Format volume output using JSON or a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("noheading", "n", help="Do not print headers"),
        Option("quiet", "q", help="Print volume output in quiet mode"),
    ),
    examples=(("pypod volume ls --filter dangling=true", "those no container uses"),),
)

_HEADERS = {
    "Name": "VOLUME NAME",
    "Driver": "DRIVER",
    "Mountpoint": "MOUNTPOINT",
    "Scope": "SCOPE",
    "Labels": "LABELS",
    "Options": "OPTIONS",
    "CreatedAt": "CREATED AT",
}


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import volume_listing
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.quiet and args.format:
        raise InvalidInput("quiet and format flags cannot be used together")
    engine = open_engine(ctx)
    found = volume_listing.select(engine, args.filter)
    if args.quiet:
        for volume in found:
            ctx.print(volume.name)
        return 0
    if args.format:
        from ocicore.cli import template

        objects = [volume_listing.inspect(engine, volume) for volume in found]
        template.print_list(
            ctx.stdout,
            args.format,
            [] if template.is_json(args.format) else [_struct(one) for one in objects],
            name="volume ls",
            headers=_HEADERS,
            headings=not args.noheading,
            json_rows=lambda: objects,
        )
        return 0
    from ocicore.cli.table import print_table

    if found:
        print_table(
            ctx.stdout,
            ("DRIVER", "VOLUME NAME"),
            [(v.driver, v.name) for v in found],
            headings=not args.noheading,
        )
    return 0


def _struct(one: dict[str, Any]) -> Struct:
    """A row: fields that JSON leaves out when they are empty are there for templates."""
    from ocicore.cli import gotime
    from ocicore.cli.godata import Struct
    from pypod.inspecting import VOLUME_OMITTED

    methods = {key: lambda value=empty: value for key, empty in VOLUME_OMITTED.items() if key not in one}
    return Struct(
        {**one, "CreatedAt": gotime.parse(one["CreatedAt"])},
        type_name="volumes.volumeListReport",
        methods=methods,
    )
