"""Global options that take effect before the command: where output goes, credentials, and what a remote service needs."""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ocicore.cli.bind import Bound
    from ocicore.cli.context import Context
    from ocicore.cli.declare import Option

_REMOTE = ("remote", "url", "connection", "identity", "ssh", "tls_ca", "tls_cert", "tls_details", "tls_key")


class CannotWrite(Error):
    """The file of --out cannot be opened."""

    exit_status = 1


class NoConfiguration(Error):
    """A module of containers.conf is not there, or is none."""

    exit_status = 1
    bare = True


def check_globals(found: Iterable[tuple[Option, str]], environ: Mapping[str, str]) -> None:
    """The modules that --module names are read before the command is looked at. Raises NoConfiguration."""
    check_modules([text for option, text in found if option.long == "module"], environ)


def check_modules(names: Sequence[str], environ: Mapping[str, str]) -> None:
    """Raises NoConfiguration."""
    from ocicore.config import containers_conf, paths

    if not names:
        return
    try:
        containers_conf.load(paths.user_paths(environ), environ, names)
    except Error as error:
        raise NoConfiguration(
            f"Failed to obtain podman configuration: {error.message}", hint=error.hint
        ) from error


def apply(bound: Bound, ctx: Context) -> None:
    """Carry the options out.

    Raises:
        NoConfiguration: see `check_modules`.
        CannotWrite: the file of --out cannot be opened.
        InvalidInput: an option that names a remote service, a database other than SQLite, a network backend other than
            netavark, a namespace, or less than one worker.
        NotFound: the file of --registries-conf. Error: a profile cannot be written.
    """
    given = bound.globals.given_names()
    check_modules(bound.globals.module, ctx.environ)
    _refuse_remote(bound, ctx)
    backend = bound.globals.db_backend
    if "db_backend" in given and backend != "sqlite":
        if backend == "boltdb" and ctx.environ.get("CI_DESIRED_DATABASE") == "boltdb":
            # Scripts that may want the old database must at least be told what they get.
            ctx.debug("Allowing deprecated database backend by name only: the state is kept in SQLite")
        elif backend == "boltdb":
            raise InvalidInput(
                "BoltDB is deprecated, no new BoltDB databases can be created", hint="use sqlite"
            )
        else:
            raise InvalidInput(f'unsupported database backend: "{backend}"', hint="use sqlite")
    _check_engine(bound)
    if "registries_conf" in given:
        ctx.environ = {**ctx.environ, "CONTAINERS_REGISTRIES_CONF": _readable(bound.globals.registries_conf)}
    if bound.globals.cpu_profile or bound.globals.memory_profile:
        from ocicore.cli import profiling

        profiling.begin(bound.globals.cpu_profile, bound.globals.memory_profile)
    if bound.globals.noout or bound.globals.out:
        _redirect(ctx, os.devnull if bound.globals.noout else bound.globals.out)
    if "config" in given:
        ctx.environ = {**ctx.environ, "DOCKER_CONFIG": bound.globals.config}


def _check_engine(bound: Bound) -> None:
    given = bound.globals.given_names()
    if "max_workers" in given and bound.globals.max_workers <= 0:
        raise InvalidInput(
            f"maximum workers must be set to a positive number (got {bound.globals.max_workers})"
        )
    if bound.globals.namespace:
        from pypod.session import NO_NAMESPACES

        raise InvalidInput(NO_NAMESPACES, hint="leave out --namespace")
    if bound.globals.network_backend not in ("", "netavark"):
        raise InvalidInput(
            f'unsupported network backend "{bound.globals.network_backend}"', hint="use netavark"
        )


def _readable(path: str) -> str:
    try:
        os.stat(path)
    except OSError as error:
        raise NotFound(
            f"locating specified registries.conf: faccessat {path}: {(error.strerror or '').lower()}"
        ) from error
    return path


def _refuse_remote(bound: Bound, ctx: Context) -> None:
    """There is no client of a service here: whoever asks for one must not get local containers instead."""
    if bound.path[:2] == ("system", "connection") or bound.path[0] in ("completion", "context", "version"):
        return
    for name in _REMOTE:
        if name in bound.globals.given_names() and getattr(bound.globals, name) is not False:
            raise InvalidInput(
                f"--{name.replace('_', '-')} asks for a remote service, and {ctx.program.name} works on its own host only",
                hint=f"run it there: ssh HOST {ctx.program.name} {' '.join(bound.path)} …",
            )
    if bound.globals.context not in ("", "default"):
        from ocicore.config import connections, paths

        name = bound.globals.context
        if not any(one.name == name for one in connections.load(paths.user_paths(ctx.environ), ctx.environ)):
            raise NotFound(f'read cli flags: connection "{name}" not found')
        raise InvalidInput(
            f"--context {name} asks for a remote service, and {ctx.program.name} works on its own host only",
            hint="use --context default",
        )
    for variable in ("CONTAINER_HOST", "CONTAINER_CONNECTION"):
        if ctx.environ.get(variable):
            raise InvalidInput(
                f"{variable} asks for a remote service, and {ctx.program.name} works on its own host only",
                hint="unset the variable",
            )


def _redirect(ctx: Context, path: str) -> None:
    """Standard output of this program and of what it starts goes to a file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise CannotWrite(
            f"unable to open file for standard output: open {path}: {(error.strerror or '').lower()}"
        ) from error
    ctx.stdout.flush()
    os.dup2(descriptor, ctx.stdout.fileno())
    os.close(descriptor)


def check_authfile(path: str) -> None:
    """The file of --authfile must be there. Raises NotFound."""
    try:
        os.stat(path)
    except OSError as error:
        raise NotFound(
            f"credential file is not accessible: faccessat {path}: {(error.strerror or '').lower()}"
        ) from error
