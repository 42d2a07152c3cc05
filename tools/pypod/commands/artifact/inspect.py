"""`pypod artifact inspect`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Inspect an OCI artifact",
    description="Prints the manifest, the name and the digest of an OCI artifact as JSON, or through a Go template.",
    options=(Option("format", "f", kind="string", help="Format the output to a Go template or json"),),
    arguments=(Argument("artifact", metavar="ARTIFACT", completer="pypod.complete:artifacts"),),
    examples=(("pypod artifact inspect quay.io/me/art:1", "its files and their digests"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import template
    from ocicore.image import go_json
    from ocicore.image.artifact_store import ArtifactStore
    from pypod.session import open_engine

    found = ArtifactStore(open_engine(ctx).store.graph_root).find(args.artifact)
    value = {"Manifest": found.manifest.json, "Name": found.name, "Digest": found.digest}
    if not args.format or template.is_json(args.format):
        ctx.print(go_json.pretty(value, "     "))
        return 0
    template.print_list(ctx.stdout, args.format, [value], name="inspect")
    return 0
