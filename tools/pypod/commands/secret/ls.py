"""`pypod secret ls`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "List secrets",
    options=(
        Option(
            "filter",
            "f",
            kind="stringArray",
            help="Filter secret output",
            completer="pypod.complete_options:secret_filter",
        ),
        Option(
            "format",
            kind="string",
            help="Format volume output using Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("noheading", "n", help="Do not print headers"),
        Option("quiet", "q", help="Print secret IDs only"),
    ),
    examples=(("pypod secret ls", "names, drivers and ages"),),
)

_HEADERS = {"ID": "ID", "Name": "NAME", "Driver": "DRIVER", "CreatedAt": "CREATED", "UpdatedAt": "UPDATED"}


def run(args: Args, ctx: Context) -> int:
    import re
    import time

    from ocicore.cli import template
    from ocicore.cli.table import print_table
    from ocicore.cli.units import ago, parse_time
    from ocicore.engine import secrets
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    found = secrets.all_secrets(open_engine(ctx))
    for text in args.filter:
        key, _, value = text.partition("=")
        if key == "name":
            found = [secret for secret in found if re.search(value, secret["name"])]
        elif key == "id":
            found = [secret for secret in found if secret["id"].startswith(value)]
        else:
            raise InvalidInput(f'invalid filter "{key}": choose from name, id')
    if args.quiet:
        for secret in found:
            ctx.print(secret["id"])
        return 0
    now = time.time_ns()
    rows = [
        {
            "ID": secret["id"],
            "Name": secret["name"],
            "Driver": secret["driver"],
            "CreatedAt": ago(parse_time(secret["created"]), now),
            "UpdatedAt": ago(parse_time(secret["updated"]), now),
        }
        for secret in found
    ]
    if args.format:
        template.print_list(
            ctx.stdout, args.format, rows, name="secret ls", headers=_HEADERS, headings=not args.noheading
        )
        return 0
    print_table(
        ctx.stdout, list(_HEADERS.values()), [list(row.values()) for row in rows], headings=not args.noheading
    )
    return 0
