"""pyskopeo delete."""

from __future__ import annotations

from ocicore.cli.completers import TRANSPORTS
from ocicore.cli.declare import Argument, Command
from pyskopeo.options import RETRY, image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Delete image IMAGE-NAME",
    description='Delete an "IMAGE_NAME" from a transport (docker://, oci:, containers-storage:).',
    options=(*RETRY, *image()),
    arguments=(Argument("image", metavar="IMAGE-NAME", completer=TRANSPORTS),),
    too_few="Exactly one argument expected",
    too_many="Exactly one argument expected",
    examples=(
        ("pyskopeo delete docker://registry.example.com/fedora:old", "the manifest and what points to it"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    """Delete an image."""
    from ocicore.errors import InvalidInput
    from ocicore.image import transport
    from pyskopeo.session import enter_namespace, system_context

    enter_namespace(ctx, args.image)
    try:
        reference = transport.parse(args.image)
    except InvalidInput as exc:
        raise InvalidInput(f"Invalid source name {args.image}: {exc.message}", hint=exc.hint) from exc
    with system_context(ctx, args) as context:
        reference.delete(context)
    return 0
