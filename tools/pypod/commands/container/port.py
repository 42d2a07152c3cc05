"""`pypod port`: which host ports lead into containers."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command
from pypod.options.select import LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "List port mappings or a specific mapping for the container",
    description="List port mappings for the CONTAINER, or look up the public-facing port that is NAT-ed to the PRIVATE_PORT.",
    options=(all_option("Display port information for all containers"), LATEST),
    arguments=(
        Argument(
            "words", min=0, max=2, metavar="CONTAINER [PORT]", completer="pypod.complete:container_port"
        ),
    ),
    examples=(("pypod port web 80/tcp", "the address behind which port 80 is found"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import inspect_host_config
    from ocicore.errors import InvalidInput, NotFound
    from pypod.session import open_engine

    words = list(args.words)
    if not words and not (args.all or args.latest):
        raise InvalidInput("you must supply a running container name or id")
    if args.all and words:
        raise InvalidInput("--all and containers cannot be used together")
    engine = open_engine(ctx)
    table = engine.state.containers
    if args.all:
        containers = table.all()
    elif args.latest:
        containers = [table.latest()]
    else:
        containers = [table.find(words.pop(0))]
    wanted = words[0] if words else ""
    if wanted and "/" not in wanted:
        wanted += "/tcp"
    found = False
    for container in containers:
        bindings = inspect_host_config.port_bindings(container)
        if args.all and bindings:
            ctx.print(container.id)
        for key, hosts in bindings.items():
            for host in hosts or ():
                address = f"{host['HostIp']}:{host['HostPort']}"
                if not wanted:
                    ctx.print(f"{key} -> {address}")
                elif key == wanted:
                    found = True
                    ctx.print(address)
    if wanted and not found:
        raise NotFound(f'failed to find published port "{wanted}"')
    return 0
