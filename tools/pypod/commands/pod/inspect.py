"""`pypod pod inspect`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.pod import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display a pod configuration",
    description="Displays the configuration of pods, by name or id, as a JSON list or through a Go template.",
    options=(
        Option(
            "format",
            "f",
            kind="string",
            default="json",
            help="Format the output to a Go template or json",
            completer="pypod.complete_fields:printed",
        ),
        LATEST,
    ),
    arguments=(Argument("pods", min=0, max=None, metavar="POD [POD...]", completer="pypod.complete:pods"),),
    examples=(("pypod pod inspect --format '{{.State}}' webpod", "Running, Exited …"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_listing
    from ocicore.errors import InvalidInput
    from pypod.inspecting import POD_OMITTED, show
    from pypod.session import open_engine

    if args.pods and args.latest:
        raise InvalidInput("--latest and arguments cannot be used together")
    if not (args.pods or args.latest):
        raise InvalidInput("you must provide the name or id of a pod, or --latest")
    engine = open_engine(ctx)
    table = engine.state.pods
    names = [table.latest().id] if args.latest else list(args.pods)
    return show(
        ctx,
        names,
        lambda name: pod_listing.inspect(engine, table.find(name)),
        args.format,
        omitted=POD_OMITTED,
    )
