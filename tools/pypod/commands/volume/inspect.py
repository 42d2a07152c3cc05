"""`pypod volume inspect`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display detailed information on one or more volumes",
    options=(
        Option("all", "a", help="Inspect all volumes"),
        Option(
            "format",
            "f",
            kind="string",
            default="json",
            help="Format volume output using Go template",
            completer="pypod.complete_fields:printed",
        ),
    ),
    arguments=(
        Argument(
            "volumes", min=0, max=None, metavar="VOLUME [VOLUME...]", completer="pypod.complete:volumes"
        ),
    ),
    examples=(("pypod volume inspect --format '{{.Mountpoint}}' data", "where its files are"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import volume_listing
    from ocicore.errors import InvalidInput
    from pypod.inspecting import VOLUME_OMITTED, show
    from pypod.session import open_engine

    if bool(args.volumes) == args.all:
        raise InvalidInput("provide one or more volume names or use --all")
    engine = open_engine(ctx)
    table = engine.state.volumes
    names = [volume.name for volume in table.all()] if args.all else args.volumes
    return show(
        ctx,
        names,
        lambda name: volume_listing.inspect(engine, table.find(name)),
        args.format,
        omitted=VOLUME_OMITTED,
    )
