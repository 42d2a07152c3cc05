"""`pypod attach`: join a running container."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Attach to a running container",
    description="The attach command allows you to attach to a running container using the container's ID or name, either to view its ongoing output or to control it interactively.",
    options=(
        Option(
            "detach-keys",
            kind="string",
            default_text="ctrl-p,ctrl-q",
            metavar="[a-Z]",
            help="Select the key sequence for detaching a container",
            completer="pypod.complete_options:detach_keys",
        ),
        LATEST,
        Option("no-stdin", help="Do not attach STDIN. The default is false"),
        Option("sig-proxy", default=True, help="Proxy received signals to the process"),
    ),
    arguments=(
        Argument("containers", min=0, max=1, metavar="CONTAINER", completer="pypod.complete:running"),
    ),
    examples=(("pypod attach ctrID", "leave it again with ctrl-p ctrl-q"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import attached, streams
    from ocicore.errors import InvalidInput
    from ocicore.runtime.attach import parse_detach_keys
    from pypod.session import open_engine

    if args.containers and args.latest:
        raise InvalidInput("--latest and containers cannot be used together")
    if not (args.containers or args.latest):
        raise InvalidInput('"pypod attach" requires a name, id, or the "--latest" flag')
    engine = open_engine(ctx)
    table = engine.state.containers
    container = table.latest() if args.latest else table.find(args.containers)
    keys = args.detach_keys if args.given("detach-keys") else engine.config.engine.detach_keys
    attached_streams = streams.Streams(
        stdin=0 if container.config["stdin"] and not args.no_stdin else None,
        stdout=1,
        stderr=2,
        detach_keys=parse_detach_keys(keys),
        sig_proxy=args.sig_proxy,
    )
    status = attached.attach_to(engine, container, attached_streams)
    return 0 if status is None else status & 0xFF
