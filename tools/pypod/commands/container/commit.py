"""`pypod commit`, `pypod container commit`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Create new image based on the changed container",
    description="Create an image from a container's changes. Optionally tag the image created, set the author with the --author flag, set the commit message with the --message flag, and make changes to the instructions with the --change flag.",
    options=(
        Option("author", "a", kind="string", help="Set the author for the image committed"),
        Option(
            "change",
            "c",
            kind="stringArray",
            help="Apply the following possible instructions to the created image (default []): CMD | ENTRYPOINT | ENV | EXPOSE | LABEL | ONBUILD | STOPSIGNAL | USER | VOLUME | WORKDIR",
            completer="=CMD ENTRYPOINT ENV EXPOSE LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR :nospace",
        ),
        Option(
            "config",
            kind="path",
            metavar="file",
            help="file containing a container configuration to merge into the image",
        ),
        Option(
            "format",
            "f",
            kind="string",
            default="oci",
            metavar="Format",
            help="Format of the image manifest and metadata",
            completer="=oci docker",
        ),
        Option("iidfile", kind="path", metavar="file", help="file to write the image ID to"),
        Option("include-volumes", help="Include container volumes as image volumes"),
        Option("message", "m", kind="string", help="Set commit message for imported image"),
        Option("pause", "p", help="Pause container during commit"),
        Option("quiet", "q", help="Suppress output"),
        Option("squash", "s", help="squash newly built layers into a single new layer"),
    ),
    arguments=(
        Argument("container", completer="pypod.complete:containers"),
        Argument("image", min=0, metavar="[IMAGE]", completer="pypod.complete:images"),
    ),
    examples=(("pypod commit -q --author 'Somebody' web web:snapshot", "an image of what it is now"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import commit
    from pypod.session import open_engine

    engine = open_engine(ctx)
    merged = None
    if args.config:
        from ocicore.image import config_merge

        merged = config_merge.read(args.config)
    options = commit.CommitOptions(
        author=args.author,
        message=args.message,
        changes=args.change,
        config=merged,
        format=args.format,
        pause=args.pause,
        squash=args.squash,
        include_volumes=args.include_volumes,
    )
    container = engine.state.containers.find(args.container)
    if not args.quiet:
        ctx.notice("Getting image source signatures")
    image = commit.commit(engine, container, args.image or "", options)
    if not args.quiet:
        for digest in image.config().diff_ids:
            ctx.notice(f"Copying blob {digest}")
        ctx.notice(f"Copying config sha256:{image.id}")
        ctx.notice("Writing manifest to image destination")
    if args.iidfile:
        with open(args.iidfile, "w") as file:
            file.write(image.id)
    ctx.print(image.id)
    return 0
