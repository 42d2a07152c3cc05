"""`pybuildah rm`: remove working containers."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove one or more working containers",
    options=(Option("all", "a", help="Remove all working containers"),),
    arguments=(Argument("containers", min=0, max=None, metavar="CONTAINER [CONTAINER...]"),),
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
)


def run(args: Args, ctx: Context) -> int:
    """Print the IDs of what was removed; go on after a failure."""
    from ocicore.build import working
    from ocicore.errors import Error, InvalidInput, NotFound
    from pybuildah.session import Session

    if args.all and args.containers:
        raise InvalidInput("when using the --all switch, you may not pass any containers names or IDs")
    if not args.all and not args.containers:
        raise InvalidInput("container ID must be specified")
    store = Session(ctx).store
    status = 0
    problem: Error | None = None
    found = working.all_working(store, ctx.warn) if args.all else []
    for name in args.containers:
        try:
            found.append(working.load(store, name))
        except NotFound:
            if problem is not None:
                ctx.stderr.write(f"{problem}\n")
            problem = NotFound(f'removing container "{name}": container not known')
            status = 125
    for container in found:
        try:
            container.delete()
        except Error as error:
            if problem is not None:
                ctx.stderr.write(f"{problem}\n")
            problem = Error(f'removing container "{container.name}": {error.message}', hint=error.hint)
            status = 125
            continue
        ctx.print(container.id)
    if problem is not None:
        raise problem
    return status
