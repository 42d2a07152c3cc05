"""pyskopeo login."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Log in to a container registry",
    description="Login to a container registry on a specified server.",
    options=(
        Option("authfile", kind="path", help="path of the authentication file"),
        Option("cert-dir", kind="path", help="use certificates at the specified path to access the registry"),
        Option("compat-auth-file", kind="path", help="path of a Docker-compatible config file to update instead"),
        Option("get-login", help="return the current login user for the registry"),
        Option("password", "p", kind="string", help="password for registry"),
        Option("password-stdin", help="take the password from stdin"),
        Option("tls-verify", kind="tristate", help="require HTTPS and verify certificates when accessing the registry", default_text="true"),
        Option("username", "u", kind="string", help="username for registry"),
        Option("verbose", "v", help="write more detailed information to stdout"),
    ),
    arguments=(Argument("registry", metavar="REGISTRY"),),
    too_few="please provide a registry to log in to",
    examples=(("pyskopeo login registry.example.com", "asks for name and password"),),
)  # fmt: skip


def run(args: Args, ctx: Context) -> int:
    """Check credentials with the registry, then remember them."""
    from ocicore.cli.password import ask_password
    from ocicore.image.login import LoginRequest, chosen_file, login
    from pyskopeo.session import system_context

    request = LoginRequest(
        registry=args.registry,
        username=args.username,
        password=args.password,
        password_stdin=args.password_stdin,
        get_login=args.get_login,
        verbose=args.verbose,
    )
    context = system_context(ctx).with_(
        authfile=chosen_file(args.authfile, args.compat_auth_file),
        tls_verify=args.tls_verify if args.tls_verify is not None else ctx.globals.tls_verify,
        cert_dir=args.cert_dir,
    )
    with context:
        return login(request, context, stdin=ctx.stdin, write=ctx.print, ask_password=ask_password)
