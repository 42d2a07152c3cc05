"""`pypod export`, `pypod container export`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Export container's filesystem contents as a tar archive",
    description="Exports container's filesystem contents as a tar archive and saves it on the local machine.",
    options=(
        Option(
            "output",
            "o",
            kind="path",
            metavar="string",
            default_text="stdout",
            help="Write to a specified file (default: stdout, which must be redirected)",
        ),
    ),
    arguments=(Argument("container", completer="pypod.complete:containers"),),
    examples=(("pypod export web > web.tar", "its whole root"),),
)


def run(args: Args, ctx: Context) -> int:
    import os

    from ocicore.engine import exporting
    from ocicore.errors import Error, InvalidInput
    from pypod.session import open_engine

    engine = open_engine(ctx)
    container = engine.state.containers.find(args.container)
    if not args.output:
        if ctx.stdout.isatty():
            raise InvalidInput("refusing to export to terminal. Use -o flag or redirect")
        ctx.stdout.flush()
        exporting.export(engine, container, 1)
        return 0
    if ":" in args.output:
        raise InvalidInput(f"invalid filename (should not contain ':') {args.output!r}")
    try:
        descriptor = os.open(args.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Error(f"open {args.output}: {(error.strerror or '').lower()}") from error
    try:
        exporting.export(engine, container, descriptor)
    finally:
        os.close(descriptor)
    return 0
