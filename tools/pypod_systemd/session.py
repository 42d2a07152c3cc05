"""From the global options to the engine whose containers become services."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ocicore.errors import MissingProgram

if TYPE_CHECKING:
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine

#: Global options that the units' commands need too.
_PASSED_ON = ("root", "runroot", "storage_driver", "tmpdir")


def open_engine(ctx: Context) -> Engine:
    """The engine that the global options describe. An ordinary user enters the namespace that all commands share.

    Raises:
        Error: the configuration is wrong, or there is no user namespace to be had.
    """
    from ocicore.config import paths, storage_conf
    from ocicore.engine.context import Engine, EngineOptions
    from ocicore.engine.paths import EnginePaths

    given = ctx.globals
    user = paths.user_paths(ctx.environ)
    environ = dict(ctx.environ)
    if user.rootless and os.geteuid() != 0:
        from ocicore.linux import userns

        pause = f"{user.runtime_dir}/libpod/tmp/pause.pid"
        userns.ensure(pause, user.username, user.uid, user.gid, ctx.warn)
        environ["_CONTAINERS_USERNS_CONFIGURED"] = "done"
        environ["_CONTAINERS_ROOTLESS_UID"] = str(user.uid)
        environ["_CONTAINERS_ROOTLESS_GID"] = str(user.gid)
    storage = storage_conf.load(
        user,
        ctx.environ,
        root=given.root or None,
        runroot=given.runroot or None,
        driver=given.storage_driver or None,
        options=given.storage_opt,
        imagestore=None,
        transient=None,
        warn=ctx.warn,
    )
    return Engine(
        user=user,
        environ=environ,
        storage=storage,
        paths=EnginePaths(user, storage, tmp_dir=given.tmpdir),
        options=EngineOptions(log_level=given.log_level, global_words=global_words(ctx)),
        self_command=engine_command(ctx),
        warn=ctx.warn,
        debug=ctx.debug,
    )


def global_words(ctx: Context) -> list[str]:
    """The global options of this run as words for pypod on the same store."""
    words = []
    for name in _PASSED_ON:
        value = getattr(ctx.globals, name)
        if value:
            words.append(f"--{name.replace('_', '-')}={value}")
    return words + [f"--storage-opt={value}" for value in ctx.globals.storage_opt]


def engine_command(ctx: Context) -> tuple[str, ...]:
    """pypod itself: beside this program, else on the path, else the interpreter with pypod's module.

    Raises:
        MissingProgram: it is nowhere.
    """
    beside = os.path.dirname(os.path.abspath(sys.argv[0]))
    for folder in (beside, *ctx.environ.get("PATH", "").split(os.pathsep)):
        candidate = os.path.join(os.path.abspath(folder), "pypod") if folder else ""
        if candidate and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return (candidate,)
    folders = [folder for folder in sys.path if folder]
    if any(os.path.exists(os.path.join(folder, "pypod", "main.py")) for folder in folders):
        return ("/usr/bin/env", f"PYTHONPATH={os.pathsep.join(folders)}", sys.executable, "-m", "pypod.main")
    raise MissingProgram("cannot find the program pypod", hint="install it beside pypod-systemd")
