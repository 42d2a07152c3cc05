"""`pypod inspect`: whatever has the name – container, image, volume or network."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine

COMMAND = Command(
    "Display the configuration of object denoted by ID",
    description="Displays the low-level information on an object identified by name or ID. For more inspection options, see the inspect command of each kind of object.",
    options=(
        Option(
            "format",
            "f",
            kind="string",
            default="json",
            help="Format the output to a Go template or json",
            completer="pypod.complete_fields:inspected",
        ),
        LATEST,
        Option("size", "s", help="Display total file size"),
        Option(
            "type",
            "t",
            kind="string",
            default="all",
            help='Specify inspect-object type ("image", "container", "network", "pod", "volume", "all")',
            completer="=all container image network pod volume",
        ),
    ),
    arguments=(
        Argument(
            "names",
            min=0,
            max=None,
            metavar="{CONTAINER|IMAGE|POD|NETWORK|VOLUME} [...]",
            completer="pypod.complete:anything",
        ),
    ),
    examples=(
        ("pypod inspect web", "everything about it"),
        ("pypod inspect --type image alpine", "the image even when a container has that name"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from pypod.inspecting import CONTAINER_OMITTED, IMAGE_OMITTED, POD_OMITTED, VOLUME_OMITTED, show
    from pypod.session import open_engine

    if args.type not in ("all", "container", "image", "network", "pod", "volume"):
        raise InvalidInput(
            f'invalid type "{args.type}": must be container, image, network, pod, volume or all'
        )
    if args.size and args.type not in ("all", "container"):
        raise InvalidInput(f'size is not supported for type "{args.type}"')
    if not args.names and not args.latest:
        raise InvalidInput("no names or ids specified")
    if args.names and args.latest:
        raise InvalidInput("--latest and arguments cannot be used together")
    engine = open_engine(ctx)
    names = [engine.state.containers.latest().id] if args.latest else args.names
    omitted = {
        "container": CONTAINER_OMITTED,
        "image": IMAGE_OMITTED,
        "pod": POD_OMITTED,
        "volume": VOLUME_OMITTED,
    }
    kinds: dict[int, str] = {}

    def unsaid(one: dict[str, Any]) -> dict[str, Any]:
        if kinds[id(one)] == "network":
            from pypod.commands.network.inspect import OMITTED

            return OMITTED
        return omitted.get(kinds[id(one)], {})

    def find(name: str) -> dict[str, Any]:
        kind, found = _find(engine, name, args)
        kinds[id(found)] = kind
        return found

    return show(ctx, names, find, args.format, omitted=unsaid)


def _find(engine: Engine, name: str, args: Args) -> tuple[str, dict[str, Any]]:
    """(its kind, the object). Raises NotFound."""
    from ocicore.errors import InvalidInput, NotFound

    kinds: dict[str, Callable[[], dict[str, Any]]] = {
        "container": lambda: _container(engine, name, args.size),
        "image": lambda: _image(engine, name),
        "volume": lambda: _volume(engine, name),
        "network": lambda: _network(engine, name),
        "pod": lambda: _pod(engine, name),
    }
    if args.type != "all":
        try:
            return args.type, kinds[args.type]()
        except InvalidInput:
            raise NotFound(f'no such {args.type}: "{name}"') from None
    for kind, look in kinds.items():
        try:
            return kind, look()
        except (NotFound, InvalidInput):
            continue
    raise NotFound(f'no such object: "{name}"')


def _container(engine: Engine, name: str, size: bool) -> dict[str, Any]:
    from ocicore.engine import inspecting

    return inspecting.inspect(engine, engine.state.containers.find(name), size=size)


def _image(engine: Engine, name: str) -> dict[str, Any]:
    from ocicore.engine import image_listing

    return image_listing.inspect(engine, engine.images.find(name))


def _volume(engine: Engine, name: str) -> dict[str, Any]:
    from ocicore.engine import volume_listing

    return volume_listing.inspect(engine, engine.state.volumes.find(name))


def _pod(engine: Engine, name: str) -> dict[str, Any]:
    from ocicore.engine import pod_listing

    return pod_listing.inspect(engine, engine.state.pods.find(name))


def _network(engine: Engine, name: str) -> dict[str, Any]:
    from ocicore.engine import network_verbs

    return network_verbs.inspect(engine, name)
