"""`pybuildah run`: run a command in a working container."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from ocicore.cli.run_options import RUN_OPTIONS, in_order
from pybuildah.options.shared import HISTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.working import WorkingContainer
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from pybuildah.session import Session

COMMAND = Command(
    "Run a command inside of the container",
    description="Runs a command in the root file system of a working container, isolated as an OCI container.",
    options=in_order(
        HISTORY,
        *RUN_OPTIONS,
        Option("contextdir", kind="path", help="Directory that bind mounts are relative to"),
        Option("env", "e", kind="stringArray", help="Add a variable, for this command only"),
        Option("hostname", kind="string", help="Set the host name"),
        Option("mount", kind="stringArray", help="Attach a mount: type=bind|cache|tmpfs,…"),
        Option("no-hostname", help="Do not create /etc/hostname"),
        Option("no-hosts", help="Do not create /etc/hosts"),
        Option("no-pivot", help="Do not use pivot_root"),
        Option("runtime", kind="path", help="OCI runtime"),
        Option("runtime-flag", kind="strings", help="Global flags for the runtime"),
        Option("terminal", "t", kind="tristate", also=("tty",), help="Allocate a pseudo-TTY"),
        Option("user", kind="string", metavar="USER[:GROUP]", help="User to run the command as"),
        Option("valid-exit-codes", kind="ints", help="Exit codes that count as success"),
        Option("workingdir", kind="string", help="Working directory of the command"),
    ),
    arguments=(
        Argument("container", metavar="CONTAINER"),
        Argument("command", max=None, metavar="COMMAND [ARGUMENT...]", completer="file"),
    ),
    interspersed=False,
    too_few="container ID and command must be specified",
    examples=(("pybuildah run mycontainer -- apk add curl", "run a command; options after -- are its own"),),
)


def run(args: Args, ctx: Context) -> int:
    """The command's exit status."""
    from ocicore.build import run as runs
    from ocicore.build import working
    from ocicore.cli.build_settings import decide_namespaces, isolation
    from ocicore.errors import InvalidInput
    from pybuildah import history
    from pybuildah.session import Session

    words = list(args.command)
    if words and words[0] == "--":
        words = words[1:]
    if not words:
        raise InvalidInput("command must be specified")
    session = Session(ctx)
    container = working.load(session.store, args.container)
    for name, host, path in decide_namespaces(args):
        container.set_namespace(name, host=host, path=path)
    for key, value in (("CNIConfigDir", args.cni_config_dir), ("CNIPluginPath", args.cni_plugin_path)):
        if value:
            container.raw[key] = value
    options = runs.RunOptions(words)
    options.env = _variables(args, container, ctx)
    options.user = args.user or container.draft.text("User")
    options.working_dir = args.workingdir or container.draft.text("WorkingDir") or "/"
    options.hostname = args.hostname
    options.network = args.network
    options.cap_add = args.cap_add
    options.cap_drop = args.cap_drop
    options.devices = args.device
    options.volumes = args.volume
    options.no_hosts = args.no_hosts
    options.no_hostname = args.no_hostname
    options.no_pivot = args.no_pivot
    options.keep_targets = True
    options.cdi_config_dir = args.cdi_config_dir
    options.isolation = isolation(args.isolation)
    options.terminal = _terminal(args, ctx)
    status = _perform(session, container, options, args)
    if status:
        if status in args.valid_exit_codes:
            status = 0
        else:
            ctx.stderr.write(f"Error: while running runtime: exit status {status}\n")
    if not status:
        history.add(container, args, ctx, "/bin/sh -c " + " ".join(words))
        container.save()
    return status


def _terminal(args: Args, ctx: Context) -> bool:
    if args.terminal is not None:
        return bool(args.terminal)
    return ctx.stdin.isatty() and ctx.stdout.isatty() and ctx.stderr.isatty()


def _variables(args: Args, container: WorkingContainer, ctx: Context) -> dict[str, str]:
    env = container.draft.env()
    if container.options.get("HTTPProxy", True):
        for name in (
            "http_proxy",
            "https_proxy",
            "ftp_proxy",
            "no_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "FTP_PROXY",
            "NO_PROXY",
        ):
            if name in ctx.environ:
                env.setdefault(name, ctx.environ[name])
    for text in args.env:
        name, separator, value = text.partition("=")
        if not separator:
            if name not in ctx.environ:
                continue
            value = ctx.environ[name]
        env[name] = value
    return env


def _perform(session: Session, container: WorkingContainer, options: object, args: Args) -> int:
    import os

    from ocicore.build import leftovers, run_mounts
    from ocicore.build import run as runs
    from ocicore.cli import interrupt

    assert isinstance(options, runs.RunOptions)
    environment = session.environment(args)
    environment.network_config_dir = str(container.raw.get("CNIConfigDir") or "")
    undo: list[str] = []

    def stage_root(name: str) -> str:
        image = session.find_image(name, "missing", "", args)
        undo.append(image.id)
        with open(os.path.join(environment.scratch(), f"{leftovers.MOUNTED}{image.id}"), "wb"):
            pass
        return session.store.mount_image(image.id)

    with interrupt.ending(environment.interrupt):
        root = container.mount()
        try:
            if not args.mount:
                return runs.run(container, root, options, environment)
            scratch = os.path.join(environment.scratch(), "mounts")
            os.mkdir(scratch, 0o700)
            options.mounts = run_mounts.prepare(
                list(args.mount),
                sources=run_mounts.MountSources(
                    context=os.path.abspath(args.contextdir or "/"),
                    stage_root=stage_root,
                    secrets={},
                    ssh=lambda identity: "",
                    scratch=scratch,
                    id_maps=container.id_maps(),
                ),
                environment=environment,
                working_dir=options.working_dir,
            )
            try:
                return runs.run(container, root, options, environment)
            finally:
                options.mounts.close()
        finally:
            for image_id in undo:
                session.store.unmount_image(image_id)
            container.unmount()
            environment.close()
