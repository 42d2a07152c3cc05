"""`pypod rmi`, `pypod image rm`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.errors import Error

COMMAND = Command(
    "Remove one or more images from local storage",
    description="Removes one or more previously pulled or locally created images.",
    options=(
        Option("all", "a", help="Remove all images"),
        Option("force", "f", help="Force Removal of the image"),
        Option("ignore", "i", help="Ignore errors if a specified image does not exist"),
        Option("no-prune", help="Do not remove dangling images"),
    ),
    arguments=(
        Argument("images", min=0, max=None, metavar="IMAGE [IMAGE...]", completer="pypod.complete:images"),
    ),
    examples=(
        ("pypod rmi alpine", "take the name away; delete the image with its last name"),
        ("pypod rmi -a -f", "delete every image and its containers"),
    ),
    statuses=((1, "an image does not exist"), (2, "an image is used by a container or has children")),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import image_removal
    from ocicore.errors import Error, InUse, InvalidInput, NotFound
    from pypod.options.select import report
    from pypod.session import open_engine

    if not args.images and not args.all:
        raise InvalidInput("image name or ID must be specified")
    if args.images and args.all:
        raise InvalidInput("when using the --all switch, you may not pass any images names or IDs")
    engine = open_engine(ctx)
    errors: list[Error] = []
    untagged: list[str] = []
    deleted: list[str] = []
    if args.all:
        own = [image for image in engine.images.list() if not image.read_only]
        # Children first, so that nothing is refused for the order: they have the layers of their parents and more.
        names = [image.id for image in sorted(own, key=lambda image: -len(image.layers()))]
    else:
        names = args.images
    for name in names:
        try:
            image = engine.images.find(name, allow_list=True)
            done = image_removal.remove(
                engine,
                image,
                referenced_by="" if args.all else name,
                force=args.force,
                prune=not args.no_prune,
            )
        except NotFound as error:
            if args.all or args.ignore or args.force:
                continue
            errors.append(_missing(name, error))
            continue
        except Error as error:
            if isinstance(error, InUse) and error.exit_status is None:
                error.exit_status = 2
            errors.append(error)
            continue
        untagged += done.untagged
        deleted += done.deleted
    for text in untagged:
        ctx.print(f"Untagged: {text}")
    for text in deleted:
        ctx.print(f"Deleted: {text}")
    if args.all and not engine.store.images() and not engine.store.containers():
        _release_home(engine)
    if len(errors) > 1:
        # podman's list of failures; its lines begin with a tab and a star.
        joined = Error(
            f"{len(errors)} errors occurred:\n" + "\n".join(f"\t* {error.message}" for error in errors)
        )
        statuses = {error.exit_status for error in errors}
        joined.exit_status = statuses.pop() if len(statuses) == 1 else None
        raise joined
    return report(ctx, errors)


def _missing(name: str, error: Error) -> Error:
    """1 for an image that is not there, 125 for what no image can be called."""
    from ocicore.errors import InvalidInput
    from ocicore.image import names

    try:
        names.normalise(name)
    except InvalidInput as wrong:
        return wrong
    error.exit_status = 1
    return error


def _release_home(engine: Engine) -> None:
    """An empty store lets go of its bind mount, so that its directory can be removed."""
    from ocicore.errors import InUse

    try:
        engine.store.shutdown()
    except InUse:
        pass  # somebody mounts something at this moment
