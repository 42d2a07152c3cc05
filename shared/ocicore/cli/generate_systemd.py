"""`pypod generate systemd` and `pypod-systemd generate`: one declaration, one way to put units out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ocicore.cli.declare import Argument, Command, Option
from ocicore.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.systemd.generate import Names, Options, Unit

_OPTIONS = (
    Option("after", kind="stringArray", metavar="UNIT", help="Start after this unit"),
    Option(
        "container-prefix",
        kind="string",
        default="container",
        help="First part of the names of containers' units",
    ),
    Option(
        "env", "e", kind="stringArray", metavar="KEY=VALUE", help="Set a variable for the unit's commands"
    ),
    Option("files", "f", help="Write files into the current directory instead of printing"),
    Option("format", kind="string", help='Print the units as "json"', completer="=json"),
    Option("name", "n", help="Use the container's name instead of its id"),
    Option("new", help="Make a new container at every start instead of starting the existing one"),
    Option("no-header", help="Leave out who made the unit and when"),
    Option("pod-prefix", kind="string", default="pod", help="First part of the names of pods' units"),
    Option("requires", kind="stringArray", metavar="UNIT", help="Require this unit"),
    Option(
        "restart-policy",
        kind="string",
        default_text="on-failure",
        help="systemd's Restart= setting",
        completer="=no on-success on-failure on-abnormal on-watchdog on-abort always",
    ),
    Option("restart-sec", kind="uint", help="Seconds to wait before a restart"),
    Option("separator", kind="string", default="-", help="What stands between the prefix and the name"),
    Option("start-timeout", kind="uint", metavar="SECONDS", help="Time allowed for the start"),
    Option(
        "stop-timeout",
        kind="uint",
        also=("time",),
        metavar="SECONDS",
        default_text="the container's",
        help="Time the container has to stop before it is killed",
    ),
    Option("template", help="Make a template unit, whose instances name the container (with --new)"),
    Option("wants", kind="stringArray", metavar="UNIT", help="Want this unit"),
)


#: What podman says each time, and at length in the help; scripts look for its first words.
DEPRECATION = """
DEPRECATED command:
It is recommended to use Quadlets for running containers and pods under systemd.

Please refer to pypod-systemd.unit(5) for details.
"""


def command(program: str, *, deprecated: bool = False, completer: str = "") -> Command:
    """The declaration, with examples in the words of the program; `completer` is that of the object."""
    return Command(
        "[DEPRECATED] Generate systemd units" if deprecated else "Generate systemd units",
        description=(
            ("[DEPRECATED] Generate systemd units for a container or pod.\n\n" if deprecated else "")
            + "Prints a systemd service unit for a container or pod, so that systemd starts, watches and stops it.\n\n"
            "Without --new the unit starts the existing container. With --new every start makes a fresh container "
            "from the command line it was made with; that is the form to choose for services that are updated."
            + (DEPRECATION.rstrip() if deprecated else "")
        ),
        options=_OPTIONS,
        arguments=(
            Argument(
                "container",
                metavar="CONTAINER|POD",
                help="Name or id of the container or pod",
                completer=completer,
            ),
        ),
        examples=(
            (
                f"{program} --new --name web > ~/.config/systemd/user/container-web.service",
                "a user service for the container web",
            ),
            (
                f"{program} --files --name --restart-policy always web",
                "container-web.service in this directory",
            ),
        ),
    )


def run(args: Args, ctx: Context, engine: Engine, names: Names) -> int:
    """Generates and prints the units of `args.container`, which may be a pod.

    Raises:
        Error: no such container or pod, wrong options, a file cannot be written.
    """
    from ocicore.engine.unit_facts import container_facts, pod_facts
    from ocicore.errors import NotFound
    from ocicore.systemd.generate import container_unit, pod_units

    if args.format not in ("", "json"):
        raise InvalidInput(f"unknown --format argument: {args.format}")
    if args.template and args.given("new") and not args.new:
        raise InvalidInput("--template cannot be set with --new=false")
    facts = None
    try:
        facts = container_facts(engine, args.container)
    except NotFound as error:
        try:
            pod = pod_facts(engine, args.container)
        except NotFound as other:
            raise NotFound(f"{error.message}: {other.message}")
    options = unit_options(args, ctx)
    if options.template and not options.new:
        # An instance that started one and the same container would be no instance.
        from dataclasses import replace

        options = replace(options, new=True)
    if facts is not None:
        put_out([container_unit(facts, options, names)], args, ctx)
    else:
        put_out(pod_units(pod, options, names), args, ctx)
    return 0


def unit_options(args: Args, ctx: Context) -> Options:
    """The command's options for the generator.

    Raises:
        InvalidInput: a variable without a name.
    """
    from ocicore.systemd.generate import Options

    return Options(
        new=args.new,
        use_name=args.name,
        template=args.template,
        no_header=args.no_header,
        restart_policy=args.restart_policy if args.given("restart-policy") else None,
        restart_sec=args.restart_sec if args.given("restart-sec") else None,
        start_timeout=args.start_timeout if args.given("start-timeout") else None,
        stop_timeout=args.stop_timeout if args.given("stop-timeout") else None,
        container_prefix=args.container_prefix,
        pod_prefix=args.pod_prefix,
        separator=args.separator,
        wants=tuple(args.wants),
        after=tuple(args.after),
        requires=tuple(args.requires),
        env=tuple(_variables(args.env, ctx.environ)),
    )


def _variables(given: list[str], environ: Mapping[str, str]) -> list[str]:
    """KEY=VALUE by key; of a KEY alone the value is ours, and one we do not have is left out.

    Raises:
        InvalidInput: there is no key.
    """
    found: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not name:
            raise InvalidInput(f'parsing environment variables: invalid variable: "{pair}"')
        if equals:
            found[name] = value
        elif name in environ:
            found[name] = environ[name]
    return [f"{name}={found[name]}" for name in sorted(found)]


def put_out(units: list[Unit], args: Args, ctx: Context) -> None:
    """Prints units, or writes them into the current directory and prints where."""
    shown = {}
    for unit in units:
        for note in unit.notes:
            ctx.warn(note)
        shown[unit.name] = _write(unit) if args.files else unit.text
    if args.format == "json":
        from ocicore.cli.gojson import dumps

        ctx.print(dumps(shown, indent=" "))
    elif args.files:
        for path in shown.values():
            ctx.print(path)
    else:
        ctx.stdout.write("".join(shown.values()))


def _write(unit: Unit) -> str:
    """Writes a unit beside its old version and moves it into place; returns the absolute path."""
    from ocicore.files import atomic

    path = os.path.join(os.getcwd(), unit.file_name)
    atomic.write(path, unit.text.encode("utf-8", "surrogateescape"), mode=0o644)
    return path
