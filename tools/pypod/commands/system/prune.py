"""`pypod system prune`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove unused data",
    description="Remove unused pypod data: containers that do not run, dangling (or all unused) images, and volumes when asked.",
    options=(
        Option("all", "a", help="Remove all unused data"),
        Option("build", help="Remove build containers and the cache of RUN --mount=type=cache"),
        Option("external", help="Remove container data in storage not controlled by pypod"),
        Option(
            "filter",
            kind="stringArray",
            help="Provide filter values (e.g. 'label=<key>=<value>')",
            completer="=label= label!= until= :nospace",
        ),
        Option("force", "f", help="Do not prompt for confirmation. The default is false"),
        Option("volumes", help="Prune volumes"),
    ),
    examples=(("pypod system prune -a -f --volumes", "everything nobody uses"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli.units import human_size
    from ocicore.engine import system_usage
    from ocicore.errors import InvalidInput
    from pypod.confirm import confirmed
    from pypod.options.select import report
    from pypod.session import open_engine

    if args.external and (args.all or args.volumes or args.build or args.filter):
        raise InvalidInput("--external cannot be combined with other options")
    if args.external:
        return _external(args, ctx)
    if not args.force:
        what = ["all stopped containers"]
        if args.volumes:
            what.append("all volumes not used by at least one container")
        what.append(
            "all images without at least one container associated with them"
            if args.all
            else "all dangling images"
        )
        warning = "WARNING! This command removes:\n" + "".join(f"\t- {line}\n" for line in what)
        if not confirmed(ctx, warning.rstrip("\n") + "\n"):
            return 0
    engine = open_engine(ctx)
    if args.build:
        from pypod import build_leftovers
        from pypod.commands.image.prune import remove_build_cache

        for name in (*build_leftovers.containers(engine), *build_leftovers.others(engine)):
            ctx.print(name)
        remove_build_cache(engine)
    done = system_usage.prune(engine, all_images=args.all, volumes=args.volumes, filters=args.filter)
    for title, names in (
        ("Containers", done.containers),
        ("Images", [name for name, _ in done.images]),
        ("Volumes", done.volumes),
    ):
        if names:
            ctx.print(f"Deleted {title}")
            for name in names:
                ctx.print(name)
    ctx.print(f"Total reclaimed space: {human_size(done.reclaimed)}")
    return report(ctx, done.errors)


def _external(args: Args, ctx: Context) -> int:
    """--external: containers of the store that no database of ours knows."""
    from pypod import build_leftovers
    from pypod.confirm import confirmed
    from pypod.session import open_engine

    warning = "WARNING! This command removes:\n\t- all containers in storage that pypod does not know"
    if not args.force and not confirmed(ctx, warning):
        return 0
    engine = open_engine(ctx)
    for name in (*build_leftovers.containers(engine), *build_leftovers.others(engine)):
        ctx.print(name)
    return 0
