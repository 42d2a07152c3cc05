"""From the global options to an engine: what every command that touches containers or images does first.

A rootless user enters the shared user namespace here, before anything is opened; the rest of the program then works as
root of that namespace and tells its children so in podman's variables.
"""

from __future__ import annotations

import os
import sys

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.cli.context import Context
    from ocicore.config.containers_conf import ContainersConfig
    from ocicore.config.paths import UserPaths
    from ocicore.engine.context import Engine

NO_NAMESPACES = "namespaces are not supported: one store has one set of containers"
#: Global options that the clean-up program must be given too, with what they are called.
_PASSED_ON = (
    "root",
    "runroot",
    "storage_driver",
    "tmpdir",
    "volumepath",
    "cgroup_manager",
    "events_backend",
    "network_config_dir",
    "network_cmd_path",
    "conmon",
    "imagestore",
    "default_mounts_file",
)
_PASSED_ON_LISTS = ("storage_opt", "runtime_flag", "hooks_dir", "cdi_spec_dir")


def enter_namespace(ctx: Context, user: UserPaths) -> dict[str, str]:
    """As an ordinary user: become root in the user namespace that all our (and podman's) commands share.

    Returns the environment with the variables that say so.
    """
    environ = dict(ctx.environ)
    if not user.rootless or os.geteuid() == 0:
        return environ
    from ocicore.linux import userns

    pause = f"{user.runtime_dir}/libpod/tmp/pause.pid"
    ensured = userns.ensure(pause, user.username, user.uid, user.gid, ctx.warn)
    if ensured.created:
        from ocicore.systemd import scopes

        scopes.keep_pause(ensured.pause_pid, uid=user.uid, runtime_dir=user.runtime_dir)
    environ["_CONTAINERS_USERNS_CONFIGURED"] = "done"
    environ["_CONTAINERS_ROOTLESS_UID"] = str(user.uid)
    environ["_CONTAINERS_ROOTLESS_GID"] = str(user.gid)
    return environ


def open_engine(ctx: Context) -> Engine:
    """The engine that the global options describe. Raises Error."""
    from ocicore.config import containers_conf, paths, storage_conf
    from ocicore.engine.context import Engine, EngineOptions
    from ocicore.engine.paths import EnginePaths

    given = ctx.globals
    user = paths.user_paths(ctx.environ)
    environ = enter_namespace(ctx, user)
    storage = storage_conf.load(
        user,
        ctx.environ,
        root=given.root or None,
        runroot=given.runroot or None,
        driver=given.storage_driver or None,
        options=given.storage_opt,
        imagestore=given.imagestore or None,
        transient=given.transient_store or None,
        warn=ctx.warn,
    )
    for text in given.pull_option:
        storage_conf.check_pull_option(text)
    config = containers_conf.load(user, environ, given.module)
    _check(config)
    options = EngineOptions(
        runtime=given.runtime,
        runtime_flags=given.runtime_flag,
        cdi_dirs=given.cdi_spec_dir,
        conmon=given.conmon,
        default_mounts_file=given.default_mounts_file,
        cgroup_manager=given.cgroup_manager,
        hooks_dirs=given.hooks_dir,
        network_config_dir=given.network_config_dir,
        network_command=given.network_cmd_path,
        events_backend=given.events_backend,
        log_level=given.log_level,
        modules=given.module,
        syslog=given.syslog,
        global_words=global_words(ctx, config.modules),
    )
    return Engine(
        user=user,
        environ=environ,
        storage=storage,
        config=config,
        paths=EnginePaths(
            user,
            storage,
            tmp_dir=given.tmpdir,
            volumes_dir=given.volumepath or config.engine.volume_path,
            static_dir=f"{config.engine.static_dir}/pypod" if config.engine.static_dir else "",
            events_file=config.engine.events_logfile_path,
        ),
        options=options,
        self_command=self_command(ctx),
        warn=ctx.warn,
        debug=ctx.debug,
        notice=ctx.notice,
    )


def _check(config: ContainersConfig) -> None:
    """Keys of containers.conf whose other values podman has no code for, nor we. Raises InvalidInput."""
    backend = config.network.network_backend
    if backend not in ("", "netavark"):
        raise InvalidInput(f'unsupported network backend "{backend}" in containers.conf', hint="use netavark")
    if config.engine.namespace:
        raise InvalidInput(NO_NAMESPACES, hint="unset the `namespace` field in containers.conf")
    if config.engine.database_backend not in ("", "sqlite", "boltdb"):
        raise InvalidInput(
            f'unsupported database backend: "{config.engine.database_backend}"', hint="use sqlite"
        )
    if config.engine.lock_type not in ("", "shm", "file"):
        raise InvalidInput(f"unknown lock type {config.engine.lock_type}: invalid argument", hint="use shm")


def global_words(ctx: Context, modules: Sequence[str]) -> list[str]:
    """The global options of this run as words for another pypod on the same store.

    Modules by their paths: who runs that command may have another home.
    """
    words = [word for path in modules for word in ("--module", path)]
    for name in _PASSED_ON:
        value = getattr(ctx.globals, name)
        if value:
            words.append(f"--{name.replace('_', '-')}={value}")
    for name in _PASSED_ON_LISTS:
        for value in getattr(ctx.globals, name):
            words.append(f"--{name.replace('_', '-')}={value}")
    if ctx.globals.transient_store:
        words.append("--transient-store")
    if ctx.globals.syslog:
        words.append("--syslog")
    if ctx.globals.log_level not in ("", "warn"):
        words.append(f"--log-level={ctx.globals.log_level}")
    return words


def self_command(ctx: Context) -> list[str]:
    """Words that start this program again: its launcher, or the interpreter where there is none."""
    program = sys.argv[0]
    path = os.path.abspath(program) if "/" in program else _on_path(program, ctx.environ.get("PATH", ""))
    if path and not path.endswith(".py") and os.access(path, os.X_OK):
        return [path]
    folders = os.pathsep.join(folder for folder in sys.path if folder)
    return ["/usr/bin/env", f"PYTHONPATH={folders}", sys.executable, "-m", "pypod.main"]


def _on_path(name: str, path: str) -> str:
    for folder in path.split(os.pathsep):
        if os.access(f"{folder}/{name}", os.X_OK):
            return os.path.abspath(f"{folder}/{name}")
    return ""


def create_command(ctx: Context) -> list[str]:
    """The command line as typed, for `inspect` and generated units."""
    return [os.path.basename(sys.argv[0]) or ctx.program.name, *sys.argv[1:]]


def end_namespace(engine: Engine) -> None:
    """End the pause process, so that the next command makes the user's namespaces anew (new subordinate ids)."""
    if not engine.rootless:
        return
    from ocicore.linux import userns

    userns.end_pause(f"{engine.user.runtime_dir}/libpod/tmp/pause.pid")
