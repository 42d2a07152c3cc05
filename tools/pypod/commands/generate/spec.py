"""`pypod generate spec`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Generate Specgen JSON based on containers or pods",
    description="Generates JSON with which podman's REST interface makes the same container or pod again.",
    options=(
        Option("compact", "c", help="Print the json in a compact format for consumption"),
        Option(
            "filename",
            "f",
            kind="path",
            metavar="string",
            help="Write output to the specified path",
            completer="file",
        ),
        Option("name", "n", default=True, help="Specify a new name for the generated spec"),
    ),
    arguments=(
        Argument("object", metavar="{CONTAINER|POD}", completer="pypod.complete:containers_and_pods"),
    ),
    examples=(("pypod generate spec -f web.json web", "into a file"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import spec_document
    from ocicore.errors import Error, NotFound
    from ocicore.image import go_json
    from pypod.session import open_engine

    engine = open_engine(ctx)
    try:
        container = engine.state.containers.find(args.object)
        value = spec_document.of_container(engine, container, new_name=args.name)
    except NotFound:
        try:
            pod = engine.state.pods.find(args.object)
        except NotFound:
            raise NotFound(f"could not find a pod or container with the id {args.object}") from None
        value = spec_document.of_pod(engine, pod, new_name=args.name)
    text = go_json.dumps(value).decode() if args.compact else go_json.pretty(value, " ")
    if not args.filename:
        ctx.print(text)
        return 0
    try:
        with open(args.filename, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Error(f"open {args.filename}: {(error.strerror or '').lower()}") from error
    ctx.print(args.filename)
    return 0
