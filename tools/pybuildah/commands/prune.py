"""`pybuildah prune`: remove images nobody names or uses, and cache mounts."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option
from pybuildah.options.shared import NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove unused images",
    description="Removes dangling images, what RUN --mount=type=cache keeps, and what builds left that were killed; with --all every image no container uses.",
    options=(
        Option("all", "a", help="Remove all unused images, not only dangling ones"),
        Option(
            "keep-storage",
            kind="string",
            metavar="SIZE",
            help="Remove only what was used longest ago, until the rest fits in",
        ),
        Option("force", "f", help="Force removal of the images and any containers using them"),
    ),
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
    exclusive=(("all", "keep-storage"), ("force", "keep-storage")),
)


def run(args: Args, ctx: Context) -> int:
    """Print the IDs of what was removed."""
    from ocicore.build import cache_mounts
    from pybuildah.commands.rmi import prune
    from pybuildah.session import Session

    session = Session(ctx)
    for name in session.leftovers():
        ctx.print(name)
    folder = cache_mounts.root(ctx.environ.get("TMPDIR") or "/var/tmp", session.user.uid)
    if args.keep_storage:
        from ocicore.build import cache_budget
        from ocicore.build.run_mounts import parse_size

        cache_budget.shrink(session.images, parse_size(args.keep_storage), folder, tell=ctx.print)
        return 0
    status = prune(session, ctx, everything=args.all, force=args.force)
    cache_mounts.clear(folder)
    return status
