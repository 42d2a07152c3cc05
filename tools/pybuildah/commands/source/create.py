"""`pybuildah source create`: an empty source image."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Create a source image",
    description="Creates an empty source image as an OCI layout in a folder that does not exist yet.",
    options=(
        Option("author", kind="string", help="Set the author"),
        Option("time-stamp", kind="bool", default=True, help="Set the creation time"),
    ),
    arguments=(Argument("path", completer="dir"),),
    examples=(("pybuildah source create /tmp/sources", "an empty image"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.build import commit, source_image

    created = commit.now_text() if args.time_stamp else ""
    source_image.create(args.path, author=args.author, created=created)
    return 0
