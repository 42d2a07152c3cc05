"""`pybuildah manifest inspect`: a list of the store, or of a registry."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command
from pybuildah.options.shared import REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display the contents of a manifest list or image index",
    options=REGISTRY,
    arguments=(Argument("name", metavar="LIST"),),
)


def run(args: Args, ctx: Context) -> int:
    """Print JSON."""
    from ocicore.errors import NotFound
    from pybuildah import manifest_lists
    from pybuildah.session import Session

    session = Session(ctx)
    try:
        ctx.print(manifest_lists.shown(session, args.name))
    except NotFound:
        ctx.print(_from_registry(session, args))
    return 0


def _from_registry(session: object, args: Args) -> str:
    import json

    from ocicore.errors import InvalidInput
    from ocicore.image import transport
    from pybuildah.session import Session

    assert isinstance(session, Session)
    name = args.name if "://" in args.name else f"docker://{args.name}"
    source = transport.parse(name).source(session.system_context(args))
    try:
        data, media_type = source.manifest(None)
    finally:
        source.close()
    value = json.loads(data)
    if "manifests" not in value:
        raise InvalidInput(f"{args.name}: manifest is of type {media_type} (not a list type)")
    return json.dumps(value, indent=4)
