"""pyskopeo sync."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pyskopeo.options import AUTHFILE, OLD_TLS_VERIFY, RETRY, SIGNING, registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.copy import CopyOptions
    from ocicore.image.sync_plan import SyncItem
    from ocicore.image.sync_prune import Pruned
    from ocicore.image.sync_run import SyncResult
    from ocicore.image.sync_state import SyncMemory, SyncState
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
        Option("image-parallel-copies", kind="uint", default=3, help="How many layers of an image to copy at a time"),
        Option("jobs", "j", kind="uint", default=4, help="How many images to copy at a time"),
        Option("keep-going", help="Do not abort the sync if any image copy fails"),
        Option("preserve-digests", help="Preserve digests of images and lists"),
        Option("memory", kind="path", metavar="FILE", help="Remember in FILE what each destination got, and rely on it: an unchanged image then costs one request to its source. For destinations nobody else changes"),
        Option("prune", help="Remove from DESTINATION what is not in the plan, in repositories whose tags the plan lists"),
        Option("referrers", help="Copy signatures, attestations and whatever else refers to an image along"),
        Option("registry-connections", kind="uint", help="How many blobs to move from, and to, one registry at a time (default no limit)"),
        Option("remove-signatures", help="Do not copy signatures from SOURCE images"),
        Option("report", kind="choice", choices=("json",), help="Print what became of each image as JSON, at the end"),
        Option("scoped", help="Images at DESTINATION are prefix using the full source image path as scope"),
        Option("shard", kind="string", metavar="K/N", help="Copy only part K of N of the plan"),
        *SIGNING,
        Option("state", kind="path", metavar="FILE", help="Write down what is done in FILE, so that a run that was killed goes on"),
        Option("src", "s", kind="string", help="SOURCE transport type"),
        *RETRY,
        OLD_TLS_VERIFY,
        *registry("src-"),
        *registry("dest-"),
    ),
    arguments=(Argument("source", metavar="SOURCE"), Argument("destination", metavar="DESTINATION")),
    too_few="Exactly two arguments expected",
    too_many="Exactly two arguments expected",
    statuses=((1, "an image could not be copied"),),
    see_also=("pyskopeo-sync.yaml(5)",),
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
    from ocicore.image import sync_plan
    from ocicore.image.progress import PlainProgress, Progress
    from ocicore.image.sync_run import SyncSettings
    from ocicore.image.sync_run import run as run_plan
    from pyskopeo.formats import manifest_type
    from pyskopeo.session import system_context

    form = manifest_type(args.format)
    if args.registry_connections:
        source_context.connections.limit = args.registry_connections
    destination_context = system_context(ctx, args, "dest_")
    destination_context.share_with(source_context)
    items, incomplete = _plan(args, ctx, source_context)
    whole = [
        (
            item,
            sync_plan.destination(
                item, args.dest, args.destination, scoped=args.scoped, append=args.append_suffix
            ),
        )
        for item in items
    ]
    number, total = _shard(args.shard) if args.shard else (1, 1)
    work = [pair for pair in whole if total == 1 or sync_plan.in_shard(str(pair[0].source), number, total)]
    if args.dry_run:
        ctx.warn("Running in dry-run mode")
    state = _state(args, ctx)
    memory = _memory(args, ctx)
    results: list[SyncResult] = []
    try:
        results = run_plan(
            work,
            SyncSettings(
                destination_context,
                _options(args, ctx, form),
                multi_arch="all" if args.all else "system",
                altered=bool(form or _signs(args)),
                jobs=args.jobs,
                keep_going=args.keep_going,
                dry_run=args.dry_run,
                referrers=args.referrers,
                state=state,
                memory=memory,
            ),
            progress=Progress() if args.report else PlainProgress(ctx.stdout.write),
            on_result=lambda result: _tell(ctx, result),
        )
    finally:
        for file in (state, memory):
            if file is not None:
                file.close()
    failed = any(result.outcome in ("failed", "dropped") for result in results)
    pruned: list[Pruned] = []
    if args.prune:
        if failed or incomplete:
            ctx.warn("nothing is pruned, because not everything could be copied")
        else:
            pruned = _prune(args, ctx, destination_context, whole, results, number, total)
    if state is not None and not failed and not incomplete and not args.dry_run:
        state.finish()
    sources = {str(item.source).rpartition(":")[0] for item in items}
    quotas = source_context.connections.quotas()
    return _finish(args, ctx, results, pruned, len(sources), incomplete, quotas)


def _signs(args: Args) -> bool:
    return bool(
        args.sign_by
        or args.sign_by_sigstore
        or args.sign_by_sigstore_private_key
        or args.sign_by_sq_fingerprint
    )


def _options(args: Args, ctx: Context, form: str) -> Callable[[SyncItem, ImageReference], CopyOptions]:
    """Options of each copy; signatures name the destination, so each image has signers of its own."""

    def options_for(item: SyncItem, target: ImageReference) -> CopyOptions:
        from ocicore.cli.signers import all_signers
        from ocicore.image.copy import CopyOptions

        return CopyOptions(
            multi_arch="all" if args.all else "system",
            manifest_type=form,
            preserve_digests=args.preserve_digests,
            remove_signatures=args.remove_signatures,
            parallel=args.image_parallel_copies,
            platforms=item.platforms,
            signers=all_signers(args, target.docker_reference, ctx) if _signs(args) else (),
        )

    return options_for


def _state(args: Args, ctx: Context) -> SyncState | None:
    """The state file; its plan is what the command line asks for, however often it is said."""
    if not args.state or args.dry_run:
        return None
    import hashlib

    from ocicore.files import quick_json
    from ocicore.image.sync_state import SyncState

    names = "source destination src dest all append_suffix format platforms scoped shard preserve_digests"
    names += " remove_signatures referrers sign_by sign_by_sigstore sign_by_sigstore_private_key"
    values = {name: args.as_dict().get(name) for name in names.split()}
    values["platform"] = [ctx.globals.override_os, ctx.globals.override_arch, ctx.globals.override_variant]
    if args.src == "yaml":
        from pyskopeo.formats import read_file

        values["file"] = hashlib.sha256(read_file(args.source)).hexdigest()
    return SyncState(args.state, hashlib.sha256(quick_json.dumps(values).encode()).hexdigest())


def _memory(args: Args, ctx: Context) -> SyncMemory | None:
    """The memory file; what of a list is copied is part of what it is about."""
    if not args.memory:
        return None
    from ocicore.image.sync_state import SyncMemory

    given = ctx.globals
    platform = "/".join((given.override_os, given.override_arch, given.override_variant))
    return SyncMemory(args.memory, "all" if args.all else platform)


def _prune(
    args: Args,
    ctx: Context,
    context: SystemContext,
    whole: list[tuple[SyncItem, ImageReference]],
    results: list[SyncResult],
    number: int,
    total: int,
) -> list[Pruned]:
    from ocicore.image import sync_plan, sync_prune

    # A repository of which the plan names single tags may hold others on purpose.
    listed = [target for item, target in whole if item.listed or args.src == "dir"]
    places = {_place(target) for target in listed}
    targets = [target for _, target in whole if _place(target) in places]
    pruned = sync_prune.prune(
        targets,
        {result.destination: result.digest for result in results if result.digest},
        context=context,
        dry_run=args.dry_run,
        mine=lambda name: total == 1 or sync_plan.in_shard(name, number, total),
        warn=ctx.warn,
    )
    for item in pruned:
        if item.outcome == "failed":
            ctx.log("error", f"Error pruning {item.destination}: {item.error}")
        else:
            _say(ctx, f"Image ref {item.outcome}", to=item.destination)
    return pruned


def _place(target: ImageReference) -> str:
    """Repository, or path without the tag."""
    return str(target).partition("@")[0].rpartition(":")[0]


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
    from ocicore.image import sync_yaml

    return sync_yaml.from_yaml(args.source, context, ctx.warn)


def _shard(text: str) -> tuple[int, int]:
    from ocicore.errors import InvalidInput

    number, slash, total = text.partition("/")
    if not slash or not number.isdigit() or not total.isdigit() or not 1 <= int(number) <= int(total):
        raise InvalidInput(f"invalid --shard {text!r}", hint="K/N with K from 1 to N, for example 2/5")
    return int(number), int(total)


def _say(ctx: Context, text: str, **fields: str) -> None:
    """A line that skopeo prints without being asked: its level is a step more talkative than podman's."""
    from ocicore.cli.context import format_log

    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in fields.items()}
    line = format_log("info", text, terminal=ctx.stderr.isatty())
    ctx.stderr.write(line + "".join(f' {name}="{value}"' for name, value in quoted.items()) + "\n")


def _tell(ctx: Context, result: SyncResult) -> None:
    if result.outcome == "failed":
        ctx.log("error", f'Error copying ref "{result.source}": {result.error}')
        return
    text = "Would have copied image ref" if result.outcome == "would copy" else f"Image ref {result.outcome}"
    _say(ctx, text, **{"from": result.source, "to": result.destination})


def _finish(
    args: Args,
    ctx: Context,
    results: list[SyncResult],
    pruned: list[Pruned],
    sources: int,
    incomplete: bool,
    quotas: dict[str, dict[str, str]],
) -> int:
    from ocicore.errors import Error

    counts: dict[str, int] = {}
    for outcome in [result.outcome for result in results] + [item.outcome for item in pruned]:
        counts[outcome] = counts.get(outcome, 0) + 1
    if args.digestfile and not args.dry_run:
        lines = [f"{result.digest} {result.destination}\n" for result in results if result.digest]
        try:
            with open(args.digestfile, "w", encoding="utf-8") as file:
                file.write("".join(lines))
        except OSError as exc:
            raise Error(
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
        rows += [
            {
                "Source": "",
                "Destination": item.destination,
                "Outcome": item.outcome,
                "Digest": "",
                "Error": item.error,
            }
            for item in pruned
        ]
        ctx.print(pretty({"Images": rows, "Counts": counts, "Quotas": quotas}))
    failed = next((result for result in results if result.outcome == "failed"), None)
    if failed is not None and not args.keep_going:
        raise Error(f'Error copying ref "{failed.source}": {failed.error}')
    if failed is not None or incomplete or any(item.outcome == "failed" for item in pruned):
        raise Error("Sync failed due to previous reported error(s) for one or more images")
    done = sum(counts.get(outcome, 0) for outcome in ("copied", "unchanged", "done before", "would copy"))
    _say(ctx, f"{'Would have synced' if args.dry_run else 'Synced'} {done} images from {sources} sources")
    return 0
