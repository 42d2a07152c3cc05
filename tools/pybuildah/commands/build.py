"""`pybuildah build`: an image from a Containerfile."""

from __future__ import annotations

from ocicore.build.declared import DECLARATION
from ocicore.cli.build_settings import RUN_SETTINGS
from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import BLOB_CACHE, DECRYPTION_KEY, REGISTRY, SIGN_BY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Build an image using instructions in a Containerfile",
    description="Builds an image from a Containerfile and the files of a context: a directory, an archive, a repository or a URL.",
    options=(
        *(Option(long, short, **settings) for long, short, settings in DECLARATION),
        BLOB_CACHE,
        DECRYPTION_KEY,
        SIGN_BY,
        Option("layers", help="Keep one image a step, and use them as a cache"),
        *RUN_SETTINGS,
        *REGISTRY,
    ),
    arguments=(Argument("context", min=0, metavar="[CONTEXT]", completer="file"),),
    too_many="accepts at most 1 arg(s), received 2",
    exclusive=(("pull", "pull-always", "pull-never"),),
    examples=(
        ("pybuildah build -t myimage .", "from ./Containerfile"),
        ("pybuildah build --layers -f Containerfile.test --target test .", "one stage, with a cache"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    """Print progress, and the image's ID at the end."""
    import contextlib
    import os

    from ocicore.build import executor, flags
    from ocicore.build.inputs import Inputs
    from ocicore.build.remote import RemoteOptions
    from ocicore.cli import build_settings, build_view, interrupt
    from ocicore.cli.signers import sign_stored
    from pybuildah import remote
    from pybuildah.session import Session

    session = Session(ctx)
    environment = session.environment(args)
    with interrupt.ending(environment.interrupt), contextlib.closing(environment):
        scratch = os.path.join(environment.scratch(), "context")
        os.mkdir(scratch, 0o700)
        inputs = Inputs(
            environ=ctx.environ,
            stdin=lambda: ctx.stdin_bytes,
            scratch=scratch,
            remote=lambda: RemoteOptions(
                tls_verify=args.tls_verify is not False,
                cert_dir=args.cert_dir,
                retry=args.retry,
                scratch=scratch,
                environ=ctx.environ,
                warn=ctx.warn,
            ),
            warn=ctx.warn,
            debug=lambda text: ctx.log("debug", text),
            no_file="cannot find Containerfile or Dockerfile in context directory: ",
        )
        layers = flags.uses_layers(args, ctx.environ, default=False)
        options = flags.read(args, args.context or "", inputs, layers=layers)
        build_settings.fill(
            options, args, build_settings.decide(args, session.conf), session.user_namespace(args)
        )
        options.mounts_file = ctx.globals.default_mounts_file
        options.blob_cache = remote.blob_cache(args, remote.layer_wish(args))
        ctx.log(
            "debug",
            f"Setting MaxPullPushRetries to {args.retry} and PullPushRetryDelay to {args.retry_delay or '1s'}",
        )
        # Standard output is the archive's own then.
        to_pipe = options.output is not None and options.output[1] == "-"
        out = _Output(ctx, args.logfile, use_stderr=to_pipe)
        try:
            with build_view.shown(
                args.progress, out.stream, out.write_line, environment, quiet=options.quiet
            ) as progress:
                result = executor.build(
                    options,
                    environment,
                    progress=progress,
                    flush=out.flush,
                    command_stdout=out.descriptor(1),
                    command_stderr=out.descriptor(2),
                    log_file=args.logfile if args.logsplit else "",
                )
            if args.sign_by:
                for name in result.names:
                    sign_stored(session.images.find(result.image_id), name, args.sign_by, ctx)
        finally:
            out.close()
    if not options.iid_file and not to_pipe and args.progress != "json":
        ctx.print(result.image_id)
    return 0


class _Output:
    """Progress lines and the commands' output: standard output (or error), or the log file."""

    def __init__(self, ctx: Context, path: str, *, use_stderr: bool = False) -> None:
        self._ctx = ctx
        self._file = open(path, "w", encoding="utf-8", errors="surrogateescape") if path else None
        self.stream: TextIO = self._file or (ctx.stderr if use_stderr else ctx.stdout)
        self._use_stderr = use_stderr

    def write_line(self, text: str) -> None:
        self.stream.write(text + "\n")
        if self._file is None and self.stream.isatty():
            self.stream.flush()

    def flush(self) -> None:
        self.stream.flush()

    def descriptor(self, number: int) -> int:
        if self._file is not None:
            return self._file.fileno()
        return 2 if self._use_stderr else number

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
