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
        Option("filter", kind="stringArray", help="Provide filter values (e.g. 'label=<key>=<value>')"),
        Option("force", "f", help="Do not prompt for confirmation. The default is false"),
        Option("volumes", help="Prune volumes"),
    ),
    examples=(("pypod system prune -a -f --volumes", "everything nobody uses"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli.units import human_size
    from ocicore.engine import system_usage
    from pypod.confirm import confirmed
    from pypod.options.select import report
    from pypod.session import open_engine

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
    done = system_usage.prune(
        open_engine(ctx), all_images=args.all, volumes=args.volumes, filters=args.filter
    )
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
