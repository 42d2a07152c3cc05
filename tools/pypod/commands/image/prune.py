"""`pypod image prune`."""

from __future__ import annotations

import os

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine

COMMAND = Command(
    "Remove unused images",
    description="Removes dangling or unused images from local storage.",
    options=(
        Option("all", "a", help="Remove all images not in use by containers, not just dangling ones"),
        Option("build-cache", help="Remove persistent build cache created by --mount type=cache"),
        Option(
            "external",
            help="Remove images even when they are used by external containers (e.g. by build containers)",
        ),
        Option(
            "filter",
            kind="stringArray",
            help="Provide filter values (e.g. 'label=<key>=<value>')",
            completer="=label= label!= until= :nospace",
        ),
        Option("force", "f", help="Do not prompt for confirmation"),
    ),
    examples=(("pypod image prune -a -f", "every image without a container"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import image_removal
    from pypod import build_leftovers
    from pypod.confirm import confirmed
    from pypod.session import open_engine

    what = (
        "all images without at least one container associated with them"
        if args.all
        else "all dangling images"
    )
    if not args.force and not confirmed(ctx, f"WARNING! This command removes {what}."):
        return 0
    engine = open_engine(ctx)
    if args.external:
        build_leftovers.containers(engine, dangling_only=not args.all)
    for image_id, _ in image_removal.prune(engine, all_images=args.all, filters=args.filter):
        ctx.print(image_id)
    if args.build_cache:
        remove_build_cache(engine)
    return 0


def remove_build_cache(engine: Engine) -> int:
    """Remove what RUN --mount=type=cache keeps for this user; bytes freed. Raises Error."""
    from ocicore.build import cache_mounts
    from ocicore.engine import volumes

    parent = cache_mounts.root(engine.environ.get("TMPDIR") or "/var/tmp", engine.user.uid)
    size = sum(entry.stat(follow_symlinks=False).st_size for entry in _files(parent))
    volumes.delete_tree(parent)
    return size


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        else:
            yield entry
