"""`pypod system check`: compare the store's records with its files, and remove what is broken when asked."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Check storage consistency",
    description="Check storage for consistency and remove anything that looks damaged when asked to repair.",
    options=(
        Option("force", "f", help="Remove inconsistent images and containers"),
        Option(
            "max",
            "m",
            kind="duration",
            default_text="24h0m0s",
            help="Maximum allowed age of unreferenced layers",
        ),
        Option(
            "quick", "q", help="Skip time-consuming checks. The default is to include time-consuming checks"
        ),
        Option("repair", "r", help="Remove inconsistent images"),
    ),
    examples=(("pypod system check --quick", "records and files, not their bytes"),),
    statuses=((125, "something is damaged and was not repaired"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import Corrupted
    from pypod.session import open_engine

    engine = open_engine(ctx)
    repair = args.repair or args.force
    report = engine.store.check(
        repair,
        contents=not args.quick,
        remove_containers=args.force,
        unreferenced_age=args.max // 1_000_000_000 if args.given("max") else None,
    )
    for problem in report.problems:
        done = " (removed)" if problem.repaired else ""
        ctx.print(f"Damaged {problem.kind} {problem.id}: {problem.message}{done}")
    if args.force:
        _forget_removed(ctx, engine)
    if any(problem.fatal and not problem.repaired for problem in report.problems):
        raise Corrupted(
            "damage detected in local storage", hint=None if repair else "run it again with --repair"
        )
    return 0


def _forget_removed(ctx: Context, engine: object) -> None:
    """Containers whose layer went are no containers any more."""
    from ocicore.engine.context import Engine
    from ocicore.engine.remove import remove
    from ocicore.errors import NotFound

    assert isinstance(engine, Engine)
    for container in engine.state.containers.all():
        if container.config.get("rootfs"):
            continue
        try:
            engine.store.container(container.id)
        except NotFound:
            remove(engine, container, force=True, depend=True, timeout=0)
            ctx.print(f"Deleted container {container.id}")
