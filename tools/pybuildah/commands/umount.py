"""`pybuildah umount`: undo `mount`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Unmount the root file system of the specified working containers",
    options=(Option("all", "a", help="Unmount all mounted containers"),),
    arguments=(Argument("containers", min=0, max=None, metavar="CONTAINER [CONTAINER...]"),),
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
)


def run(args: Args, ctx: Context) -> int:
    """Print the IDs of what was unmounted."""
    from ocicore.build import working
    from ocicore.errors import InvalidInput
    from pybuildah.session import Session

    if not args.containers and not args.all:
        raise InvalidInput("at least one container ID must be specified")
    if args.containers and args.all:
        raise InvalidInput("when using the --all switch, you may not pass any container IDs")
    store = Session(ctx).store
    if args.all:
        found = [item for item in working.all_working(store, ctx.warn) if store.mount_point(item.id)]
    else:
        found = [working.load(store, name) for name in args.containers]
    for container in found:
        if not store.mount_point(container.id):
            continue
        container.unmount()
        container.save()
        ctx.print(container.id)
    return 0
