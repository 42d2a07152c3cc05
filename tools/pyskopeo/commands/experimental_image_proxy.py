"""pyskopeo experimental-image-proxy: hands manifests and blobs to a parent process (ostree) over a socket."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option
from pyskopeo.options import image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Interactive proxy for fetching container images (EXPERIMENTAL)",
    description="Serves requests over a socket of type SOCK_SEQPACKET that the parent process opened: JSON requests "
    "and replies, the bytes of manifests and blobs through pipes handed over.",
    options=(
        Option("sockfd", kind="int", default_text="0/stdin", help="Serve on opened socket pair"),
        *image(),
    ),
    examples=(
        ("pyskopeo experimental-image-proxy --sockfd 3", "serve the socket a parent opened as number 3"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    """Serve until the parent closes the socket, or says Shutdown."""
    import os
    import socket

    from ocicore.errors import InvalidInput
    from pyskopeo.proxy import Proxy
    from pyskopeo.session import system_context

    with system_context(ctx, args) as context:
        try:
            connection = socket.socket(fileno=os.dup(args.sockfd))
        except OSError as exc:
            raise InvalidInput(
                f"serving descriptor {args.sockfd}: {(exc.strerror or str(exc)).lower()}",
                hint="the parent process has to open a socket pair, see --sockfd",
            ) from exc
        with connection:
            Proxy(context, connection).serve()
    return 0
