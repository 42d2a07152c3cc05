"""`pybuildah mount`: mount working containers' roots, or list what is mounted."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Mount a working container's root file system",
    description="Mounts the named containers and prints where; without names, lists what is mounted.",
    options=(
        Option("json", help="Output in JSON format"),
        Option("notruncate", hidden=True, help="Do not truncate output"),
    ),
    arguments=(Argument("containers", min=0, max=None, metavar="[CONTAINER...]"),),
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
)


def run(args: Args, ctx: Context) -> int:
    """Print the path, or name and path of several."""
    import os

    from ocicore.build import working
    from ocicore.errors import Unsupported
    from pybuildah.session import Session

    session = Session(ctx, enter=False)
    if session.user.rootless and os.geteuid() != 0:
        raise Unsupported(
            "cannot mount using driver overlay in rootless mode. You need to run it in a `pybuildah unshare` session"
        )
    store = session.store
    rows: list[tuple[str, str, str]] = []
    if args.containers:
        for name in args.containers:
            container = working.load(store, name)
            path = container.mount()
            container.save()
            rows.append((container.id, container.name, path))
    else:
        for container in working.all_working(store, ctx.warn):
            path = store.mount_point(container.id) or ""
            if path:
                rows.append((container.id, container.name, path))
    if args.json:
        from ocicore.cli.gojson import dumps

        values = [{"id": row[0], "container": row[1], "mountPoint": row[2]} for row in rows]
        ctx.print(dumps(values, indent="    "))
    elif len(args.containers) == 1:
        ctx.print(rows[0][2])
    else:
        for _, name, path in rows:
            ctx.print(f"{name} {path}")
    return 0
