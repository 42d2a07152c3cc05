"""`pypod mount`, `pypod container mount`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Mount a working container's root filesystem",
    description="Mounts the specified container's root file system in a location which can be accessed from the host, and returns its location. Without a container, what is mounted is listed.",
    options=(
        all_option("Mount all containers"),
        Option("format", kind="string", help="Print the mounted containers in specified format (json)"),
        LATEST,
        Option("no-trunc", also=("notruncate",), help="Do not truncate output"),
    ),
    arguments=(
        Argument(
            "containers", min=0, max=None, metavar="[CONTAINER...]", completer="pypod.complete:containers"
        ),
    ),
    examples=(("pypod mount web", "where its files are"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import root_mounts
    from ocicore.errors import InvalidInput
    from pypod.options import select
    from pypod.session import open_engine

    if args.format not in ("", "json"):
        raise InvalidInput(f'unknown --format argument: "{args.format}"')
    select.check(args, lenient=True)
    engine = open_engine(ctx)
    root_mounts.require_namespace(engine, ctx.environ)
    if args.containers or args.all or args.latest:
        found, errors = select.chosen(engine, args)
        single = len(found) == 1 and not args.all
        return select.each(
            ctx,
            engine,
            found,
            errors,
            lambda container: root_mounts.mount(engine, container),
            show=lambda typed, container: (
                root_mounts.path(engine, container)
                if single
                else f"{container.id if args.no_trunc else container.id[:12]} {root_mounts.path(engine, container)}"
            ),
        )
    mounted = root_mounts.mounted(engine)
    if args.format == "json":
        from ocicore.cli.gojson import pretty

        rows = [{"id": c.id, "Names": [c.name], "mountpoint": path} for c, path in mounted]
        ctx.stdout.write(pretty(rows) + "\n")
        return 0
    from ocicore.cli.table import print_table

    rows_of_text = [(c.id if args.no_trunc else c.id[:12], path) for c, path in mounted]
    print_table(ctx.stdout, (), rows_of_text, headings=False)
    return 0
