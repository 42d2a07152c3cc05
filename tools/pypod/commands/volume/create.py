"""`pypod volume create`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Create a new volume",
    description="If using the default driver, local, the volume is created on the host in the volumes directory under container storage. With the driver image it is a copy-on-write layer on the image that --opt image= names, which must be in the local storage.",
    options=(
        Option("driver", "d", kind="string", default="local", help="Specify volume driver name"),
        Option("gid", kind="int", default=-1, help="Set the GID of the volume owner"),
        Option("ignore", help="Don't fail if volume already exists"),
        Option("label", "l", kind="stringArray", help="Set metadata for a volume"),
        Option("opt", "o", kind="stringArray", help="Set driver specific options"),
        Option("uid", kind="int", default=-1, help="Set the UID of the volume owner"),
    ),
    arguments=(Argument("name", min=0, max=1, metavar="[NAME]"),),
    examples=(
        ("pypod volume create myvol", "a directory with a name"),
        ("pypod volume create --driver image --opt image=fedora:latest tools", "what an image holds"),
        ("pypod volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=2M testvol", "memory"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import volumes
    from ocicore.engine.options.labels import read_labels
    from pypod.session import open_engine

    engine = open_engine(ctx)
    options = {}
    for text in args.opt:
        key, _, value = text.partition("=")
        options[key] = value
    if args.ignore and args.name:
        existing = engine.state.volumes.get(args.name)
        if existing is not None:
            ctx.print(existing.name)
            return 0
    volume = volumes.create(
        engine,
        args.name or "",
        labels=read_labels((), args.label),
        options=options,
        driver=args.driver,
        uid=args.uid if args.given("uid") else None,
        gid=args.gid if args.given("gid") else None,
    )
    ctx.print(volume.name)
    return 0
