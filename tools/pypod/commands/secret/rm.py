"""`pypod secret rm`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove one or more secrets",
    options=(
        Option("all", "a", help="Remove all secrets"),
        Option("ignore", "i", help="Ignore errors when a specified secret is missing"),
    ),
    arguments=(
        Argument(
            "secrets", min=0, max=None, metavar="SECRET [SECRET...]", completer="pypod.complete:secrets"
        ),
    ),
    examples=(("pypod secret rm my_secret", "by name or id"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import secrets
    from ocicore.errors import Error, InvalidInput, NotFound
    from pypod.options.select import report
    from pypod.session import open_engine

    if bool(args.secrets) == args.all:
        raise InvalidInput("pypod secret rm requires at least one argument, or --all alone")
    engine = open_engine(ctx)
    names = [secret["id"] for secret in secrets.all_secrets(engine)] if args.all else args.secrets
    errors: list[Error] = []
    for name in names:
        try:
            ctx.print(secrets.remove(engine, name))
        except NotFound as error:
            if not args.ignore:
                errors.append(error)
        except Error as error:
            errors.append(error)
    return report(ctx, errors)
