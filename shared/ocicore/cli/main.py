"""Running a program: argv to exit status, and every failure to one line.

Exit statuses are podman's: the program's own (125) for errors, 130 after an interrupt, 141 when the reader of
standard output went away (a Go program dies of SIGPIPE there). No traceback is shown without --log-level=debug.
"""

from __future__ import annotations

import os
import sys

from ocicore.cli.bind import UsageError, bind, import_module
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn, TextIO, TypeGuard

    from ocicore.cli.bind import Bound
    from ocicore.cli.context import Context
    from ocicore.cli.declare import Program

INTERRUPTED = 130
BROKEN_PIPE = 141


def entry(program: Program) -> NoReturn:
    """What a console script calls: runs the program on this process's argv and ends the process."""
    import gc

    # A command lives for milliseconds: collecting cycles before it ends costs more than it frees.
    gc.set_threshold(50_000, 20, 50)
    streams: list[Any] = []
    for stream, mode in ((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w")):
        if stream is None:  # closed by the caller, as in `pypod ps >&-`
            stream = open(os.devnull, mode, encoding="utf-8")
        # File names and image labels are bytes on Linux; what is no UTF-8 must come out as it came in.
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
        streams.append(stream)
    stdin, stdout, stderr = streams
    typed = os.path.basename(sys.argv[0])
    if typed and not typed.endswith(".py"):
        program.name = typed  # under the name of a link, that is the name users know
    status = main(program, sys.argv[1:], os.environ, stdin, stdout, stderr)
    flush_quietly(stderr)
    _leave(status)


def _leave(status: int) -> NoReturn:
    """Ends the process without tearing the interpreter down, unless threads still work."""
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        sys.exit(status)
    atexit = sys.modules.get("atexit")
    if atexit is not None:
        atexit._run_exitfuncs()
    os._exit(status)


def main(
    program: Program,
    argv: list[str],
    environ: Mapping[str, str],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
) -> int:
    """Runs one command line (argv without the program's name) and returns the exit status."""
    tracing = False
    try:
        try:
            if argv[:1] in (["--version"], ["-v"]):
                stdout.write(f"{program.name} version {program.version}\n")
                status = 0
            elif argv[:1] in (["__complete"], ["__completeNoDesc"]):
                from ocicore.cli.completion import complete_main

                described = argv[0] == "__complete"
                status = complete_main(
                    program, argv[1:], environ, stdin, stdout, stderr, descriptions=described
                )
            else:
                try:
                    bound = bind(program, argv, environ)
                except UsageError:
                    _check_globals(program, argv, environ)
                    raise
                if bound is None:
                    _check_globals(program, argv, environ)
                    from ocicore.cli.typer_app import run as run_typer

                    status = run_typer(program, argv, environ, stdin, stdout, stderr)
                else:
                    tracing = wants_trace(bound)
                    status = execute(bound, environ, stdin, stdout, stderr)
            _finish_output(stdout)
            return status
        except KeyboardInterrupt as interruption:
            return _interrupted(interruption, stderr)
        except BrokenPipeError:
            return _broken_pipe(stdout)
        except Exception as error:  # noqa: BLE001 – the one place that turns every failure into one line
            if _is_of_stream(error, stdout):
                error = _unwritten(error)
            return report(program, error, stderr, tracing=tracing)
    except KeyboardInterrupt as interruption:
        return _interrupted(interruption, stderr)
    except BrokenPipeError:
        return _broken_pipe(stdout)


def _check_globals(program: Program, argv: list[str], environ: Mapping[str, str]) -> None:
    """What is wrong with a global option comes before a mistake in the command, and before help."""
    if program.check_globals:
        from ocicore.cli.bind import leading_options

        load_function(program.check_globals)(leading_options(program, argv), environ)


def _interrupted(interruption: KeyboardInterrupt, stderr: TextIO) -> int:
    """The exit status of ^C, or of the signal that `cli.interrupt` made an exception of."""
    message = getattr(interruption, "message", "")
    if message:
        stderr.write(f"Error: {message}\n")
    status: int = getattr(interruption, "status", INTERRUPTED)
    return status


def execute(bound: Bound, environ: Mapping[str, str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Imports the chosen handler and runs it."""
    from ocicore.cli.context import LEVELS, Context, level_number

    level = str(bound.globals.as_dict().get("log_level") or "warn")
    rank = level_number(level)
    if rank is None:
        if bound.program.unknown_level:
            raise UsageError(bound.program.unknown_level.format(level))
        flags = "trace, debug, info, warn, warning, error, fatal, panic"
        stderr.write(f'Log Level "{level}" is not supported, choose from: {flags}\n')
        return 1
    if bound.globals.as_dict().get("debug"):
        if "log_level" in bound.globals.given_names():
            stderr.write("Setting --log-level and --debug is not allowed\n")
            return 1
        rank = LEVELS.index("debug")
    ctx = Context(
        bound.program,
        path=bound.path,
        globals_=bound.globals,
        environ=environ,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        log_level=rank,
    )
    for option in bound.deprecated:
        stderr.write(f"Flag --{option.long} has been deprecated, {option.deprecated}\n")
    if rank > LEVELS.index("warning"):
        return _traced(bound, ctx)
    return _call(bound, ctx)


def _call(bound: Bound, ctx: Context) -> int:
    if bound.program.before:
        load_function(bound.program.before)(bound, ctx)
    status = handler(bound)(bound.args, ctx)
    return status if isinstance(status, int) else 0


def _traced(bound: Bound, ctx: Context) -> int:
    """With the lines that --log-level info, debug and trace show of every command."""
    from ocicore.cli.context import LEVELS

    if ctx.program.level_notice:
        ctx.info(f"{ctx.program.name} filtering at log level {LEVELS[ctx.log_level]}")
    ctx.debug(f"Called {bound.path[-1]} ({' '.join([ctx.program.name, *sys.argv[1:]])})")
    for name, value in sorted(bound.globals.as_dict().items()):
        if value:
            ctx.log("trace", f"Option {name}: {value}")
    try:
        return _call(bound, ctx)
    finally:
        ctx.debug("Shutting down engines")


def handler(bound: Bound) -> Callable[..., object]:
    """The function that does the command's work."""
    return load_function(bound.command.handler or f"{bound.module.partition(':')[0]}:run")


def load_function(reference: str) -> Callable[..., object]:
    """ "package.module:function" -> the function."""
    module, _, name = reference.partition(":")
    function: Callable[..., object] = getattr(import_module(module), name)
    return function


def wants_trace(bound: Bound) -> bool:
    """Whether an unexpected exception may print its traceback."""
    values = bound.globals.as_dict()
    return values.get("log_level") in ("debug", "trace") or bool(values.get("debug"))


def report(program: Program, error: Exception, stderr: TextIO, *, tracing: bool) -> int:
    """Prints one line for the error and returns the exit status."""
    status = program.error_status
    if isinstance(error, UsageError):
        text = str(error)
        if program.error_style == "buildah":
            text = error.message
        elif program.error_style == "logrus" and error.path:
            # logrus prints a message as one quoted line.
            text = f"{error.message} (see '{error.path} --help')"
    elif isinstance(error, Error):
        text = f"{error.message} ({error.hint})" if error.hint else error.message
        if error.exit_status is not None:
            status = error.exit_status
        elif program.status_of:
            chosen = load_function(program.status_of)(error)
            status = chosen if isinstance(chosen, int) else status
    elif isinstance(error, OSError):
        text = describe_os_error(error)
    else:
        kind = type(error).__name__
        first = (str(error).splitlines() or [""])[0]
        detail = f"{kind}: {first}" if first else kind
        text = f"internal error: {detail} (run it again with --log-level=debug to see where)"
    if tracing:
        import traceback

        traceback.print_exception(error, file=stderr)
    if isinstance(error, Error) and error.bare:
        write_line(text, stderr)
    else:
        write_error(program, text, stderr)
    return status


def write_error(program: Program, text: str, stderr: TextIO) -> None:
    """The program's way to print a failure: "Error: …", or logrus's line for the skopeo family."""
    if program.error_style == "logrus":
        from ocicore.cli.context import format_log

        write_line(format_log("fatal", text, terminal=stderr.isatty()), stderr)
    else:
        write_line(f"Error: {text}", stderr)


def write_line(text: str, stderr: TextIO) -> None:
    """A failure's line, whether somebody listens or not."""
    try:
        stderr.write(f"{text}\n")
        stderr.flush()
    except (OSError, ValueError):
        pass  # nobody listens any more


def describe_os_error(error: OSError) -> str:
    """One line for an OSError that nothing translated: what, why and, where there is one, the remedy."""
    from errno import EACCES, EDQUOT, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC, EPERM, EROFS

    reason = (error.strerror or str(error) or type(error).__name__).lower()
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    if error.errno == ENOENT and not names and _is_nowhere():
        return "the working directory was removed (change to one that exists)"
    text = f"{' -> '.join(names)}: {reason}" if names else reason
    hint = {
        ENOSPC: "free some space or choose another place with --root",
        EDQUOT: "the user's disk quota is used up",
        EROFS: "the file system is mounted read-only",
        EACCES: "check the owner and the mode of the file",
        EPERM: "the kernel does not allow this to the user",
        EIO: "the disk reports errors",
        EMFILE: "too many files are open: raise `ulimit -n`",
        ENFILE: "the host's table of open files is full",
        ENOMEM: "the host is out of memory",
    }.get(error.errno or 0)
    # Without a name it is a stream or a socket, where the hint would mislead.
    return f"{text} ({hint})" if hint and names else text


def _is_nowhere() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _finish_output(stdout: TextIO) -> None:
    """Hands the rest of the output to the kernel, whose refusal must not go unnoticed.

    Raises:
        BrokenPipeError: the reader is gone.
        Error: any other failure.
    """
    try:
        stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _discard(stdout)
        raise _unwritten(error) from error


def _unwritten(error: OSError) -> Error:
    return Error(f"writing to standard output: {(error.strerror or str(error)).lower()}")


def _is_of_stream(error: Exception, stdout: TextIO) -> TypeGuard[OSError]:
    """Puts out what was printed before a failure, and tells whether that is what failed (a library writes help pages)."""
    try:
        stdout.flush()
    except OSError as again:
        return isinstance(error, OSError) and error.filename is None and error.errno == again.errno
    except ValueError:
        pass
    return False


def flush_quietly(stream: TextIO) -> None:
    """Puts out what was printed before the error line."""
    try:
        stream.flush()
    except (OSError, ValueError):
        pass


def _broken_pipe(stdout: TextIO) -> int:
    """Leaves quietly, as a program does that SIGPIPE ends."""
    _discard(stdout)
    return BROKEN_PIPE


def _discard(stdout: TextIO) -> None:
    """Drops what is still in the buffer, which would fail again when the stream is closed."""
    try:
        descriptor = stdout.fileno()
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(null, descriptor)
        os.close(null)
        stdout.flush()
    except (OSError, ValueError):
        pass
