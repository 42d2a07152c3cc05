"""`pypod login`."""

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
        Option(
            "authfile",
            kind="path",
            metavar="string",
            help="path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override",
        ),
        Option(
            "cert-dir",
            kind="path",
            metavar="string",
            help="use certificates at the specified path to access the registry",
        ),
        Option(
            "compat-auth-file",
            kind="path",
            metavar="string",
            help="path of a Docker-compatible config file to update instead",
        ),
        Option("get-login", help="return the current login user for the registry"),
        Option("password", "p", kind="string", help="password for registry"),
        Option("password-stdin", help="take the password from stdin"),
        Option("secret", kind="string", help="retrieve password from a pypod secret"),
        Option(
            "tls-verify",
            kind="tristate",
            help="require HTTPS and verify certificates when contacting registries",
        ),
        Option("username", "u", kind="string", help="username for registry"),
        Option("verbose", "v", help="write more detailed information to stdout"),
    ),
    arguments=(Argument("registry", min=0, metavar="[REGISTRY]", completer="pypod.complete:registries"),),
    examples=(
        ("pypod login quay.io", "asks for name and password"),
        ("pypod login -u me --password-stdin registry:5000 < file", "without a question"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli.password import ask_password
    from ocicore.engine import registry_context
    from ocicore.errors import InvalidInput
    from ocicore.image.login import LoginRequest, chosen_file, login
    from pypod.session import open_engine

    engine = open_engine(ctx)
    registry = args.registry
    if not registry:
        from ocicore.config import registries_conf

        search = registries_conf.load(engine.user, engine.environ).unqualified_search
        if not search:
            raise InvalidInput("please provide a registry to login to")
        registry = search[0]
    password = args.password
    if args.secret:
        if args.password or args.password_stdin:
            raise InvalidInput("--secret can not be used with --password options")
        from ocicore.engine import secrets

        secret = secrets.find(engine, args.secret)
        password = secrets.data(engine, secret).decode("utf-8", "surrogateescape")
    request = LoginRequest(
        registry=registry,
        username=args.username or args.secret,
        password=password,
        password_stdin=args.password_stdin,
        get_login=args.get_login,
        verbose=args.verbose,
    )
    context = registry_context.make(engine, args)
    context.authfile = chosen_file(args.authfile, args.compat_auth_file)
    with context:
        return login(request, context, stdin=ctx.stdin, write=ctx.print, ask_password=ask_password)
