"""`pypod container inspect`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display the configuration of a container",
    description="Displays the low-level information on a container identified by name or ID.",
    options=(
        Option(
            "format",
            "f",
            kind="string",
            default="json",
            help="Format the output to a Go template or json",
            completer="pypod.complete_fields:inspected",
        ),
        LATEST,
        Option("size", "s", help="Display total file size"),
    ),
    arguments=(
        Argument(
            "containers",
            min=0,
            max=None,
            metavar="CONTAINER [CONTAINER...]",
            completer="pypod.complete:containers",
        ),
    ),
    examples=(("pypod container inspect --format '{{.State.Status}}' web", "running, exited …"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import inspecting
    from ocicore.engine.errors import NoSuchContainer
    from ocicore.errors import InvalidInput, NotFound
    from pypod.inspecting import CONTAINER_OMITTED, show
    from pypod.session import open_engine

    if args.containers and args.latest:
        raise InvalidInput("--latest and arguments cannot be used together")
    if not args.containers and not args.latest:
        raise InvalidInput("no containers specified")
    engine = open_engine(ctx)
    table = engine.state.containers
    names = [table.latest().id] if args.latest else args.containers

    def look(name: str) -> dict[str, Any]:
        try:
            return inspecting.inspect(engine, table.find(name), size=args.size)
        except NoSuchContainer:
            raise NotFound(f"no such container {name}") from None

    return show(
        ctx,
        names,
        look,
        args.format,
        omitted=CONTAINER_OMITTED,
    )
