"""`pypod system connection default`, `remove` and `rename`: what remote clients of this user have been told of."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

_NAMES = "pypod.complete:connections"
_MODULE = "pypod.commands.system.connection.edit"

DEFAULT = Command(
    "Set named destination as default",
    description="Makes a recorded destination the one that remote clients use when none is named.",
    arguments=(Argument("name", completer=_NAMES),),
    handler=f"{_MODULE}:set_default",
    examples=(("pypod system connection default testing", "from now on"),),
)

REMOVE = Command(
    "Delete named destination",
    description="Removes a recorded destination; one that is not recorded is no error, as with podman.",
    options=(
        Option("all", "a", help="Remove all connections"),
        Option("force", "f", hidden=True, help="Ignored: for Docker compatibility"),
    ),
    arguments=(Argument("name", completer=_NAMES),),
    lenient_with=("all",),
    handler=f"{_MODULE}:remove",
    examples=(("pypod system connection rm devl", "one of them"),),
)

RENAME = Command(
    "Rename a destination",
    description="Gives a recorded destination another name; the default stays the default.",
    arguments=(Argument("old", completer=_NAMES), Argument("new")),
    handler=f"{_MODULE}:rename",
    examples=(("pypod system connection mv laptop devl", "laptop is devl now"),),
)


def set_default(args: Args, ctx: Context) -> int:
    from ocicore.config import connections, paths

    connections.set_default(paths.user_paths(ctx.environ), ctx.environ, args.name)
    return 0


def remove(args: Args, ctx: Context) -> int:
    from ocicore.config import connections, paths

    connections.remove(paths.user_paths(ctx.environ), ctx.environ, "" if args.all else args.name)
    return 0


def rename(args: Args, ctx: Context) -> int:
    from ocicore.config import connections, paths

    connections.rename(paths.user_paths(ctx.environ), ctx.environ, args.old, args.new)
    return 0
