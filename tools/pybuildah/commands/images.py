"""`pybuildah images`: list the images of the store."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.local import LocalImage
    from pybuildah.session import Session

COMMAND = Command(
    "List images in local storage",
    options=(
        Option("all", "a", help="Show all images, including intermediate images from a build"),
        Option("digests", help="Show digests"),
        Option(
            "filter",
            "f",
            kind="strings",
            metavar="KEY=VALUE",
            help="Filter by dangling, before, since, label, reference, id",
        ),
        Option("format", kind="string", help="Print through a Go template"),
        Option("history", help="Display the image name history"),
        Option("json", help="Output in JSON format"),
        Option("no-trunc", also=("notruncate",), help="Do not truncate output"),
        Option("noheading", "n", help="Do not print column headings"),
        Option("quiet", "q", help="Display only image IDs"),
    ),
    arguments=(Argument("image", min=0, metavar="[IMAGE]"),),
    too_many="'buildah images' requires at most 1 argument",
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
)


def run(args: Args, ctx: Context) -> int:
    """Print a table, IDs, JSON, or what a template makes of each."""
    from ocicore.errors import InvalidInput
    from pybuildah.session import Session

    if args.all and args.image:
        raise InvalidInput("when using the --all switch, you may not pass any images names or IDs")
    if args.quiet and args.format:
        raise InvalidInput("quiet and format are mutually exclusive")
    session = Session(ctx)
    images = _chosen(session, args)
    if args.json:
        _print_json(images, ctx)
        return 0
    if args.quiet:
        for image_id in dict.fromkeys(image.id for image in images):
            ctx.print(f"sha256:{image_id}" if args.no_trunc else image_id[:12])
        return 0
    rows = [row for image in images for row in _rows(image, args)]
    if args.format:
        from ocicore.cli import template

        text = args.format.replace("\\n", "\n").replace("\\t", "\t")
        for row in rows:
            ctx.print(template.render(text, row))
        return 0
    _print_table(rows, args, ctx)
    return 0


def _chosen(session: Session, args: Args) -> list[LocalImage]:
    images = session.images.list()
    images.sort(key=lambda image: image.created, reverse=True)
    if args.image:
        images = _named(session, args.image, images)
    elif not args.all:
        from ocicore.image.ancestry import Ancestry

        tree = Ancestry(session.images)
        images = [image for image in images if image.names or not tree.is_intermediate(image)]
    if args.filter:
        from pybuildah import image_filters

        images = image_filters.keep(session, images, args.filter)
    return images


def _named(session: Session, name: str, images: list[LocalImage]) -> list[LocalImage]:
    """Images of a repository, or the one with this full name or ID."""
    from ocicore.image import names

    repository, suffix = names.split_suffix(name)
    if not suffix:
        found = [
            image
            for image in images
            if any(
                known == repository or known.endswith("/" + repository)
                for known in (names.split_suffix(text)[0] for text in image.names)
            )
        ]
        if found:
            return found
    wanted = session.images.find(name)
    return [image for image in images if image.id == wanted.id]


def _rows(image: LocalImage, args: Args) -> list[dict[str, Any]]:
    from time import time_ns

    from ocicore.cli import units
    from ocicore.image import names

    identity = f"sha256:{image.id}" if args.no_trunc else image.id[:12]
    shared = {
        "ID": identity,
        "Digest": image.digest or "",
        "Created": image.created // 1_000_000_000,
        "CreatedAt": units.ago(image.created, time_ns()),
        "CreatedAtRaw": units.format_time(image.created),
        "Size": _size(image),
        "ReadOnly": image.read_only,
        "History": ", ".join(image.names_history) or "<none>",
    }
    rows = []
    for name in image.names or ["<none>:<none>"]:
        repository, suffix = names.split_suffix(name)
        rows.append({"Name": repository, "Tag": suffix[1:] if suffix.startswith(":") else "<none>", **shared})
    return rows


def _print_table(rows: list[dict[str, Any]], args: Args, ctx: Context) -> None:
    columns = [("REPOSITORY", "Name"), ("TAG", "Tag")]
    if args.digests:
        columns.append(("DIGEST", "Digest"))
    columns += [("IMAGE ID", "ID"), ("CREATED", "CreatedAt"), ("SIZE", "Size")]
    if any(row["ReadOnly"] for row in rows):
        columns.append(("R/O", "ReadOnly"))
    if args.history:
        columns.append(("HISTORY", "History"))
    lines = [] if args.noheading else [[title for title, _ in columns]]
    lines += [[str(row[key]) for _, key in columns] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))] if lines else []
    for line in lines:
        cells = [cell.ljust(width + 3) for cell, width in zip(line[:-1], widths, strict=False)]
        ctx.print("".join(cells) + line[-1])


def _print_json(images: list[LocalImage], ctx: Context) -> None:
    from time import time_ns

    from ocicore.cli import gojson, units

    values = [
        {
            "id": image.id,
            "names": image.names or None,
            "digest": image.digest or "",
            "createdat": units.ago(image.created, time_ns()),
            "size": _size(image),
            "created": image.created // 1_000_000_000,
            "createdatraw": image.record.raw.get("created") or "",
            "readonly": image.read_only,
            "history": image.names_history or None,
        }
        for image in images
    ]
    ctx.print(gojson.dumps(values, indent="    "))


def _size(image: LocalImage) -> str:
    from ocicore.cli import units

    # buildah writes KB where Docker's units package writes kB.
    return units.human_size(image.size(), precision=3, space=True).replace("kB", "KB")
