"""`pypod artifact add`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Add an OCI artifact to the local store",
    description="Makes an OCI artifact of local files in the local store, and prints its digest.",
    options=(
        Option(
            "annotation",
            kind="stringArray",
            metavar="annotation",
            help="Set an annotation for the specified files of artifact",
        ),
        Option("append", "a", help="Append files to an existing artifact"),
        Option("file-type", kind="string", help="Set file type to use for the artifact (layer)"),
        Option("replace", help="Replace an existing artifact"),
        Option("type", kind="string", help="Use type to describe an artifact"),
    ),
    arguments=(
        Argument("artifact", metavar="ARTIFACT", completer="pypod.complete:artifacts"),
        Argument("paths", max=None, metavar="PATH [...PATH]", completer="file"),
    ),
    exclusive=(("append", "replace"),),
    examples=(("pypod artifact add quay.io/me/art:1 /tmp/model.bin", "one file"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.image.artifact_store import ArtifactStore
    from ocicore.image.manifest_list import parse_annotations
    from ocicore.oci import digest as digests
    from pypod.session import open_engine

    store = ArtifactStore(open_engine(ctx).store.graph_root)
    digest = store.add(
        args.artifact,
        args.paths,
        artifact_type=args.type,
        annotations=parse_annotations(args.annotation),
        file_type=args.file_type,
        append=args.append,
        replace=args.replace,
    )
    ctx.print(digests.encoded(digest))
    return 0
