"""`pypod container clone`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.create import CREATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

_CHANGEABLE = (
    "blkio-weight blkio-weight-device cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus "
    "cpuset-mems device-read-bps device-write-bps memory memory-reservation memory-swap memory-swappiness name pod"
).split()

COMMAND = Command(
    "Clone an existing container",
    description="Creates a copy of a container from its configuration, with another name, other limits or another image. "
    "What it has written is not copied. The ID of the new container is printed.",
    options=(
        *(option for option in CREATE if option.long in _CHANGEABLE),
        Option("destroy", help="Destroy the original container"),
        Option("force", "f", help="Force the existing container to be destroyed"),
        Option("run", help="Run the new container"),
    ),
    arguments=(
        Argument("container", metavar="CONTAINER", completer="pypod.complete:containers"),
        Argument("new_name", min=0, metavar="NAME"),
        Argument("image", min=0, metavar="IMAGE", completer="pypod.complete:images"),
    ),
    examples=(
        ("pypod container clone web", "web-clone"),
        ("pypod container clone --destroy --memory 1g web web", "the same with another limit"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import container_clone, start
    from ocicore.errors import InvalidInput
    from pypod.commands.container.create import resolver
    from pypod.session import create_command, open_engine

    if args.force and not args.destroy:
        raise InvalidInput("cannot set --force without --destroy: invalid argument")
    engine = open_engine(ctx)
    original = engine.state.containers.find(args.container)
    name = args.new_name or args.name
    values = args.as_dict()
    changes = {
        key: values[key]
        for key in args.given_names()
        if key not in ("destroy", "force", "run", "name", "pod")
    }
    pod = engine.state.pods.find(args.pod) if args.pod else None
    same_name = bool(name) and name == original.name
    if same_name:
        if not args.destroy:
            raise InvalidInput(f'the name "{name}" is the original\'s', hint="use --destroy to replace it")
        container_clone.replaced(engine, original, force=args.force)
    new = container_clone.clone(
        engine,
        original,
        {**changes, "name": name},
        image=args.image or "",
        pod=pod,
        create_command=create_command(ctx),
        resolve=resolver(ctx, engine),
    )
    if args.destroy and not same_name:
        container_clone.replaced(engine, original, force=args.force)
    if args.run:
        start.start(engine, new)
    ctx.print(new.id)
    return 0
