"""`pypod unshare`: run a command in the rootless user namespace."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Run a command in a modified user namespace",
    description="Runs a command in a modified user namespace: the one rootless containers and images live in, where the user is root and the subordinate ids are visible. Without a command the user's shell is started.",
    options=(
        Option(
            "rootless-netns",
            also=("rootless-cni",),
            help="Join the rootless network namespace used for netavark networking",
        ),
    ),
    arguments=(Argument("command", min=0, max=None, metavar="[COMMAND [ARG...]]", completer="file"),),
    interspersed=False,
    examples=(
        ("pypod unshare cat /proc/self/uid_map", "how ids are mapped"),
        ("pypod unshare rm -rf ~/data", "files that belong to ids of containers"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    import os

    from ocicore.errors import Error, Unsupported
    from pypod.session import open_engine

    engine = open_engine(ctx)
    if not engine.rootless:
        raise Unsupported("please use unshare with rootless")
    command = list(args.command) or [ctx.environ.get("SHELL") or "/bin/sh"]
    environ = {
        **engine.environ,
        "CONTAINERS_GRAPHROOT": engine.storage.graph_root,
        "CONTAINERS_RUNROOT": engine.storage.run_root,
    }
    if args.rootless_netns:
        from ocicore.engine import network_setup
        from ocicore.network import setup

        setup.enter_rootless(network_setup.environment(engine))
    ctx.stdout.flush()
    try:
        os.execvpe(command[0], command, environ)
    except FileNotFoundError:
        raise Error(f'exec: "{command[0]}": executable file not found in $PATH', status=127) from None
    except PermissionError:
        raise Error(f"fork/exec {command[0]}: permission denied", status=126) from None
