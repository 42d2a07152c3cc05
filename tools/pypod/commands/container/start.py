"""`pypod start`: start containers, in the background or attached."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import FILTER, LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

COMMAND = Command(
    "Start one or more containers",
    description="Starts one or more containers. The container name or ID can be used.",
    options=(
        Option("all", help="Start all containers regardless of their state or configuration"),
        Option("attach", "a", help="Attach container's STDOUT and STDERR"),
        Option(
            "detach-keys",
            kind="string",
            default_text="ctrl-p,ctrl-q",
            metavar="[a-Z]",
            help="Select the key sequence for detaching a container",
            completer="pypod.complete_options:detach_keys",
        ),
        FILTER,
        Option("interactive", "i", help="Make STDIN available to the contained process"),
        LATEST,
        Option(
            "sig-proxy",
            default=True,
            default_text="true if attaching, false otherwise",
            help="Proxy received signals to the process",
        ),
    ),
    arguments=(
        Argument(
            "containers",
            min=0,
            max=None,
            metavar="CONTAINER [CONTAINER...]",
            completer="pypod.complete:startable",
        ),
    ),
    examples=(("pypod start -a -i mycontainer", "start it and attach the terminal"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import attached, listing, liveness, records, streams
    from ocicore.errors import InvalidInput
    from ocicore.runtime.attach import parse_detach_keys
    from pypod.options import select
    from pypod.session import open_engine

    if not (args.containers or args.all or args.latest or args.filter):
        raise InvalidInput("start requires at least one argument")
    if args.containers and args.all:
        raise InvalidInput("either start all containers or the container(s) provided in the arguments")
    select.check(args, filtered=True)
    if args.attach and (len(args.containers) > 1 or args.all or args.filter):
        raise InvalidInput("you cannot start and attach multiple containers at once")
    if args.given("sig-proxy") and args.sig_proxy and not args.attach:
        raise InvalidInput("you cannot use sig-proxy without --attach: invalid argument")
    engine = open_engine(ctx)
    found, errors = select.chosen(
        engine,
        args,
        wanted=None if args.filter else lambda c: listing.running(engine, c) is False,
        filtered=True,
    )
    if not (args.attach or args.interactive):
        return select.each(ctx, engine, found, errors, lambda container: _start(engine, container))
    if errors:
        raise errors[0]
    container = found[0][1]
    keys = args.detach_keys if args.given("detach-keys") else engine.config.engine.detach_keys
    attached_streams = streams.Streams(
        stdin=0 if args.interactive and container.config["stdin"] else None,
        stdout=1,
        stderr=2,
        detach_keys=parse_detach_keys(keys),
        sig_proxy=args.sig_proxy if args.given("sig-proxy") else args.attach,
    )
    liveness.sync(engine, container)
    if container.status == records.RUNNING:
        status = attached.attach_to(engine, container, attached_streams)
    else:
        status = attached.run(engine, container, attached_streams)
    return 0 if status is None else status & 0xFF


def _start(engine: Engine, container: Container) -> None:
    """In the background; podman's 126 and 127 are for those who stay attached."""
    from ocicore.engine import start
    from ocicore.errors import Error

    try:
        start.start(engine, container)
    except Error as error:
        error.exit_status = 125
        raise
