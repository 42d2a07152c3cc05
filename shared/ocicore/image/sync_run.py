"""Carrying out a synchronisation: unchanged images are settled without copying, the others copied several at once.

A run that finds nothing to do is the ordinary one, so what copies is imported only when something is to be copied.
"""

from __future__ import annotations

from _thread import allocate_lock

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from ocicore.image.copy import CopyOptions, MultiArch
    from ocicore.image.progress import Progress
    from ocicore.image.sync_plan import SyncItem
    from ocicore.image.sync_state import SyncMemory, SyncState
    from ocicore.image.types import ImageReference, SystemContext
    from ocicore.registry.heads import Found

    Outcome = Literal["copied", "unchanged", "done before", "would copy", "failed", "dropped"]
    Pair = tuple[SyncItem, ImageReference]


class SyncResult:
    """What became of one image; `error` is empty unless it failed."""

    __slots__ = ("destination", "digest", "error", "outcome", "source")

    def __init__(self, source: str, destination: str, outcome: Outcome, digest: str, error: str = "") -> None:
        self.source = source
        self.destination = destination
        self.outcome = outcome
        self.digest = digest
        self.error = error


class Asked:
    """What registries said of an image's source and destination, as far as they were asked."""

    __slots__ = ("present", "present_known", "source", "source_known")

    def __init__(self) -> None:
        self.source: Found = None
        self.source_known = False
        self.present: Found = None
        self.present_known = False


class SyncSettings:
    """How to carry a plan out.

    Attributes:
        context: of the destination.
        options_for: the copy's options for an image and its destination.
        multi_arch: what of a list is copied; the same as in those options.
        altered: the options make other manifests than the source's, so that nothing is ever unchanged.
        jobs: images at a time.
        keep_going: after a failure too; else those not begun are "dropped".
        dry_run: ask source and destination, copy nothing.
        referrers: copy what refers to an image along.
        state: what earlier processes did of the same plan, and where this one writes it down.
        memory: what the destinations were given at earlier times, when that can be relied on.
    """

    __slots__ = (
        "altered",
        "context",
        "dry_run",
        "jobs",
        "keep_going",
        "memory",
        "multi_arch",
        "options_for",
        "referrers",
        "state",
    )

    def __init__(
        self,
        context: SystemContext,
        options_for: Callable[[SyncItem, ImageReference], CopyOptions],
        *,
        multi_arch: MultiArch = "system",
        altered: bool = False,
        jobs: int = 1,
        keep_going: bool = False,
        dry_run: bool = False,
        referrers: bool = False,
        state: SyncState | None = None,
        memory: SyncMemory | None = None,
    ) -> None:
        self.context = context
        self.options_for = options_for
        self.multi_arch = multi_arch
        self.altered = altered
        self.jobs = jobs
        self.keep_going = keep_going
        self.dry_run = dry_run
        self.referrers = referrers
        self.state = state
        self.memory = memory

    def remember(self, item: SyncItem, result: SyncResult, found: str) -> None:
        """Write down that an image is at its destination; `found` as `listed_digest` says, "" when that is not known."""
        if self.dry_run:
            return
        if self.state is not None:
            self.state.add(result.source, result.destination, result.digest)
        if self.memory is not None and found:
            self.memory.add(result.source, result.destination, found, result.digest)


def listed_digest(item: SyncItem, found: Found) -> str:
    """What the source's name stands for, a list's own digest, and the platforms wanted; "" when there is none."""
    return " ".join((found[0], *map(str, item.platforms))) if found is not None else ""


def run(
    work: Sequence[Pair],
    settings: SyncSettings,
    *,
    progress: Progress,
    on_result: Callable[[SyncResult], None],
) -> list[SyncResult]:
    """Copy every pair; results come in the order of `work`.

    Args:
        on_result: called as each is done, from several threads but never two at once.
    """
    from ocicore.image import sync_settle

    results: list[SyncResult | None]
    results, asked = sync_settle.settle(work, settings, on_result)
    left = [number for number, result in enumerate(results) if result is None]
    if left:
        copied = _copy_all([(*work[number], asked[number]) for number in left], settings, progress, on_result)
        for number, result in zip(left, copied, strict=True):
            results[number] = result
    return [result for result in results if result is not None]


def _copy_all(
    work: Sequence[tuple[SyncItem, ImageReference, Asked]],
    settings: SyncSettings,
    progress: Progress,
    on_result: Callable[[SyncResult], None],
) -> list[SyncResult]:
    from ocicore.image import sync_image

    settings.context.blob_info.deferred = True  # written once, when the context is closed
    lock = allocate_lock()
    failed = False

    def one(job: tuple[SyncItem, ImageReference, Asked]) -> SyncResult:
        nonlocal failed
        item, target, asked = job
        if failed and not settings.keep_going:
            return SyncResult(str(item.source), str(target), "dropped", "")
        try:
            result = sync_image.bring(item, target, asked, settings, progress)
        except Error as exc:
            failed = True
            text = f"{exc.message} ({exc.hint})" if exc.hint else exc.message
            result = SyncResult(str(item.source), str(target), "failed", "", text)
        with lock:
            on_result(result)
        return result

    if settings.jobs <= 1 or len(work) <= 1:
        return [one(job) for job in work]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(settings.jobs, len(work)), thread_name_prefix="sync") as pool:
        return list(pool.map(one, work))
