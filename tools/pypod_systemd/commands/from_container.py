"""`pypod-systemd from-container`: a Quadlet file for a container that is there."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Write a Quadlet file from a container",
    description=(
        "Prints a .container file that makes the same container as the command line it was made with. Options that no key "
        "stands for go into PodmanArgs=; what the service does by itself (--rm, --detach, --replace) is left out."
    ),
    arguments=(Argument("container", metavar="CONTAINER"),),
    examples=(
        (
            "pypod-systemd from-container web > ~/.config/containers/systemd/web.container",
            "web as a service of this user",
        ),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine.unit_facts import container_facts
    from ocicore.errors import InvalidInput
    from ocicore.systemd import create_command
    from ocicore.systemd.quadlet.from_command import container_file
    from pypod_systemd.session import open_engine

    facts = container_facts(open_engine(ctx), args.container)
    if facts["create_command"] is None:
        raise InvalidInput(
            f'container "{facts["name"]}": no create command found',
            hint="it only works on containers made on a command line",
        )
    made = create_command.parse(facts["create_command"])
    environment = dict(pair.partition("=")[::2] for pair in facts["env"])
    text, notes = container_file(made, facts["name"], environment)
    for note in notes:
        ctx.warn(note)
    ctx.stdout.write(text)
    return 0
