"""pyskopeo logout."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Log out of a container registry",
    description="Remove the cached username and password for the registry.",
    options=(
        Option("all", "a", help="remove the cached credentials for all registries in the auth file"),
        Option("authfile", kind="path", help="path of the authentication file"),
        Option(
            "compat-auth-file", kind="path", help="path of a Docker-compatible config file to update instead"
        ),
        Option("tls-verify", kind="tristate", help="accepted as skopeo does; logging out asks no registry"),
    ),
    arguments=(Argument("registry", min=0, metavar="REGISTRY"),),
    examples=(("pyskopeo logout registry.example.com", "forget its credentials"),),
)


def run(args: Args, ctx: Context) -> int:
    """Forget credentials."""
    from ocicore.image.login import chosen_file, logout
    from pyskopeo.session import system_context

    context = system_context(ctx).with_(authfile=chosen_file(args.authfile, args.compat_auth_file))
    logout(args.registry or "", context, everything=args.all, write=ctx.print)
    return 0
