"""`pypod mount`, `pypod container mount`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.errors import Error

COMMAND = Command(
    "Mount a working container's root filesystem",
    description="Mounts the specified container's root file system in a location which can be accessed from the host, and returns its location. Without a container, what is mounted is listed.",
    options=(
        all_option("Mount all containers"),
        Option(
            "format",
            kind="string",
            help="Print the mounted containers in specified format (json)",
            completer="=json",
        ),
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
    root_mounts.require_namespace(engine, ctx.environ, ctx.command_name)
    if args.containers or args.all or args.latest:
        found, errors = select.chosen(
            engine, args, wanted=lambda container: not container.config.get("rootfs")
        )
        single = len(found) + len(errors) == 1 and not args.all
        errors = _mount_external(ctx, engine, errors, single=single)
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
    others = root_mounts.mounted_external(engine)
    if args.format == "json":
        from ocicore.cli.gojson import pretty

        rows = [{"id": c.id, "Names": [c.name], "mountpoint": path} for c, path in mounted]
        rows += [{"id": i, "Names": names, "mountpoint": path} for i, names, path in others]
        ctx.stdout.write(pretty(rows) + "\n")
        return 0
    from ocicore.cli.table import print_table

    both = [(c.id, path) for c, path in mounted] + [(i, path) for i, _, path in others]
    rows_of_text = [(i if args.no_trunc else i[:12], path) for i, path in both]
    print_table(ctx.stdout, (), rows_of_text, headings=False)
    return 0


def _mount_external(ctx: Context, engine: Engine, errors: list[Error], *, single: bool) -> list[Error]:
    """Mount what is a container of another program in the same store; the errors of the other names."""
    from ocicore.engine import root_mounts
    from ocicore.engine.errors import NoSuchContainer
    from ocicore.errors import NotFound

    left = []
    for error in errors:
        try:
            if not isinstance(error, NoSuchContainer):
                raise error
            identifier = root_mounts.external(engine, error.name)
        except NotFound:
            left.append(error)
            continue
        where = engine.store.mount(identifier)
        ctx.print(where if single else f"{identifier[:12]} {where}")
    return left
