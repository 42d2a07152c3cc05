"""`pybuildah rmi`: remove names and images."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.removal import RemovalReport
    from pybuildah.session import Session

COMMAND = Command(
    "Remove one or more images from local storage",
    options=(
        Option("all", "a", help="Remove all images"),
        Option("force", "f", help="Force removal of the image and any containers using it"),
        Option("prune", "p", help="Remove dangling images"),
    ),
    arguments=(Argument("images", min=0, max=None, metavar="IMAGE [IMAGE...]"),),
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
)


def run(args: Args, ctx: Context) -> int:
    """Print what was untagged and removed; go on after a failure."""
    from ocicore.errors import Error, InvalidInput
    from pybuildah.session import Session

    if not args.images and not args.all and not args.prune:
        raise InvalidInput("image name or ID must be specified")
    if args.images and (args.all or args.prune):
        switch = "--all" if args.all else "--prune"
        raise InvalidInput(f"when using the {switch} switch, you may not pass any images names or IDs")
    session = Session(ctx)
    names = list(args.images)
    if args.all and args.prune:
        raise InvalidInput("when using the --all switch, you may not use --prune switch")
    if args.all:
        names = [image.id for image in session.images.list() if not image.read_only]
    elif args.prune:
        return prune(session, ctx, everything=False)
    problems: list[Error] = []
    for name in names:
        try:
            if args.all and not session.images.exists(name):
                continue  # went with an image before it
            # With --all the names an image has are no reason to keep it.
            _remove(session, ctx, name, force=args.force, all_names=args.all)
        except Error as error:
            problems.append(error)
    if problems:
        # podman's status for an image in use is 2, buildah's 125.
        hint = problems[0].hint if len(problems) == 1 else None
        messages = [problem.message for problem in problems]
        if len(messages) == 1:
            raise Error(messages[0], hint=hint)
        # One line each, as scripts that read buildah's list know it.
        listed = "".join(f"\n\t* {message}" for message in messages)
        raise Error(f"{len(messages)} errors occurred:{listed}\n")
    return 0


def _remove(session: Session, ctx: Context, name: str, *, force: bool, all_names: bool = False) -> None:
    image = session.images.find(name, allow_list=True)
    if all_names:
        for extra in list(image.names)[1:]:
            show(session.images.remove(session.images.find(extra, allow_list=True), referenced_by=extra), ctx)
        image = session.images.find(name, allow_list=True)
    report = session.images.remove(
        image,
        referenced_by=name,
        force=force,
    )
    show(report, ctx)


def show(report: RemovalReport, ctx: Context) -> None:
    """Lines of a removal: names, then IDs."""
    for name in report.untagged:
        ctx.print(f"untagged: {name}")
    for image_id in report.deleted:
        ctx.print(image_id)


def prune(session: Session, ctx: Context, *, everything: bool, force: bool = False) -> int:
    """Remove unnamed images (or all) that nothing uses; print their IDs."""
    from ocicore.errors import Error, NotFound

    removed = True
    while removed:
        removed = False
        for image in session.images.list():
            if image.read_only or (image.names and not everything):
                continue
            try:
                report = session.images.remove(image, force=force)
            except (NotFound, Error):
                continue  # in use, or gone with another
            removed = removed or bool(report.deleted)
            for image_id in report.deleted:
                ctx.print(image_id)
    return 0
