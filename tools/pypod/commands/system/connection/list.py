"""`pypod system connection list`, `pypod context ls` and `context inspect`: what remote clients (podman --remote) of this user have been told of.

pypod itself is no client of a service, so it lists them and uses none.
"""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

_OPTIONS = (
    Option(
        "format",
        "f",
        kind="string",
        help="Custom Go template for printing connections",
        completer="pypod.complete_fields:printed",
    ),
    Option("quiet", "q", help="Display names only"),
)

INSPECT = Command(
    "Inspect destinations of remote clients",
    description="Prints destinations as `system connection list` knows them, as JSON unless a template is given.",
    options=_OPTIONS,
    arguments=(Argument("names", min=0, max=None, metavar="[CONTEXT] [CONTEXT...]"),),
    handler="pypod.commands.system.connection.list:inspect",
    examples=(("pypod context inspect laptop", "one of them, as JSON"),),
)

COMMAND = Command(
    "List destinations of remote clients",
    description="Lists the connections that podman's remote clients of this user know: those of podman-connections.json and of containers.conf. pypod works on its own host and uses none of them.",
    options=_OPTIONS,
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
    return _show(ctx, _rows(ctx), args.format, quiet=args.quiet)


def inspect(args: Args, ctx: Context) -> int:
    """`context inspect`: those named, or none, as podman has it."""
    rows = [row for row in _rows(ctx) if row["Name"] in args.names]
    return _show(ctx, rows, args.format or "json", quiet=args.quiet)


def _rows(ctx: Context) -> list[dict[str, Any]]:
    from ocicore.config import connections, paths

    return [
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


def _show(ctx: Context, rows: list[dict[str, Any]], form: str, *, quiet: bool) -> int:
    from ocicore.cli import template
    from ocicore.cli.table import print_table

    if quiet:
        for row in rows:
            ctx.print(row["Name"])
    elif template.is_json(form):
        from ocicore.cli.gojson import pretty

        left_out = ("Identity", "IsMachine")
        shown = [{key: row[key] for key in row if row[key] or key not in left_out} for row in rows]
        ctx.stdout.write(pretty(shown) + "\n")
    elif form:
        template.print_list(ctx.stdout, form, rows, name="list", headers=_HEADERS)
    else:
        lines = [[_text(row[key]) for key in _HEADERS] for row in rows]
        print_table(ctx.stdout, list(_HEADERS.values()), lines)
    return 0


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
