"""Commands of a program that exists only for tests: every kind of option, and handlers that show what arrived."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ocicore.cli.bind import Args
from ocicore.cli.context import Context
from ocicore.cli.declare import Argument, Command, Group, Option, Program
from ocicore.errors import Error, NotFound

RUN = Command(
    "Run a command in a new container",
    options=(
        Option("rm", help="Remove the container when it ends"),
        Option("interactive", "i", help="Keep standard input open"),
        Option("tty", "t", help="Allocate a terminal"),
        Option("detach", "d", help="Run in the background"),
        Option("env", "e", kind="stringArray", metavar="KEY=VALUE", help="Set a variable"),
        Option("publish", "p", kind="strings", help="Publish a port"),
        Option("name", kind="string", help="Name of the container"),
        Option("pull", kind="string", default="missing", bare="always", help="When to pull [always|never]"),
        Option("hostname", "h", kind="string", help="Host name"),
        Option("network", kind="stringArray", also=("net",), help="Networks"),
        Option("memory", "m", kind="string", help="Memory limit"),
        Option("cpus", kind="float", group="Resources", help="Number of processors"),
        Option("secret-thing", hidden=True),
        Option("when", kind="string", completer="=always never :file", help="When"),
        Option("share", kind="strings", completer="=ipc net uts", help="What is shared"),
        Option(
            "filter",
            kind="stringArray",
            completer="=status= status=running status=exited pod:one pod:two",
            help="Which ones",
        ),
        Option("broken", kind="string", completer="unit.cli.sample_commands:broken", help="Fails"),
    ),
    arguments=(
        Argument("image", help="Image to run"),
        Argument("command", min=0, max=None, metavar="[COMMAND [ARG...]]", help="What to run"),
    ),
    interspersed=False,
    handler="unit.cli.sample_commands:run",
    examples=(("sample run busybox true", "the smallest container"),),
)

PS = Command(
    "List containers",
    options=(
        Option("all", "a", help="Show all"),
        Option("last", "n", kind="int", default=-1, help="Newest ones"),
        Option("latest", "l"),
        Option("format", kind="string", default="table", env="SAMPLE_FORMAT", help="How to print"),
        Option("sort", kind="choice", choices=("created", "id", "names"), default="created", help="Order"),
        Option("verbose", kind="count", short="v"),
        Option("tls-verify", kind="tristate"),
        Option("interval", kind="duration", default=5_000_000_000),
        Option("layers", kind="ints"),
        Option("size", kind="uint", deprecated="it does nothing"),
        Option("from", kind="path", completer="dir"),
    ),
    exclusive=(("all", "latest", "last"),),
    handler="unit.cli.sample_commands:run",
)

RM = Command(
    "Remove containers",
    options=(Option("all", "a"), Option("force", "f")),
    arguments=(Argument("containers", max=None, completer="unit.cli.sample_commands:names"),),
    lenient_with=("all",),
    too_few="you must provide at least one name or id",
    handler="unit.cli.sample_commands:run",
)

CP = Command(
    "Copy files",
    arguments=(Argument("source"), Argument("destination")),
    handler="unit.cli.sample_commands:run",
)

COPY = Command(
    "Copy into a container",
    arguments=(Argument("container"), Argument("sources", max=None), Argument("destination", min=0)),
    handler="unit.cli.sample_commands:run",
)

FAIL = Command(
    "Fail in many ways",
    arguments=(Argument("how"),),
    handler="unit.cli.sample_commands:fail",
)

_HERE = "unit.cli.sample_commands:"

PROGRAM = Program(
    "sample",
    version="1.2.3",
    summary="A program for tests",
    options=(
        Option("log-level", kind="string", default="warn", help="Messages from this level up"),
        Option("root", kind="path", help="Storage directory"),
        Option("connection", "c", kind="string"),
        Option("debug", "D", hidden=True),
    ),
    commands={
        "run": (_HERE + "RUN", "Run a command in a new container"),
        "ps": (_HERE + "PS", "List containers"),
        "rm": (_HERE + "RM", "Remove containers"),
        "cp": (_HERE + "CP", "Copy files"),
        "copy": (_HERE + "COPY", "Copy into a container"),
        "fail": (_HERE + "FAIL", ""),
        "completion": ("ocicore.cli.completion", "Generate shell completion"),
        "container": Group(
            "Manage containers",
            commands={
                "list": (_HERE + "PS", "List containers", ("ls", "ps")),
                "run": (_HERE + "RUN", "Run a command in a new container"),
            },
        ),
        "buildx": Group("Build", aliases=("builder",), commands={"rm": (_HERE + "RM", "Remove")}),
    },
)


def run(args: Args, ctx: Context) -> int:
    ctx.print(f"{ctx.command_name} {sorted(args.as_dict().items())}")
    return 0


def names(incomplete: str, words: list[str], ctx: Context) -> list[str]:
    assert ctx.globals.root is not None
    return [name for name in ("web\trunning", "worker", "db") if name not in words]


def broken(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    yield incomplete
    if incomplete == "KeyError":
        raise KeyError(incomplete)
    if incomplete == "NotFound":
        raise NotFound("failed")
    raise OSError("failed")


def fail(args: Args, ctx: Context) -> int:
    ctx.print("before")
    if args.how == "error":
        raise NotFound('no container with name or ID "x" found', hint="see `sample ps -a`")
    if args.how == "status":
        raise Error("the command was not found", status=127)
    if args.how == "bug":
        raise KeyError("surprise")
    if args.how == "interrupt":
        raise KeyboardInterrupt
    if args.how == "pipe":
        raise BrokenPipeError
    if args.how == "full":
        raise OSError(28, "No space left on device", "/var/lib/layer")
    if args.how == "nowhere":
        os.getcwd()
    if args.how == "warn":
        ctx.warn('limit "nofile" was clamped')
        ctx.debug("details")
        return 3
    return int(args.how)
