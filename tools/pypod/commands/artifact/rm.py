"""`pypod artifact rm`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Remove one or more OCI artifacts",
    description="Removes OCI artifacts from the local store, and prints their digests.",
    options=(
        Option("all", "a", help="Remove all artifacts"),
        Option("ignore", "i", help="Ignore error if artifact does not exist"),
    ),
    arguments=(
        Argument(
            "artifacts",
            min=0,
            max=None,
            metavar="ARTIFACT [ARTIFACT...]",
            completer="pypod.complete:artifacts",
        ),
    ),
    examples=(("pypod artifact rm quay.io/me/art:1", "one"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import Error, InvalidInput, NotFound
    from ocicore.image.artifact_store import ArtifactStore
    from ocicore.oci import digest as digests
    from pypod.options.select import report
    from pypod.session import open_engine

    if bool(args.artifacts) == args.all:
        raise InvalidInput("a single argument must be specified, or --all alone")
    store = ArtifactStore(open_engine(ctx).store.graph_root)
    errors: list[Error] = []
    for name in [artifact.name for artifact in store.all()] if args.all else args.artifacts:
        try:
            ctx.print(digests.encoded(store.remove(name).digest))
        except NotFound as error:
            if not args.ignore:
                errors.append(error)
        except Error as error:
            errors.append(error)
    return report(ctx, errors)
