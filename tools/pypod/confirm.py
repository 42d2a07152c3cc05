"""Asking before something is removed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.context import Context


def confirmed(ctx: Context, warning: str) -> bool:
    """Print the warning and read the answer; the end of input is a no."""
    ctx.stdout.write(f"{warning}\nAre you sure you want to continue? [y/N] ")
    ctx.stdout.flush()
    return ctx.stdin.readline().strip().lower().startswith("y")
