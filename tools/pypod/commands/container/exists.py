"""`pypod container exists`: an exit status of 0 or 1."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Check if a container exists in local storage",
    description="If the named container exists in local storage, exits with 0, otherwise with 1.",
    options=(Option("external", help="Check external storage containers as well as pypod containers"),),
    arguments=(Argument("container", completer="pypod.complete:containers"),),
    examples=(("pypod container exists web || pypod run -d --name web nginx", "start it once"),),
    statuses=((1, "the container does not exist"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput, NotFound
    from pypod.session import open_engine

    if not args.container.strip("/"):
        raise InvalidInput("name or ID cannot be empty")
    engine = open_engine(ctx)
    try:
        engine.state.containers.find(args.container)
        return 0
    except NotFound:
        if not args.external:
            return 1
    try:
        engine.store.container(args.container)
        return 0
    except NotFound:
        return 1
