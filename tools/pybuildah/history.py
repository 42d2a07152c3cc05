"""--add-history and BUILDAH_HISTORY: entries for the history of the image to come. On the hot path."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.build.working import WorkingContainer
    from ocicore.cli.context import Context


def add(container: WorkingContainer, args: Any, ctx: Context, created_by: str) -> None:
    """Add an entry without a layer when the option or the variable asks for it."""
    wanted = args.add_history
    if wanted is None:
        wanted = ctx.environ.get("BUILDAH_HISTORY", "").lower() in ("1", "true", "t")
    if wanted:
        from ocicore.build.commit import now_text

        container.add_history(now_text(), created_by)
