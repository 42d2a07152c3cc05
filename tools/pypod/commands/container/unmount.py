"""`pypod unmount`, `pypod container unmount`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Unmount working container's root filesystem",
    description="Container storage increments a mount counter each time a container is mounted. When a container is unmounted, the mount counter is decremented, and the container's root filesystem is physically unmounted only when the mount counter reaches zero.",
    options=(
        all_option("Unmount all of the currently mounted containers"),
        Option("force", "f", help="Force the complete unmount of the specified mounted containers"),
        LATEST,
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
    examples=(("pypod unmount web", "undo one mount"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import root_mounts
    from ocicore.engine.errors import NoSuchContainer
    from ocicore.errors import NotFound
    from pypod.options import select
    from pypod.session import open_engine

    select.check(args)
    engine = open_engine(ctx)
    found, errors = select.chosen(engine, args, wanted=lambda c: bool(engine.store.mounted(c.id)))
    left = []
    for error in errors:
        try:
            if not isinstance(error, NoSuchContainer):
                raise error
            identifier = root_mounts.external(engine, error.name)
        except NotFound:
            left.append(error)
            continue
        engine.store.unmount(identifier, args.force)
        ctx.print(error.name)
    errors = left
    return select.each(
        ctx, engine, found, errors, lambda container: root_mounts.unmount(engine, container, force=args.force)
    )
