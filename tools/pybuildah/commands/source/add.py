"""`pybuildah source add`: a file or a folder into a source image."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Add a source artifact to a source image",
    description="Adds a file or a folder to a source image, as one compressed layer.",
    options=(
        Option(
            "annotation", kind="stringArray", metavar="KEY=VALUE", help="Set an annotation of the artifact"
        ),
    ),
    arguments=(Argument("path", completer="dir"), Argument("artifact", completer="file")),
    examples=(("pybuildah source add /tmp/sources ./project-1.0.tar", "one archive"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.build import source_image

    source_image.add(args.path, args.artifact, source_image.parse_annotations(args.annotation))
    return 0
