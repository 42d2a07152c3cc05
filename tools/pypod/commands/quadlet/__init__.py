"""`pypod quadlet …`: Quadlet files where the generator looks for them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.context import Context
    from ocicore.systemd.manager import Manager


def is_user() -> bool:
    return os.geteuid() != 0


def folders(ctx: Context) -> list[str]:
    """The folders that are searched."""
    from ocicore.systemd.quadlet import paths

    return paths.search_folders(is_user(), os.getuid(), ctx.environ, ctx.warn)


def manager(ctx: Context) -> Manager:
    """The service manager that the files are for."""
    from ocicore.systemd.manager import Manager

    return Manager(is_user=is_user(), environ=ctx.environ)


def install_folder(ctx: Context) -> str:
    """
    Raises:
        InvalidInput: no home.
    """
    from ocicore.errors import InvalidInput
    from ocicore.systemd.quadlet import paths

    folder = paths.install_folder(is_user(), ctx.environ)
    if not folder:
        raise InvalidInput("neither $XDG_CONFIG_HOME nor $HOME names a folder")
    return folder
