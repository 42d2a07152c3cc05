"""`pybuildah unshare`: a command in the user namespace in which an ordinary user's store is mounted."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Run a command in a modified user namespace",
    description="Runs a command (or the shell) as root of the user's namespace, so that mount, copy and rm of a script see one store.",
    options=(
        Option(
            "mount",
            "m",
            kind="strings",
            metavar="[NAME=]CONTAINER",
            help="Mount a container and set a variable to its path",
        ),
    ),
    arguments=(Argument("command", min=0, max=None, metavar="[COMMAND [ARGUMENT...]]", completer="file"),),
    interspersed=False,
    examples=(("pybuildah unshare sh build.sh", "run a script that mounts containers"),),
)


def run(args: Args, ctx: Context) -> int:
    """The command's exit status."""
    from ocicore.build import working
    from ocicore.errors import NotFound, Unsupported
    from ocicore.linux import spawn
    from pybuildah.session import Session, namespace_variables

    session = Session(ctx)
    if not session.user.rootless:
        raise Unsupported("please use unshare with rootless")
    env = {**ctx.environ, **namespace_variables(session.user)}
    env.setdefault("CONTAINERS_RUNROOT", session.store.run_root)
    env.setdefault("CONTAINERS_GRAPHROOT", session.store.graph_root)
    mounted = []
    words = [word for index, word in enumerate(args.command) if index or word != "--"]
    words = words or [ctx.environ.get("SHELL") or "/bin/sh"]
    try:
        for text in args.mount:
            name, separator, container_name = text.partition("=")
            container = working.load(session.store, container_name if separator else name)
            mounted.append(container)
            env[name] = container.mount()
        path = (
            words[0] if "/" in words[0] else spawn.find(words[0], env.get("PATH", "/usr/bin:/bin").split(":"))
        )
        if not path:
            raise NotFound(f'exec: "{words[0]}": executable file not found in $PATH', status=127)
        ctx.stdout.flush()
        status = spawn.run([path, *words[1:]], env, {})
    finally:
        for container in mounted:
            container.unmount()
    return 128 - status if status < 0 else status
