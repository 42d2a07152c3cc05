"""`pypod logs`: what containers wrote."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.select import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.runtime.logs import LogLine

COMMAND = Command(
    "Fetch the logs of one or more containers",
    description="Retrieves logs for one or more containers. This does not guarantee execution order when combined with pypod run (i.e., your run may not have generated any logs at the time you execute pypod logs).",
    options=(
        Option("color", help="Output the containers with different colors in the log"),
        Option("details", hidden=True, help="Show details of log drivers, of which podman's have none"),
        Option("follow", "f", help="Follow log output. The default is false"),
        LATEST,
        Option("names", "n", help="Output the container name in the log"),
        Option("since", kind="string", help="Show logs since TIMESTAMP"),
        Option(
            "tail",
            kind="int",
            default=-1,
            help="Output the specified number of LINES at the end of the logs; the default -1 prints all lines",
        ),
        Option("timestamps", "t", help="Output the timestamps in the log"),
        Option("until", kind="string", help="Show logs until TIMESTAMP"),
    ),
    arguments=(
        Argument(
            "containers",
            min=0,
            max=None,
            metavar="CONTAINER [CONTAINER...]",
            completer="pypod.complete:containers",
        ),
    ),
    examples=(
        ("pypod logs --tail 2 -f web", "the last two lines and whatever comes"),
        ("pypod logs --since 10m web", "the last ten minutes"),
    ),
)

_COLORS = (37, 31, 32, 33, 34, 35, 36)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.containers and args.latest:
        raise InvalidInput("--latest and containers cannot be used together")
    if not args.containers and not args.latest:
        raise InvalidInput("specify at least one container name or ID to log")
    engine = open_engine(ctx)
    table = engine.state.containers
    containers = [table.latest()] if args.latest else [table.find(name) for name in args.containers]
    return show(args, ctx, engine, containers)


def show(args: Args, ctx: Context, engine: Engine, containers: list[Container]) -> int:
    """Print the logs of containers as the options say (also of a pod's)."""
    from ocicore.engine import log_reading
    from ocicore.errors import InvalidInput

    since = until = None
    if args.since or args.until:
        import time

        from ocicore.cli.units import parse_since

        now = time.time_ns()
        since = parse_since(args.since, now) if args.since else None
        until = parse_since(args.until, now, ahead=True) if args.until else None
        if since is not None and until is not None and until < since:
            raise InvalidInput("invalid value for --until: must be after --since")
    if not containers:
        return 0
    sources = [
        log_reading.lines(engine, container, tail=args.tail, since=since, until=until, follow=args.follow)
        for container in containers
    ]
    prefixes = [
        _prefix(args, index, c.name if args.names else c.id[:12]) for index, c in enumerate(containers)
    ]
    terminal = len(containers) == 1 and containers[0].config["runtime"]["terminal"]
    try:
        _copy(args, ctx, sources, prefixes, terminal=terminal)
    finally:
        ctx.stderr_bytes.flush()
    return 0


def _copy(
    args: Args, ctx: Context, sources: list[Iterator[LogLine]], prefixes: list[bytes], *, terminal: bool
) -> None:
    from ocicore.engine import log_reading

    write = _writer(ctx, args.follow)
    if len(sources) > 1:
        for index, line in log_reading.merged(sources):
            write(line, _stamp(args, line) + prefixes[index])
        return
    prefix = prefixes[0] if args.names or args.color else b""
    if not args.timestamps and not prefix:
        for line in sources[0]:
            write(line, b"")
        return
    for line in sources[0]:
        write(line, _stamp(args, line) + prefix if not terminal or args.timestamps or prefix else b"")


def _prefix(args: Args, index: int, name: str) -> bytes:
    text = name
    if args.color:
        text = f"\033[{_COLORS[index % len(_COLORS)]}m{name}\033[0m"
    return text.encode() + b" "


def _stamp(args: Args, line: LogLine) -> bytes:
    if not args.timestamps:
        return b""
    import time

    seconds, fraction = divmod(line.time, 1_000_000_000)
    local = time.localtime(seconds)
    zone = time.strftime("%z", local)
    shown = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{fraction:09d}{shown} ".encode()


def _writer(ctx: Context, follow: bool) -> Callable[[LogLine, bytes], None]:
    """Writes a line to the stream it came from; complete lines at once when following.

    Where both streams are one file, the lines are in it as they were written.
    """
    streams: dict[str, BinaryIO] = {"stdout": ctx.stdout_bytes, "stderr": ctx.stderr_bytes}
    last = streams["stdout"]

    def write(line: LogLine, prefix: bytes) -> None:
        nonlocal last
        stream = streams[line.stream]
        if stream is not last:
            last.flush()
            last = stream
        stream.write(prefix + line.data if prefix else line.data)
        if follow:
            stream.flush()

    return write
