"""`pypod secret exists`: an exit status of 0 or 1."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Check if a secret exists in local storage",
    description="If the named secret exists in local storage, exits with 0, otherwise with 1.",
    arguments=(Argument("secret", completer="pypod.complete:secrets"),),
    examples=(("pypod secret exists my_secret", "look at the exit status"),),
    statuses=((1, "the secret does not exist"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import secrets
    from ocicore.errors import NotFound
    from pypod.session import open_engine

    try:
        secrets.find(open_engine(ctx), args.secret)
    except NotFound:
        return 1
    return 0
