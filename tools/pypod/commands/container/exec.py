"""`pypod exec`: run a process in a running container."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Run a process in a running container",
    description="Execute the specified command inside a running container.",
    options=(
        Option("cidfile", kind="string", help="File to read the container ID from", completer="file"),
        Option("detach", "d", help="Run the exec session in detached mode (backgrounded)"),
        Option(
            "detach-keys",
            kind="string",
            default_text="ctrl-p,ctrl-q",
            help="Select the key sequence for detaching a container",
            completer="pypod.complete_options:detach_keys",
        ),
        Option("env", "e", kind="stringArray", help="Set environment variables"),
        Option(
            "env-file", kind="stringArray", help="Read in a file of environment variables", completer="file"
        ),
        Option("interactive", "i", help="Make STDIN available to the contained process"),
        LATEST,
        Option("no-session", help="Do not record the session: no other command sees it"),
        Option(
            "preserve-fd", kind="ints", help="Pass a list of additional file descriptors to the container"
        ),
        Option("preserve-fds", kind="uint", help="Pass N additional file descriptors to the container"),
        Option("privileged", help="Give the process extended Linux capabilities inside the container"),
        Option("tty", "t", help="Allocate a pseudo-TTY"),
        Option(
            "user",
            "u",
            kind="string",
            help="Sets the username or UID used and optionally the groupname or GID for the specified command",
            completer="pypod.complete_options:user",
        ),
        Option("wait", kind="uint", hidden=True, help="Total seconds to wait for the container to start"),
        Option(
            "workdir", "w", kind="string", help="Working directory inside the container", completer="file"
        ),
    ),
    arguments=(
        Argument(
            "words",
            min=0,
            max=None,
            metavar="CONTAINER COMMAND [ARG...]",
            completer="pypod.complete:command_in_running",
        ),
    ),
    interspersed=False,
    examples=(("pypod exec -it web sh", "a shell beside the server"),),
    statuses=(
        (125, "pypod itself failed"),
        (126, "the command cannot be invoked"),
        (127, "the command cannot be found"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import execute
    from ocicore.engine.options import env
    from ocicore.errors import Error, InvalidInput
    from pypod.options.descriptors import passed_on
    from pypod.options.select import read_cidfiles
    from pypod.session import open_engine

    if args.no_session and (args.detach or args.given("detach-keys")):
        raise InvalidInput("--no-session cannot be used with --detach or --detach-keys")
    words = list(args.words)
    if args.latest and args.cidfile:
        raise InvalidInput("--latest and --cidfile cannot be used together")
    if args.latest:
        name = ""
    elif args.cidfile:
        name = read_cidfiles([args.cidfile])[0]
    elif words:
        name = words.pop(0)
    else:
        raise InvalidInput("exec requires the name or ID of a container or the --latest flag")
    if not words:
        raise InvalidInput("must provide a non-empty command to start an exec session: invalid argument")
    if args.preserve_fds and args.preserve_fd:
        raise InvalidInput("cannot set both --preserve-fds and --preserve-fd")
    extra = passed_on(args)
    engine = open_engine(ctx)
    table = engine.state.containers
    if args.wait:
        execute.wait_until_running(engine, name, args.wait)
    container = table.latest() if args.latest else table.find(name)
    environment: dict[str, str] = {}
    for path in args.env_file:
        environment.update(env.read_file(path, ctx.environ))
    environment.update(env.read_entries(args.env, ctx.environ))
    options = execute.ExecOptions(
        words,
        env=environment,
        user=args.user,
        workdir=args.workdir,
        tty=args.tty,
        interactive=args.interactive,
        privileged=args.privileged if args.given("privileged") else engine.config.containers.privileged,
        extra_fds=extra,
        recorded=not args.no_session,
    )
    if args.detach:
        try:
            ctx.print(execute.detach(engine, container, options))
        except Error as error:
            error.exit_status = 125  # podman: 126 and 127 are for those who wait
            raise
        return 0
    from ocicore.engine.streams import Streams

    keys = b""
    if (args.tty and not args.no_session) or args.given("detach-keys"):
        from ocicore.runtime.attach import parse_detach_keys

        keys = parse_detach_keys(
            args.detach_keys if args.given("detach-keys") else engine.config.engine.detach_keys
        )
    if args.tty and not args.no_session:
        if args.interactive and not ctx.stdin.isatty():
            ctx.warn(
                "The input device is not a TTY. The --tty and --interactive flags might not work properly"
            )
    streams = Streams(
        stdin=0 if args.interactive else None, stdout=1, stderr=2, detach_keys=keys, sig_proxy=False
    )
    try:
        status = execute.run(engine, container, options, streams)
    except Error as error:
        if error.exit_status is None:
            error.exit_status = 255  # podman's for a session that could not be made
        raise
    return 0 if status is None else status & 0xFF
