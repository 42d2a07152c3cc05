"""`pypod create`: make a container and print its id."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.create import CREATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.engine.create import Resolve
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
    options=(
        *CREATE,
        Option(
            "init-ctr",
            kind="string",
            metavar="type",
            help='Make this a pod init container: run at every start of the pod ("always") or at the first ("once")',
            completer="=always once",
        ),
    ),
    arguments=(
        Argument("image", metavar="IMAGE", completer="pypod.complete:image_or_folder"),
        Argument(
            "command",
            min=0,
            max=None,
            metavar="[COMMAND [ARG...]]",
            completer="pypod.complete:image_paths",
        ),
    ),
    interspersed=False,
    examples=(
        ("pypod create alpine ls", "a container that will list its root"),
        ("pypod create -t -i --name myctr alpine sh", "an interactive one with a name"),
    ),
    too_few="requires at least 1 arg(s), only received 0",
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.init_ctr:
        if not (args.pod or args.pod_id_file):
            raise InvalidInput("must specify pod value with init-ctr")
        if args.init_ctr not in ("always", "once"):
            raise InvalidInput("init-ctr value must be 'always' or 'once'")
    engine = open_engine(ctx)
    container, _ = make(args, ctx, engine)
    ctx.print(container.id)
    return 0


def make(args: Args, ctx: Context, engine: Engine) -> tuple[Container, CreateOptions]:
    """The new container of `create` and `run`."""
    from ocicore.engine import create
    from ocicore.engine.create_options import CreateOptions
    from pypod.session import create_command

    if args.rm and args.restart:
        from ocicore.engine.options import restart

        restart.check_removal(args.restart)
    options = CreateOptions(args.as_dict(), args.given_names())
    if args.given("kernel-memory"):
        ctx.warn("The --kernel-memory flag is no longer supported. This flag is a noop.")
    container = create.create(
        engine,
        options,
        args.image,
        list(args.command),
        create_command=create_command(ctx),
        resolve=resolver(ctx, engine),
    )
    return container, options


def resolver(ctx: Context, engine: Engine) -> Resolve:
    """Finds the image of a new container, or pulls it and shows how far it is."""

    def resolve(name: str, wanted: CreateOptions) -> LocalImage:
        from ocicore.engine import image_choice

        return image_choice.resolve(engine, name, wanted, progress=lambda: _progress(ctx, wanted))

    return resolve


def _progress(ctx: Context, options: CreateOptions) -> AbstractContextManager[Progress]:
    from ocicore.cli import progress

    return progress.shown(ctx.stderr, quiet=options.quiet)
