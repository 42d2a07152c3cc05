"""`pypod artifact ls`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "List OCI artifacts",
    description="Lists the OCI artifacts of the local store.",
    options=(
        Option(
            "format",
            kind="string",
            help="Format volume output using JSON or a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("no-trunc", help="Do not truncate output"),
        Option("noheading", "n", help="Do not print column headings"),
    ),
    examples=(("pypod artifact ls", "all of them"),),
)

_HEADERS = {"Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", "Size": "SIZE"}


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import template
    from ocicore.cli.godata import Struct
    from ocicore.cli.table import print_table
    from ocicore.cli.units import human_size
    from ocicore.image import go_json
    from ocicore.image.artifact_store import ArtifactStore
    from ocicore.image.names import split_suffix
    from ocicore.oci import digest as digests
    from pypod.session import open_engine

    rows = []
    for artifact in ArtifactStore(open_engine(ctx).store.graph_root).all():
        repository, suffix = split_suffix(artifact.name)
        digest = digests.encoded(artifact.digest)
        rows.append(
            {
                "Digest": digest if args.no_trunc else digest[:12],
                "Repository": repository,
                "Size": human_size(artifact.size),
                "Tag": suffix.removeprefix(":") if suffix.startswith(":") else "",
            }
        )
    if args.format and template.is_json(args.format):
        ctx.print(go_json.pretty(rows))
    elif args.given("format"):
        structs = [Struct(row, type_name="artifact.artifactListOutput") for row in rows]
        template.print_list(
            ctx.stdout, args.format, structs, name="ls", headers=_HEADERS, headings=not args.noheading
        )
    else:
        lines = [[row[key] for key in _HEADERS] for row in rows]
        print_table(ctx.stdout, list(_HEADERS.values()), lines, headings=not args.noheading)
    return 0
