"""`pypod secret create`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Create a new secret",
    description='Create a secret. Input can be a path to a file or "-" (read from stdin). Secret drivers "file" (default), "pass", and "shell" are available.',
    options=(
        Option("driver", "d", kind="string", default_text="file", help="Specify secret driver"),
        Option("driver-opts", kind="strings", help="Specify driver specific options"),
        Option("ignore", help="If a secret with the same name exists, print its ID and succeed"),
        Option("env", help="Read secret data from environment variable"),
        Option("label", "l", kind="stringArray", help="Specify labels on the secret"),
        Option("replace", help="If a secret with the same name exists, replace it"),
    ),
    arguments=(Argument("name"), Argument("source", metavar="{FILE|-}", completer="file")),
    examples=(("printf secret | pypod secret create my_secret -", "from standard input"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import secrets
    from ocicore.engine.options.labels import read_labels, read_pairs
    from ocicore.errors import Error, InvalidInput, NotFound
    from pypod.session import open_engine

    if args.env:
        if args.source not in ctx.environ:
            raise InvalidInput(
                f"cannot create store secret data: environment variable {args.source} is not set"
            )
        data = ctx.environ[args.source].encode("utf-8", "surrogateescape")
    elif args.source == "-":
        if ctx.stdin.isatty():
            raise InvalidInput("if `-` is used, data must be passed into stdin")
        data = ctx.stdin_bytes.read()
    else:
        try:
            with open(args.source, "rb") as file:
                data = file.read()
        except OSError as error:
            raise Error(f"open {args.source}: {(error.strerror or '').lower()}") from error
    engine = open_engine(ctx)
    if args.ignore:
        try:
            ctx.print(secrets.find(engine, args.name)["id"])
            return 0
        except NotFound:
            pass
    ctx.print(
        secrets.create(
            engine,
            args.name,
            data,
            driver=args.driver or engine.config.secrets.driver or "file",
            driver_opts=read_pairs(args.driver_opts, "driver-opts")
            if args.given("driver-opts")
            else {key: str(value) for key, value in engine.config.secrets.opts.items()},
            labels=read_labels((), args.label),
            replace=args.replace,
        )
    )
    return 0
