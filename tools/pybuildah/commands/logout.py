"""`pybuildah logout`: forget credentials of a registry."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Log out of a container registry",
    options=(
        Option("all", "a", help="Remove the credentials of all registries in the file"),
        Option("authfile", kind="path", env="REGISTRY_AUTH_FILE", help="Path of the authentication file"),
        Option(
            "compat-auth-file", kind="path", help="Path of a Docker-compatible config file to update instead"
        ),
    ),
    arguments=(Argument("registry", min=0, metavar="REGISTRY"),),
)


def run(args: Args, ctx: Context) -> int:
    """Forget; prints what was removed."""
    from ocicore.image.login import chosen_file, logout
    from pybuildah.session import Session

    authfile = chosen_file(args.authfile, args.compat_auth_file)
    context = Session(ctx, enter=False).system_context(args).with_(authfile=authfile)
    logout(args.registry or "", context, everything=args.all, write=ctx.print)
    return 0
