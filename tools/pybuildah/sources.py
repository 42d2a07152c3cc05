"""Copying source images, for `source push` and `source pull`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocicore.errors import InvalidInput

if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.copy import CopyResult
    from ocicore.image.types import SystemContext


def remote_name(text: str) -> str:
    """A full name as a docker:// reference. Raises InvalidInput for a short one."""
    from ocicore.image import names

    if not names.has_registry(text):
        raise InvalidInput(
            f'pulling source images by short name ("{text}") is not supported, please use a fully-qualified name'
        )
    return f"docker://{text}"


def context(args: Args, ctx: Context) -> SystemContext:
    """How to talk to the registry."""
    from pybuildah.session import Session

    return Session(ctx, enter=False).system_context(args)


def copy(source: str, destination: str, args: Args, ctx: Context) -> CopyResult:
    """Copy between two references."""
    from ocicore.cli import progress
    from ocicore.image import copy as copies
    from ocicore.image import transport

    system = context(args, ctx)
    with progress.shown(ctx.stderr, quiet=args.quiet) as shown:
        return copies.copy(
            transport.parse(source),
            transport.parse(destination),
            source_context=system,
            destination_context=system,
            progress=shown,
        )
