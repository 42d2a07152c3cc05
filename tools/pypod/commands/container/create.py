"""`pypod create`: make a container and print its id."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command
from pypod.options.create import CREATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.engine.create_options import CreateOptions
    from ocicore.engine.records import Container
    from ocicore.image.local import LocalImage
    from ocicore.image.progress import Progress

COMMAND = Command(
    "Create but do not start a container",
    description=(
        "Creates a new container from the given image or storage and prepares it for running the specified "
        "command. The container ID is then printed to stdout; start it at any time with pypod start."
    ),
    options=CREATE,
    arguments=(
        Argument("image", metavar="IMAGE", completer="pypod.complete:images"),
        Argument("command", min=0, max=None, metavar="[COMMAND [ARG...]]"),
    ),
    interspersed=False,
    examples=(
        ("pypod create alpine ls", "a container that will list its root"),
        ("pypod create -t -i --name myctr alpine sh", "an interactive one with a name"),
    ),
    too_few="requires at least 1 arg(s), only received 0",
)


def run(args: Args, ctx: Context) -> int:
    from pypod.session import open_engine

    engine = open_engine(ctx)
    container, _ = make(args, ctx, engine)
    ctx.print(container.id)
    return 0


def make(args: Args, ctx: Context, engine: Engine) -> tuple[Container, CreateOptions]:
    """The new container of `create` and `run`."""
    from ocicore.engine import create, image_choice
    from ocicore.engine.create_options import CreateOptions
    from pypod.session import create_command

    options = CreateOptions(args.as_dict(), args.given_names())
    if args.given("kernel-memory"):
        ctx.warn("The --kernel-memory flag is no longer supported. This flag is a noop.")

    def resolve(name: str, wanted: CreateOptions) -> LocalImage:
        return image_choice.resolve(engine, name, wanted, progress=lambda: _progress(ctx, wanted))

    container = create.create(
        engine,
        options,
        args.image,
        list(args.command),
        create_command=create_command(ctx),
        resolve=resolve,
    )
    return container, options


def _progress(ctx: Context, options: CreateOptions) -> AbstractContextManager[Progress]:
    from ocicore.cli import progress

    return progress.shown(ctx.stderr, quiet=options.quiet)
