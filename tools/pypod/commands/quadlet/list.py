"""`pypod quadlet list`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "List Quadlets",
    options=(
        Option(
            "filter",
            "f",
            kind="stringArray",
            help="Filter output based on conditions given: name=, status=, pod=, app=",
        ),
        Option(
            "format",
            kind="string",
            help="Pretty-print output to JSON or using a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("noheading", "n", help="Do not print headers"),
    ),
    examples=(("pypod quadlet list", "files, their services and how these are"),),
)
_HEADERS = {
    "Name": "NAME",
    "UnitName": "UNIT NAME",
    "Path": "PATH ON DISK",
    "Status": "STATUS",
    "App": "APPLICATION",
    "Pod": "POD",
}


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import template
    from ocicore.cli.table import print_table
    from ocicore.systemd.quadlet import paths
    from ocicore.systemd.quadlet.installed import Installation
    from ocicore.systemd.quadlet.keys import SECTIONS
    from ocicore.systemd.quadlet.source import load
    from ocicore.systemd.unit_file import UnitFileError
    from pypod.commands import quadlet

    folders = quadlet.folders(ctx)
    installation = Installation(quadlet.install_folder(ctx))
    rows: list[dict[str, str]] = []
    for path in paths.quadlet_files(folders, SECTIONS):
        name = path.rpartition("/")[2]
        row = {
            "Name": name,
            "UnitName": "",
            "Path": path,
            "Status": "",
            "App": installation.application_of(name),
            "Pod": "",
        }
        problems: list[UnitFileError] = []
        source = load(path, [], problems)
        try:
            if source is not None:
                source.set_names()
                row["UnitName"] = f"{source.service}.service"
                row["Pod"] = (source.text("Pod") or "") if source.kind == "container" else ""
        except UnitFileError as error:
            problems.append(error)
        if problems:
            row["Status"] = problems[0].message
        rows.append(row)
    asked = [row["UnitName"] for row in rows if row["UnitName"] and not row["UnitName"].endswith("@.service")]
    states = quadlet.manager(ctx).states(asked)
    for row in rows:
        load_state, active, sub = states.get(row["UnitName"], ("", "", ""))
        if not row["Status"]:
            row["Status"] = f"{active}/{sub}" if load_state == "loaded" else "Not loaded"
    rows = _filtered(rows, args.filter)
    if args.format == "json":
        from ocicore.cli.gojson import dumps

        ctx.print(dumps(rows, indent="  "))
    elif args.format:
        template.print_list(
            ctx.stdout, args.format, rows, name="list", headers=_HEADERS, headings=not args.noheading
        )
    else:
        print_table(
            ctx.stdout,
            list(_HEADERS.values()),
            [list(row.values()) for row in rows],
            headings=not args.noheading,
        )
    return 0


def _filtered(rows: list[dict[str, str]], filters: list[str]) -> list[dict[str, str]]:
    """Rows that match one value of every key.

    Raises:
        InvalidInput
    """
    import fnmatch
    import re

    from ocicore.errors import InvalidInput

    wanted: dict[str, list[str]] = {}
    for text in filters:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f'invalid filter "{text}": KEY=VALUE is expected')
        if key not in ("name", "status", "pod", "app"):
            raise InvalidInput(f"{key} is not a valid filter")
        wanted.setdefault(key, []).append(value)
    fields = {"name": "Name", "status": "Status", "pod": "Pod", "app": "App"}

    def matches(text: str, value: str) -> bool:
        if fnmatch.fnmatchcase(text, value):
            return True
        try:
            return re.search(value, text) is not None
        except re.error:
            return False

    return [
        row
        for row in rows
        if all(any(matches(row[fields[key]], value) for value in values) for key, values in wanted.items())
    ]
