"""`pypod logout`."""

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
        Option("all", "a", help="Remove the cached credentials for all registries in the auth file"),
        Option(
            "authfile",
            kind="path",
            metavar="string",
            help="path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override",
        ),
        Option(
            "compat-auth-file",
            kind="path",
            metavar="string",
            help="path of a Docker-compatible config file to update instead",
        ),
    ),
    arguments=(Argument("registry", min=0, metavar="[REGISTRY]", completer="pypod.complete:registries"),),
    examples=(("pypod logout quay.io", "forget its credentials"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import registry_context
    from ocicore.image.login import chosen_file, logout
    from pypod.session import open_engine

    context = registry_context.make(open_engine(ctx), args)
    context.authfile = chosen_file(args.authfile, args.compat_auth_file)
    logout(args.registry or "", context, everything=args.all, write=ctx.print)
    return 0
