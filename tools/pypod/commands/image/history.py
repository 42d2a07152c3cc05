"""`pypod history`, `pypod image history`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Show history of a specified image",
    description="Displays the history of an image. The information can be printed out in an easy to read, or user specified format, and can be truncated.",
    options=(
        Option(
            "format",
            kind="string",
            help="Change the output to JSON or a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("human", "H", default=True, help="Display sizes and dates in human readable format"),
        Option("no-trunc", also=("notruncate",), help="Do not truncate the output"),
        Option("quiet", "q", help="Display the numeric IDs only"),
    ),
    arguments=(Argument("image", completer="pypod.complete:images"),),
    examples=(("pypod history alpine", "its layers and how they came about"),),
)

_WIDTH = 45


def run(args: Args, ctx: Context) -> int:
    import time

    from ocicore.cli import template
    from ocicore.cli.godata import Struct
    from ocicore.cli.table import print_table
    from ocicore.cli.units import SECOND, ago, format_time, human_size, parse_time
    from ocicore.image.ancestry import Ancestry
    from pypod.session import open_engine

    engine = open_engine(ctx)
    image = engine.images.find(args.image)
    lines = Ancestry(engine.images).history(image)
    now = time.time_ns()

    def shorten(text: str, width: int) -> str:
        return text if args.no_trunc or len(text) <= width else text[:width] + "..."

    def identifier(line_id: str) -> str:
        return line_id if args.no_trunc or line_id == "<missing>" else line_id[:12]

    def created(text: str) -> str:
        return ago(parse_time(text), now) if args.human else text

    def size(value: int) -> str:
        return human_size(value, precision=3) if args.human else str(value)

    if args.quiet:
        for line in lines:
            ctx.print(identifier(line.id))
        return 0
    if args.format and template.is_json(args.format):
        from ocicore.cli.gojson import pretty

        objects = []
        for line in lines:
            entry: dict[str, object] = {"id": line.id, "created": line.created}
            if line.created_by:
                entry["CreatedBy"] = line.created_by
            entry.update({"size": line.size, "comment": line.comment})
            if line.tags:
                entry["tags"] = line.tags
            objects.append(entry)
        ctx.stdout.write(pretty(objects) + "\n")
        return 0
    headers = ("ID", "CREATED", "CREATED BY", "SIZE", "COMMENT")
    if not args.format:
        rows = [
            (identifier(x.id), created(x.created), shorten(x.created_by, _WIDTH), size(x.size), x.comment)
            for x in lines
        ]
        print_table(ctx.stdout, headers, rows)
        return 0
    structs = [
        Struct(
            {
                "ID": identifier(line.id),
                "Created": created(line.created),
                "CreatedAt": format_time(parse_time(line.created) // SECOND * SECOND),
                "CreatedSince": ago(parse_time(line.created), now),
                "CreatedBy": shorten(line.created_by, _WIDTH),
                "Size": size(line.size),
                "Comment": line.comment,
                "Tags": line.tags,
            },
            type_name="images.historyReporter",
        )
        for line in lines
    ]
    template.print_list(
        ctx.stdout,
        args.format,
        structs,
        name="history",
        headers=dict(zip(("ID", "Created", "CreatedBy", "Size", "Comment"), headers, strict=True)),
    )
    return 0
