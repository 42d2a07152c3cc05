"""`pypod images`, `pypod image list`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.cli.godata import Struct
    from ocicore.image.local import LocalImage

COMMAND = Command(
    "List images in local storage",
    description="Lists images previously pulled to the system or created on the system.",
    options=(
        Option("all", "a", default_text="hides intermediate images", help="Show all images"),
        Option("digests", help="Show digests"),
        Option(
            "filter",
            "f",
            kind="stringArray",
            help="Filter output based on conditions provided",
            completer="pypod.complete_options:image_filter",
        ),
        Option(
            "format",
            kind="string",
            help="Change the output format to JSON or a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("history", help="Display the image name history"),
        Option("no-trunc", help="Do not truncate output"),
        Option("noheading", "n", help="Do not print column headings"),
        Option("quiet", "q", help="Display only image IDs"),
        Option(
            "sort",
            kind="string",
            default="created",
            help="Sort by created, id, repository, size, tag",
            completer="=created id repository size tag",
        ),
    ),
    arguments=(Argument("image", min=0, max=1, metavar="[IMAGE]", completer="pypod.complete:images"),),
    examples=(
        ("pypod images --format json", "as JSON"),
        (
            "pypod images --sort repository --format 'table {{.ID}} {{.Repository}} {{.Tag}}'",
            "your own columns",
        ),
        ("pypod images --filter dangling=true", "images without a name"),
    ),
)

_SECOND = 1_000_000_000
_NONE = "<none>"


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import image_listing
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.sort not in ("created", "id", "repository", "size", "tag"):
        raise InvalidInput(
            f'"{args.sort}" is not a valid value for --sort: choose from created, id, repository, size, tag'
        )
    if args.filter and args.image:
        raise InvalidInput("cannot specify an image and a filter(s)")
    filters = [*args.filter, *([f"reference={args.image}"] if args.image else [])]
    engine = open_engine(ctx)
    if args.quiet and not args.given("format") and args.sort == "created":

        def ids(images: list[LocalImage]) -> list[str]:
            chosen = image_listing.select(engine, images, filters, all_images=args.all)
            return list(dict.fromkeys(image.id for image in sorted(chosen, key=_created, reverse=True)))

        for image_id in image_listing.settled(engine, ids):
            ctx.print(f"sha256:{image_id}" if args.no_trunc else image_id[:12])
        return 0
    wanted = args.given("format")
    users = image_listing.users(engine) if wanted else {}

    def rows(images: list[LocalImage]) -> list[dict[str, Any]]:
        found = []
        for image in image_listing.select(engine, images, filters, all_images=args.all):
            summary = image_listing.summary(engine, image, users, labels=wanted)
            names = [split_name(name) for name in image.repo_tags] or [_untagged(image)]
            found += [
                {**summary, "Repository": repository, "Tag": tag, "_created": image.created}
                for repository, tag in names
            ]
        return found

    _show(args, ctx, _sorted(image_listing.settled(engine, rows), args.sort))
    return 0


def _created(image: LocalImage) -> int:
    return image.created


def _untagged(image: LocalImage) -> tuple[str, str]:
    digests = image.repo_digests
    return (digests[0].partition("@")[0], _NONE) if digests else (_NONE, _NONE)


def split_name(name: str) -> tuple[str, str]:
    """("localhost/app", "latest")."""
    repository, _, tag = name.rpartition(":")
    return (repository, tag) if repository and "/" not in tag else (name, _NONE)


def _sorted(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    if key == "id":
        return sorted(rows, key=lambda row: row["Id"])
    if key == "repository":
        return sorted(rows, key=lambda row: (row["Repository"], row["Tag"]))
    if key == "size":
        return sorted(rows, key=lambda row: row["Size"])
    if key == "tag":
        return sorted(rows, key=lambda row: row["Tag"])
    return sorted(rows, key=lambda row: -row["_created"])


def _show(args: Args, ctx: Context, rows: list[dict[str, Any]]) -> None:
    if args.given("format"):
        _show_format(args, ctx, rows)
        return
    if args.quiet:
        for text in dict.fromkeys(_id(row, args) for row in rows):
            ctx.print(text)
        return
    import time

    from ocicore.cli.table import print_table
    from ocicore.cli.units import ago, human_size

    now = time.time_ns()
    headers = ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]
    lines = []
    for row in rows:
        line = [
            row["Repository"],
            row["Tag"],
            _id(row, args),
            ago(row["_created"], now),
            human_size(row["Size"], precision=3, space=True),
        ]
        if args.digests:
            line.insert(2, row["Digest"])
        if args.history:
            line.append(", ".join(row["History"]) or _NONE)
        lines.append(line)
    if args.digests:
        headers.insert(2, "DIGEST")
    if args.history:
        headers.append("HISTORY")
    print_table(ctx.stdout, headers, lines, headings=not args.noheading)


def _id(row: dict[str, Any], args: Args) -> str:
    text: str = row["Id"]
    return f"sha256:{text}" if args.no_trunc else text[:12]


_HEADERS = {
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "ID": "IMAGE ID",
    "Digest": "DIGEST",
    "Created": "CREATED",
    "CreatedAt": "CREATED AT",
    "CreatedSince": "CREATED SINCE",
    "CreatedTime": "CREATED TIME",
    "Size": "SIZE",
    "ReadOnly": "R/O",
    "History": "HISTORY",
    "Names": "NAMES",
    "Labels": "LABELS",
    "Containers": "CONTAINERS",
    "RepoTags": "REPO TAGS",
    "RepoDigests": "REPO DIGESTS",
    "VirtualSize": "VIRTUAL SIZE",
    "SharedSize": "SHARED SIZE",
    "ParentId": "PARENT ID",
    "Dangling": "DANGLING",
}


def _show_format(args: Args, ctx: Context, rows: list[dict[str, Any]]) -> None:
    from ocicore.cli import template

    if template.is_json(args.format):
        from ocicore.cli.gojson import pretty
        from ocicore.cli.units import format_time

        shown = []
        for row in rows:
            entry = {
                key: value
                for key, value in row.items()
                if key not in ("RepoTags", "_created", "Created", "Repository", "Tag")
            }
            entry["Created"] = row["Created"]
            entry["CreatedAt"] = format_time(row["Created"] * _SECOND)
            entry["Repository"], entry["Tag"] = row["Repository"], row["Tag"]
            shown.append(entry)
        ctx.stdout.write(pretty(shown) + "\n")
        return
    template.print_list(
        ctx.stdout,
        args.format,
        [_struct(row, args) for row in rows],
        name="images",
        headers=_HEADERS,
        headings=not args.noheading,
    )


def _struct(row: dict[str, Any], args: Args) -> Struct:
    import time

    from ocicore.cli.godata import Struct
    from ocicore.cli.units import ago, human_size

    since = ago(row["_created"], time.time_ns())

    def created_at() -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(row["Created"]))

    fields = {key: value for key, value in row.items() if key != "_created"}
    fields.setdefault("ReadOnly", False)
    fields.setdefault("Dangling", False)
    dangling, read_only = fields["Dangling"], fields["ReadOnly"]
    methods: dict[str, Callable[[], object]] = {
        "Id": lambda: row["Id"],
        "IsDangling": lambda: dangling,
        "IsReadOnly": lambda: read_only,
        # Podman's records of listed images have these, too, and nothing in them.
        "Arch": str,
        "Os": str,
        "IsManifestList": lambda: None,
        "ID": lambda: _id(row, args),
        "Created": lambda: since,
        "CreatedSince": lambda: since,
        "CreatedAt": created_at,
        "CreatedTime": created_at,
        "Size": lambda: human_size(row["Size"], precision=3, space=True),
        "History": lambda: ", ".join(row["History"]),
    }
    return Struct(fields, type_name="images.imageReporter", methods=methods)
