"""`pypod run`: make a container, start it, and stay with it unless told otherwise."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.create import CREATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.engine.streams import Streams

COMMAND = Command(
    "Run a command in a new container",
    description="Runs a command in a new container from the given image.",
    options=(
        *CREATE,
        Option("detach", "d", help="Run container in background and print container ID"),
        Option(
            "detach-keys",
            kind="string",
            default_text="ctrl-p,ctrl-q",
            metavar="[a-Z]",
            help="Override the key sequence for detaching a container",
            completer="pypod.complete_options:detach_keys",
        ),
        Option(
            "preserve-fds",
            kind="uint",
            help="Pass a number of additional file descriptors into the container",
        ),
        Option(
            "preserve-fd", kind="ints", help="Pass a list of additional file descriptors into the container"
        ),
        Option("rmi", help="Remove image unless used by other containers, implies --rm"),
        Option("sig-proxy", default=True, help="Proxy received signals to the process"),
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
        ("pypod run --rm -it alpine sh", "a shell that leaves nothing behind"),
        ("pypod run -d --name web -p 8080:80 nginx", "a server in the background"),
    ),
    statuses=(
        (125, "pypod itself failed"),
        (126, "the command cannot be invoked"),
        (127, "the command cannot be found"),
        (0, "otherwise: the exit status of the command"),
    ),
    exclusive=(("detach", "attach"),),
    too_few="requires at least 1 arg(s), only received 0",
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import attached, sd_notify, start
    from ocicore.errors import Error, InvalidInput
    from ocicore.runtime.oci import run_status
    from pypod.commands.container.create import make
    from pypod.options.descriptors import passed_on
    from pypod.session import open_engine

    if args.preserve_fds and args.preserve_fd:
        raise InvalidInput("cannot set both --preserve-fds and --preserve-fd")
    engine = open_engine(ctx)
    streams = _streams(args, ctx, engine)
    if args.rmi:
        if args.given("rm") and not args.rm:
            raise InvalidInput("the --rmi option does not work without --rm")
        args.set("rm", True)
    extra = passed_on(args)
    container, _ = make(args, ctx, engine)
    try:
        if args.detach:
            with engine.lock(container.id):
                engine.state.containers.refresh(container)  # somebody may have removed it already
                start.create_in_runtime(engine, container, extra_fds=extra)
                start.start_created(engine, container)
            sd_notify.wait_ready(engine, container)
            # With passthrough what we print is the container's own output.
            if not container.config["log"]["driver"].startswith("passthrough"):
                ctx.print(container.id)
            return 0
        if args.attach and streams.stdout is None and streams.stderr is None:
            ctx.print(container.id)
        ctx.stdout.flush()
        status = attached.run(engine, container, streams, extra_fds=extra)
    except Error as error:
        error.exit_status = run_status(error)
        _discard(engine, container, remove=args.rm)
        raise
    if status is None:
        return 0
    return status & 0xFF


def _discard(engine: Engine, container: Container, *, remove: bool) -> None:
    """A container that could not be started does not stay with --rm."""
    if not remove:
        return
    from ocicore.engine import remove as removal
    from ocicore.errors import Error

    try:
        removal.remove(engine, container, force=True, volumes=True)
    except Error as error:
        engine.warn(f"removing container {container.id}: {error.message}")


def _streams(args: Args, ctx: Context, engine: Engine) -> Streams:
    from ocicore.engine.streams import Streams
    from ocicore.errors import InvalidInput
    from ocicore.runtime.attach import parse_detach_keys

    keys = args.detach_keys if args.given("detach-keys") else engine.config.engine.detach_keys
    attach = {word.lower() for word in args.attach}
    if attach - {"stdin", "stdout", "stderr"}:
        wrong = sorted(attach - {"stdin", "stdout", "stderr"})[0]
        raise InvalidInput(
            f'invalid stream "{wrong}" for --attach - must be one of stdin, stdout, or stderr: invalid argument'
        )
    everything = not attach
    stdin = 0 if args.interactive and (everything or "stdin" in attach) else None
    if args.tty and args.interactive and not args.detach and not ctx.stdin.isatty():
        ctx.warn("The input device is not a TTY. The --tty and --interactive flags might not work properly")
    return Streams(
        stdin=stdin,
        stdout=1 if everything or "stdout" in attach else None,
        stderr=2 if everything or "stderr" in attach else None,
        detach_keys=parse_detach_keys(keys),
        sig_proxy=args.sig_proxy,
    )
