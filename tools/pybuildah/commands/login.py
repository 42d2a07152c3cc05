"""`pybuildah login`: remember credentials of a registry."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Log in to a container registry",
    options=(
        Option("authfile", kind="path", env="REGISTRY_AUTH_FILE", help="Path of the authentication file"),
        Option("cert-dir", kind="path", help="Use certificates at the specified path"),
        Option(
            "compat-auth-file", kind="path", help="Path of a Docker-compatible config file to update instead"
        ),
        Option("get-login", help="Return the current login user for the registry"),
        Option("password", "p", kind="string", help="Password for the registry"),
        Option("password-stdin", help="Take the password from standard input"),
        Option("tls-verify", kind="tristate", help="Require HTTPS and verify certificates"),
        Option("username", "u", kind="string", help="User name for the registry"),
        Option("verbose", "v", help="Write more detailed information"),
    ),
    arguments=(Argument("registry", metavar="REGISTRY"),),
    too_few="please provide a registry to login to",
)


def run(args: Args, ctx: Context) -> int:
    """Check the credentials with the registry, then store them."""
    from ocicore.cli.password import ask_password
    from ocicore.image.login import LoginRequest, chosen_file, login
    from pybuildah.session import Session

    request = LoginRequest(
        registry=args.registry,
        username=args.username,
        password=args.password,
        password_stdin=args.password_stdin,
        get_login=args.get_login,
        verbose=args.verbose,
    )
    authfile = chosen_file(args.authfile, args.compat_auth_file)
    context = Session(ctx, enter=False).system_context(args).with_(authfile=authfile)
    return login(request, context, stdin=ctx.stdin, write=ctx.print, ask_password=ask_password)
