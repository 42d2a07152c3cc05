"""`pypod system connection list`: what remote clients (podman --remote) of this user have been told of.

pypod itself is no client of a service, so it lists them and uses none.
"""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "List destinations of remote clients",
    description="Lists the connections that podman's remote clients of this user know: those of podman-connections.json and of containers.conf. pypod works on its own host and uses none of them.",
    options=(
        Option("format", "f", kind="string", help="Custom Go template for printing connections"),
        Option("quiet", "q", help="Display names only"),
    ),
    examples=(("pypod system connection ls --format json", "as JSON"),),
)

_HEADERS = {
    "Name": "Name",
    "URI": "URI",
    "Identity": "Identity",
    "Default": "Default",
    "ReadWrite": "ReadWrite",
}


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import template
    from ocicore.cli.table import print_table
    from ocicore.config import connections, paths

    rows: list[dict[str, Any]] = [
        {
            "Name": found.name,
            "URI": found.uri,
            "Identity": found.identity,
            "IsMachine": found.is_machine,
            "Default": found.default,
            "ReadWrite": found.read_write,
        }
        for found in connections.load(paths.user_paths(ctx.environ), ctx.environ)
    ]
    if args.quiet:
        for row in rows:
            ctx.print(row["Name"])
    elif template.is_json(args.format):
        from ocicore.cli.gojson import pretty

        ctx.stdout.write(pretty(rows) + "\n")
    elif args.format:
        template.print_list(ctx.stdout, args.format, rows, name="list", headers=_HEADERS)
    else:
        lines = [[_text(row[key]) for key in _HEADERS] for row in rows]
        print_table(ctx.stdout, list(_HEADERS.values()), lines)
    return 0


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
