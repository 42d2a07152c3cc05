"""`pypod search`, `pypod image search`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.registry import REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.search import Found

COMMAND = Command(
    "Search registry for image",
    description="Searches a registry, or all unqualified-search registries, for images whose names contain a term.",
    options=(
        Option("compatible", help="List stars, official and automated columns (Docker compatibility)"),
        Option(
            "filter",
            "f",
            kind="stringArray",
            help="Filter output based on conditions provided",
            completer="=is-automated= is-official= stars= :nospace",
        ),
        Option(
            "format",
            kind="string",
            help="Change the output format to JSON or a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("limit", kind="int", help="Limit the number of results"),
        Option("list-tags", help="List the tags of the input registry"),
        Option("no-trunc", help="Do not truncate the output"),
        *REGISTRY,
    ),
    arguments=(Argument("term", metavar="TERM"),),
    examples=(
        ("pypod search --filter=is-official --limit 3 alpine", "three official images"),
        ("pypod search --list-tags registry.example.com/app", "the tags of one repository"),
    ),
)

_DESCRIPTION_WIDTH = 44
_HEADERS = {
    "Index": "INDEX",
    "Name": "NAME",
    "Description": "DESCRIPTION",
    "Stars": "STARS",
    "Official": "OFFICIAL",
    "Automated": "AUTOMATED",
    "Tag": "TAG",
}


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import registry_context
    from ocicore.errors import InvalidInput
    from ocicore.image import search
    from pypod.session import open_engine

    if args.list_tags and args.filter:
        raise InvalidInput("filters are not applicable to list tags result")
    filters = search.parse_filters(args.filter)
    engine = open_engine(ctx)
    context = registry_context.make(engine, args)
    with context:
        if args.list_tags:
            found = search.tags(context, args.term, limit=args.limit)
        else:
            found = search.search(context, args.term, limit=args.limit, filters=filters)
    if found:
        _show(args, ctx, found)
    return 0


def _show(args: Args, ctx: Context, found: list[Found]) -> None:
    from ocicore.cli import template
    from ocicore.cli.godata import Struct
    from ocicore.cli.table import print_table
    from ocicore.image import go_json

    as_json = bool(args.format) and template.is_json(args.format)
    if as_json and args.list_tags:
        names = list(dict.fromkeys(item.name for item in found))
        lists = [{"Name": name, "Tags": [x.tag for x in found if x.name == name]} for name in names]
        ctx.print(go_json.pretty(lists))
        return
    rows = [_row(item, trim=not (args.no_trunc or as_json)) for item in found]
    if as_json:
        ctx.print(go_json.pretty(rows))
        return
    if args.given("format"):
        structs = [Struct(row, type_name="entities.ImageSearchReport") for row in rows]
        template.print_list(ctx.stdout, args.format, structs, name="search", headers=_HEADERS)
        return
    keys = ("Name", "Tag") if args.list_tags else ("Name", "Description")
    if args.compatible and not args.list_tags:
        keys += ("Stars", "Official", "Automated")  # type: ignore[assignment]
    print_table(
        ctx.stdout, [_HEADERS[key] for key in keys], [[str(row[key]) for key in keys] for row in rows]
    )


def _row(item: Found, *, trim: bool) -> dict[str, Any]:
    description = item.description.replace("\n", " ")
    if trim and len(description) > _DESCRIPTION_WIDTH:
        description = description[:_DESCRIPTION_WIDTH].strip() + "..."
    return {
        "Index": item.index,
        "Name": item.name,
        "Description": description,
        "Stars": item.stars,
        "Official": item.official,
        "Automated": item.automated,
        "Tag": item.tag,
    }
