"""`pybuildah passwd`: the hash of a password, for a registry's htpasswd file."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Generate a password hash",
    description="Prints a bcrypt hash of a password.",
    arguments=(Argument("password"),),
    examples=(("pybuildah passwd testpassword", "prints the hash"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.linux import password

    ctx.print(password.bcrypt(args.password))
    return 0
