"""pyskopeo sync."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pyskopeo.options import AUTHFILE, RETRY, SIGNING, registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.sync_plan import SyncItem
    from ocicore.image.sync_run import SyncResult
    from ocicore.image.types import ImageReference, SystemContext

COMMAND = Command(
    "Synchronize one or more images from one location to another",
    description="Copy all the images from a SOURCE to a DESTINATION. Allowed SOURCE transports (specified with --src): "
    "docker, dir, yaml. Allowed DESTINATION transports (specified with --dest): docker, dir. Images that are at the "
    "destination already are not copied again.",
    options=(
        Option("all", "a", help="Copy all images if SOURCE-IMAGE is a list"),
        Option("append-suffix", kind="string", help="String to append to DESTINATION tags"),
        AUTHFILE,
        Option("dest", "d", kind="string", help="DESTINATION transport type"),
        Option("digestfile", kind="path", help="Write the digests and Image References of the resulting images to the specified file, separated by newlines"),
        Option("dry-run", help="Run without actually copying data"),
        Option("format", "f", kind="string", help="MANIFEST TYPE (oci or v2s2) to use when syncing image(s) to a destination (default is manifest type of source, with fallbacks)"),
        Option("jobs", "j", kind="uint", default=4, help="How many images to copy at a time"),
        Option("keep-going", help="Do not abort the sync if any image copy fails"),
        Option("preserve-digests", help="Preserve digests of images and lists"),
        Option("remove-signatures", help="Do not copy signatures from SOURCE images"),
        Option("report", kind="choice", choices=("json",), help="Print what became of each image as JSON, at the end"),
        Option("scoped", help="Images at DESTINATION are prefix using the full source image path as scope"),
        Option("shard", kind="string", metavar="K/N", help="Copy only part K of N of the plan"),
        *SIGNING,
        Option("src", "s", kind="string", help="SOURCE transport type"),
        *RETRY,
        *registry("src-"),
        *registry("dest-"),
    ),
    arguments=(Argument("source", metavar="SOURCE"), Argument("destination", metavar="DESTINATION")),
    too_few="Exactly two arguments expected",
    too_many="Exactly two arguments expected",
    statuses=((1, "an image could not be copied"),),
    examples=(
        ("pyskopeo sync --src docker --dest dir --scoped registry.example.com/busybox /media/usb", "all tags to a disk"),
        ("pyskopeo sync --src yaml --dest docker sync.yml mirror.example.com/all", "what the file names"),
    ),
)  # fmt: skip


def run(args: Args, ctx: Context) -> int:
    """Plan, then copy several images at a time."""
    from pyskopeo.session import system_context

    _check(args)
    with system_context(ctx, args, "src_") as source_context:
        return _sync(args, ctx, source_context)


def _sync(args: Args, ctx: Context, source_context: SystemContext) -> int:
    from ocicore.errors import Error
    from ocicore.image import sync_plan, sync_run
    from ocicore.image.copy import CopyOptions
    from ocicore.image.progress import PlainProgress, Progress
    from pyskopeo.formats import manifest_type
    from pyskopeo.session import system_context

    destination_context = system_context(ctx, args, "dest_")
    destination_context.share_with(source_context)
    items, incomplete = _plan(args, ctx, source_context)
    if args.shard:
        number, total = _shard(args.shard)
        items = [item for item in items if sync_plan.in_shard(item, number, total)]
    work = [
        (
            item,
            sync_plan.destination(
                item, args.dest, args.destination, scoped=args.scoped, append=args.append_suffix
            ),
        )
        for item in items
    ]
    if (
        args.sign_by
        or args.sign_by_sigstore
        or args.sign_by_sigstore_private_key
        or args.sign_by_sq_fingerprint
    ):
        return _signed(args, ctx, work, destination_context)
    options = CopyOptions(
        multi_arch="all" if args.all else "system",
        manifest_type=manifest_type(args.format),
        preserve_digests=args.preserve_digests,
        remove_signatures=args.remove_signatures,
        parallel=3,
    )
    if args.dry_run:
        ctx.warn("Running in dry-run mode")
    digests: list[str] = []

    def on_result(result: SyncResult) -> None:
        _tell(ctx, result)
        if result.digest and not args.dry_run:
            digests.append(f"{result.digest} {result.destination}")

    quiet = bool(args.report)
    results = sync_run.run(
        work,
        destination_context=destination_context,
        options=options,
        jobs=args.jobs,
        keep_going=args.keep_going,
        dry_run=args.dry_run,
        progress=Progress() if quiet else PlainProgress(ctx.stdout.write),
        on_result=on_result,
    )
    return _finish(args, ctx, results, digests, incomplete, Error)


def _check(args: Args) -> None:
    from ocicore.errors import InvalidInput

    if not args.src:
        raise InvalidInput("A source transport must be specified", hint="--src docker, dir or yaml")
    if args.src not in ("docker", "dir", "yaml"):
        raise InvalidInput(f'"{args.src}" is not a valid source transport')
    if not args.dest:
        raise InvalidInput("A destination transport must be specified", hint="--dest docker or dir")
    if args.dest not in ("docker", "dir"):
        raise InvalidInput(f'"{args.dest}" is not a valid destination transport')
    if args.src == args.dest == "dir":
        raise InvalidInput("sync from 'dir' to 'dir' not implemented, consider using rsync instead")


def _plan(args: Args, ctx: Context, context: SystemContext) -> tuple[list[SyncItem], bool]:
    from ocicore.image import sync_plan

    if args.src == "docker":
        return sync_plan.from_repository(args.source, context), False
    if args.src == "dir":
        return sync_plan.from_directory(args.source, context), False
    return sync_plan.from_yaml(args.source, context, ctx.warn)


def _shard(text: str) -> tuple[int, int]:
    from ocicore.errors import InvalidInput

    number, slash, total = text.partition("/")
    if not slash or not number.isdigit() or not total.isdigit() or not 1 <= int(number) <= int(total):
        raise InvalidInput(f"invalid --shard {text!r}", hint="K/N with K from 1 to N, for example 2/5")
    return int(number), int(total)


def _signed(
    args: Args, ctx: Context, work: list[tuple[SyncItem, ImageReference]], destination_context: SystemContext
) -> int:
    """Signatures name the destination, so each image has a signer of its own; they are made one by one."""
    from ocicore.cli.signers import all_signers
    from ocicore.errors import Error
    from ocicore.image import sync_run
    from ocicore.image.copy import CopyOptions
    from ocicore.image.progress import PlainProgress
    from pyskopeo.formats import manifest_type

    results: list[SyncResult] = []
    digests: list[str] = []
    for pair in work:
        options = CopyOptions(
            multi_arch="all" if args.all else "system",
            manifest_type=manifest_type(args.format),
            preserve_digests=args.preserve_digests,
            remove_signatures=args.remove_signatures,
            signers=all_signers(args, pair[1].docker_reference, ctx),
        )
        results += sync_run.run(
            [pair],
            destination_context=destination_context,
            options=options,
            jobs=1,
            keep_going=args.keep_going,
            dry_run=args.dry_run,
            progress=PlainProgress(ctx.stdout.write),
            on_result=lambda result: _tell(ctx, result),
        )
        if results[-1].outcome == "failed" and not args.keep_going:
            break
    digests = [f"{result.digest} {result.destination}" for result in results if result.digest]
    return _finish(args, ctx, results, digests, False, Error)


def _tell(ctx: Context, result: SyncResult) -> None:
    if result.outcome == "failed":
        ctx.log("error", f'Error copying ref "{result.source}": {result.error}')
    elif result.outcome == "would copy":
        ctx.info(f"Would have copied image ref {result.source} to {result.destination}")
    else:
        ctx.info(f"{result.outcome}: {result.source} to {result.destination}")


def _finish(
    args: Args, ctx: Context, results: list[SyncResult], digests: list[str], incomplete: bool, error: Any
) -> int:
    counts: dict[str, int] = {}
    for result in results:
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    if args.digestfile and not args.dry_run:
        try:
            with open(args.digestfile, "w", encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in digests))
        except OSError as exc:
            raise error(
                f"Error creating digest file: {args.digestfile}: {(exc.strerror or str(exc)).lower()}"
            ) from exc
    if args.report == "json":
        from ocicore.image.go_json import pretty

        rows = [
            {
                "Source": result.source,
                "Destination": result.destination,
                "Outcome": result.outcome,
                "Digest": result.digest,
                "Error": result.error,
            }
            for result in results
        ]
        ctx.print(pretty({"Images": rows, "Counts": counts}))
    failed = next((result for result in results if result.outcome == "failed"), None)
    if failed is not None and not args.keep_going:
        raise error(f'Error copying ref "{failed.source}": {failed.error}')
    if failed is not None or incomplete:
        raise error("Sync failed due to previous reported error(s) for one or more images")
    done = counts.get("copied", 0) + counts.get("unchanged", 0)
    ctx.info(f"Synced {done} images ({counts.get('unchanged', 0)} unchanged)")
    return 0
