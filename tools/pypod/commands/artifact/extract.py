"""`pypod artifact extract`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Extract an OCI artifact to a local path",
    description="Writes the files of an OCI artifact into a directory, or its only one to a path.",
    options=(
        Option("digest", kind="string", help="Only extract blob with the given digest"),
        Option("title", kind="string", help="Only extract blob with the given title"),
    ),
    arguments=(
        Argument("artifact", metavar="ARTIFACT", completer="pypod.complete:artifacts"),
        Argument("path", metavar="PATH", completer="file"),
    ),
    examples=(("pypod artifact extract quay.io/me/art:1 /tmp/here", "all files, into a directory"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.image.artifact_store import ArtifactStore
    from pypod.session import open_engine

    store = ArtifactStore(open_engine(ctx).store.graph_root)
    store.extract(args.artifact, args.path, digest=args.digest, title=args.title)
    return 0
