"""`pypod container restore`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST, all_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.errors import Error

COMMAND = Command(
    "Restore one or more containers from a checkpoint",
    description="Lets checkpointed containers go on, or with --import (or the name of a checkpoint image) makes a container "
    "of a checkpoint of another machine and lets that go on.",
    options=(
        all_option("Restore all checkpointed containers"),
        Option("file-locks", help="Restore a container with file locks"),
        Option(
            "ignore-rootfs",
            help="Do not apply root file-system changes when importing from exported checkpoint",
        ),
        Option("ignore-static-ip", help="Ignore IP address set via --static-ip"),
        Option("ignore-static-mac", help="Ignore MAC address set via --mac-address"),
        Option("ignore-volumes", help="Do not restore volumes associated with container"),
        Option(
            "import",
            "i",
            kind="path",
            metavar="string",
            help="Restore from exported checkpoint archive (tar.gz)",
        ),
        Option(
            "import-previous",
            kind="path",
            metavar="string",
            help="Restore from exported pre-checkpoint archive (tar.gz)",
        ),
        Option("keep", "k", help="Keep all temporary checkpoint files"),
        LATEST,
        Option(
            "name",
            "n",
            kind="string",
            help="Specify new name for container restored from exported checkpoint",
        ),
        Option(
            "pod",
            kind="string",
            completer="pypod.complete:pods",
            help="Restore container into existing Pod (only works with image or --import)",
        ),
        Option("print-stats", help="Display restore statistics"),
        Option(
            "publish",
            "p",
            kind="strings",
            help="Publish a container's port, or a range of ports, to the host",
        ),
        Option("tcp-close", help="Restore a container with closed TCP connections"),
        Option("tcp-established", help="Restore a container with established TCP connections"),
    ),
    arguments=(
        Argument(
            "containers",
            min=0,
            max=None,
            metavar="CONTAINER|IMAGE [CONTAINER|IMAGE...]",
            completer="pypod.complete:containers_and_images",
        ),
    ),
    examples=(
        ("pypod container restore web", "it goes on"),
        ("pypod container restore --import web.tar.zst --name web2", "from an archive, under another name"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    import time

    from ocicore.engine import checkpointing
    from ocicore.errors import Error, InvalidInput
    from ocicore.image import go_json
    from pypod.options import select
    from pypod.session import open_engine

    begun = time.monotonic()
    engine = open_engine(ctx)
    if engine.rootless:
        raise InvalidInput("restoring a container requires root")
    _check(args)
    found, made, errors = _chosen(args, ctx, engine)
    figures = []
    for typed, container in found:
        try:
            figures.append(
                checkpointing.restore(
                    engine,
                    container,
                    keep=args.keep,
                    tcp_established=args.tcp_established,
                    tcp_close=args.tcp_close,
                    file_locks=args.file_locks,
                    ignore_static_ip=args.ignore_static_ip,
                    ignore_static_mac=args.ignore_static_mac,
                )
            )
        except Error as error:
            errors.append(error)
            if container.id in made:
                _discard(engine, container)
            continue
        if not args.print_stats:
            ctx.print(typed)
    if args.print_stats:
        duration = int((time.monotonic() - begun) * 1_000_000)
        shown = {"podman_restore_duration": duration, "container_statistics": figures}
        ctx.print(go_json.pretty(shown))
    return select.report(ctx, errors)


def _check(args: Args) -> None:
    from ocicore.errors import InvalidInput

    if args.all and args.latest:
        raise InvalidInput("--all and --latest cannot be used together")
    if args.import_:
        if args.all or args.latest:
            raise InvalidInput("cannot use --import with --all or --latest")
        if args.containers:
            raise InvalidInput("cannot use --import with positional arguments")
    elif not (args.containers or args.all or args.latest):
        raise InvalidInput("you must provide at least one name or id")
    if args.containers and (args.all or args.latest):
        raise InvalidInput("--all or --latest and containers cannot be used together")
    if args.name and args.tcp_established:
        raise InvalidInput("--tcp-established cannot be used with --name")
    if len(args.containers) > 1 and args.name:
        raise InvalidInput("--name can only be used with one checkpoint image")


def _chosen(
    args: Args, ctx: Context, engine: Engine
) -> tuple[list[tuple[str, Container]], set[str], list[Error]]:
    """(containers to restore, the IDs of those made just now of an archive or of images, errors)."""
    from ocicore.engine import checkpoint_archive, records
    from ocicore.errors import InvalidInput, NotFound
    from pypod.options import select

    if args.import_:
        with checkpoint_archive.opened(args.import_, engine.store.graph_root) as folder:
            container = _make(args, ctx, engine, folder)
        return [(container.id, container)], {container.id}, []
    errors: list[Error] = []
    found: list[tuple[str, Container]] = []
    if args.all or args.latest:
        found, errors = select.chosen(
            engine, args, wanted=lambda c: "checkpoint" in c.state and c.status == records.EXITED
        )
    made: set[str] = set()
    for name in args.containers:
        try:
            found.append((name, engine.state.containers.find(name)))
            continue
        except NotFound as error:
            missing = error
        try:
            image = engine.images.find(name)
        except NotFound:
            errors.append(missing)
            continue
        folder = engine.store.mount_image(image.id)
        try:
            container = _make(args, ctx, engine, folder)
        finally:
            engine.store.unmount_image(image.id)
        made.add(container.id)
        found.append((container.id, container))
    if not made:
        for option in ("import-previous", "ignore-rootfs", "ignore-volumes", "name", "pod"):
            if args.given(option):
                raise InvalidInput(f"--{option} can only be used with image or --import")
    return found, made, errors


def _make(args: Args, ctx: Context, engine: Engine, folder: str) -> Container:
    from ocicore.engine import checkpoint_archive
    from ocicore.engine.checkpoint_archive import ImportOptions
    from pypod.commands.container.create import resolver

    options = ImportOptions(
        name=args.name,
        pod=engine.state.pods.find(args.pod) if args.pod else None,
        publish=list(args.publish),
        previous=args.import_previous,
        ignore_rootfs=args.ignore_rootfs,
        ignore_volumes=args.ignore_volumes,
    )
    return checkpoint_archive.create_from(engine, folder, options, resolve=resolver(ctx, engine))


def _discard(engine: Engine, container: Container) -> None:
    """A container that was made for a restore that failed does not stay."""
    from ocicore.engine import remove
    from ocicore.errors import Error

    try:
        remove.remove(engine, container, force=True, volumes=True)
    except Error as error:
        engine.warn(f"removing container {container.id}: {error.message}")
