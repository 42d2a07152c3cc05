"""The Typer application built from a program's declaration: help pages, and a second reader of argv.

It is the cold path: `main` comes here for help and where no command was named. The application is complete,
though: `parse` reads any command line through it, and tests hold it against `bind` on every command.
Only Typer's public interface is used, because what lies below differs between its versions.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ocicore.cli import bind
from ocicore.cli.declare import Argument, Command, Group, Option, Program
from ocicore.cli.help_page import Page
from ocicore.cli.help_text import metavar_of
from ocicore.cli.pflag import bare_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TextIO

#: Parameters of the generated functions are named by position; declared names might not be identifiers.
_OPTION, _ARGUMENT = "option_{}", "argument_{}"


class _PflagMixin:
    """Reads valueless options and clusters as pflag does, before click sees the words."""

    declared: tuple[Option, ...] = ()
    interspersed = True

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta["ocicore.dash_at"] = None
        words, ctx.meta["ocicore.dash_at"] = attach_values(
            self.declared, args, interspersed=self.interspersed
        )
        return super().parse_args(ctx, words)  # type: ignore[misc, no-any-return]


class _Command(_PflagMixin, TyperCommand):
    """A leaf of the tree."""

    command: Command
    aliases: tuple[str, ...] = ()
    options_word = "options"
    #: Called for default texts when the page is drawn.
    defaults: Callable[[], Mapping[str, str]] = dict

    def format_help(self, ctx: Any, formatter: Any) -> None:
        command = self.command
        Page(
            ctx.command_path,
            command.description or command.summary,
            words=command.usage_words(),
            arguments=command.arguments,
            options=command.options,
            examples=command.examples,
            help_names=_help_spelling(self.declared),
            aliases=self.aliases,
            defaults=self.defaults(),
            options_word=self.options_word,
        ).print()


class _Group(_PflagMixin, TyperGroup):
    """A node of the tree; its commands are imported when they are chosen, not to be listed."""

    interspersed = False
    builder: Builder
    path: tuple[str, ...] = ()
    description = ""
    aliases: tuple[str, ...] = ()

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name, entry in self.builder.table(self.path).items() if not _is_hidden(entry)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        chosen = bind.lookup(self.builder.table(self.path), cmd_name)
        return None if chosen is None else _summary_command(*chosen)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str, Any, list[str]]:
        table = self.builder.table(self.path)
        chosen = bind.lookup(table, args[0])
        if chosen is None:
            raise bind.unknown_command(self.builder.program, self.path, args[0], table)
        name, entry = chosen
        return name, self.builder.node((*self.path, name), entry), args[1:]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        table = self.builder.table(self.path)
        Page(
            ctx.command_path,
            self.description,
            words="COMMAND",
            options=() if self.path else self.builder.shown(self.declared),  # listed once, at the root
            commands=[(name, _summary(entry)) for name, entry in table.items() if not _is_hidden(entry)],
            help_names=_help_spelling(self.declared),
            aliases=self.aliases,
            options_word=self.builder.program.options_word,
        ).print()


def attach_values(
    options: Iterable[Option], words: list[str], *, interspersed: bool
) -> tuple[list[str], int | None]:
    """Rewrites words so that every option has its value attached or following.

    `--rm` becomes `--rm=true`, `-it` becomes `--interactive=true --tty=true`, `-n=3` becomes `-n3`; words that
    click understands as they are stay. Returns also how many positionals stood before a "--".
    """
    by_long = {name: option for option in options for name in (option.long, *option.also)}
    by_short = {option.short: option for option in options if option.short}
    out: list[str] = []
    positionals = 0
    pending = iter(words)
    for word in pending:
        if word == "--":
            return [*out, word, *pending], positionals
        if len(word) < 2 or not word.startswith("-"):
            out.append(word)
            positionals += 1
            if not interspersed:
                return [*out, *pending], None
        elif word.startswith("--"):
            option = by_long.get(word[2:])
            out.append(word)
            if option is not None:
                if option.takes_value():
                    out += [value for value in [next(pending, None)] if value is not None]
                else:
                    out[-1] += f"={bare_text(option)}"
        else:
            out += _expand_cluster(word, by_short, pending)
    return out, None


def _expand_cluster(word: str, by_short: Mapping[str, Option], pending: Any) -> list[str]:
    """A cluster of short options as long ones, up to one that takes the rest as its value."""
    out: list[str] = []
    for index, letter in enumerate(word[1:], 1):
        option = by_short.get(letter)
        rest = word[index + 1 :]
        if option is None:
            return [*out, "-" + word[index:]]
        if len(rest) > 1 and rest[0] == "=":
            return [*out, f"--{option.long}={rest[1:]}"]
        if option.takes_value():
            if rest:
                return [*out, f"--{option.long}={rest}"]
            value = next(pending, None)
            return [*out, f"--{option.long}"] + ([] if value is None else [value])
        out.append(f"--{option.long}={bare_text(option)}")
    return out


def _is_hidden(entry: Any) -> bool:
    return entry.hidden if isinstance(entry, Group) else not entry[1]


def _summary(entry: Any) -> str:
    return str(entry.summary if isinstance(entry, Group) else entry[1])


def _summary_command(name: str, entry: Any) -> Any:
    """What a list of commands needs to know of one."""
    app = typer.Typer(add_completion=False)
    app.command(name, help=_summary(entry), hidden=_is_hidden(entry))(lambda: None)
    return typer.main.get_command(app)


class Builder:
    """Makes Typer commands of declared ones.

    Args:
        program: the declaration.
        on_bound: called with what a command line means, in place of the command's work.
    """

    def __init__(
        self, program: Program, on_bound: Callable[[bind.Bound], None], environ: Mapping[str, str]
    ) -> None:
        self.program = program
        self.on_bound = on_bound
        self.environ = environ
        self.leading: list[tuple[Option, str]] = []

    def table(self, path: tuple[str, ...]) -> dict[str, Any]:
        """The commands below a path."""
        table = self.program.commands
        for word in path:
            entry = table[word]
            assert isinstance(entry, Group)
            table = entry.commands
        return table

    def shown(self, options: Iterable[Option]) -> list[Option]:
        """Options without those that others, or the environment, make pointless."""
        used = {option.long for option, _ in self.leading} | {name for name in self.environ if name.isupper()}
        return [option for option in options if used.isdisjoint(option.unless)]

    def root(self) -> Any:
        """The whole program as a Typer group."""
        program = self.program
        own = any(option.long == bind.VERSION.long for option in program.options)
        options = program.options if own else (bind.VERSION, *program.options)
        return self._group((), options, program.description or program.summary)

    def node(self, path: tuple[str, ...], entry: Any) -> Any:
        """The command or group at a path."""
        if isinstance(entry, Group):
            built = self._group(path, self.program.options, entry.description or entry.summary)
            others = entry.aliases
        else:
            built = self.command(path, entry[0])
            others = entry[2] if len(entry) > 2 else ()
        if others:
            built.aliases = (path[-1], *others)
        return built

    def _group(self, path: tuple[str, ...], options: tuple[Option, ...], description: str) -> Any:
        app = typer.Typer(cls=_Group, add_completion=False, help=description)
        app.callback(context_settings={"help_option_names": _help_names(options)})(
            self._function(options, (), self._collect_leading)
        )
        # Typer wants at least one command to make a group; ours come from the table.
        app.command("placeholder", hidden=True)(lambda: None)
        group = typer.main.get_command(app)
        assert isinstance(group, _Group)
        group.builder, group.path, group.declared, group.description = self, path, options, description
        group.name = path[-1] if path else self.program.name
        return group

    def _collect_leading(self, ctx: Any, found: list[tuple[Option, str]], words: list[str]) -> None:
        self.leading += found

    def command(self, path: tuple[str, ...], module: str) -> Any:
        """One command, imported now."""
        command = bind.load_command(module)
        shadowed = {name for option in command.options for name in (option.long, *option.also)}
        shadowed_short = {option.short for option in command.options if option.short}
        inherited = tuple(
            _without_short(option) if option.short in shadowed_short else option
            for option in self.program.options
            if option.long not in shadowed and not option.leading
        )
        options = (*command.options, *inherited)

        def bound(ctx: Any, found: list[tuple[Option, str]], words: list[str]) -> None:
            typed = " ".join((self.program.name, *path))
            own = set(command.options)
            originals = {option.long: option for option in self.program.options}
            shared = self.leading + [(originals[o.long], text) for o, text in found if o not in own]
            mine = [pair for pair in found if pair[0] in own]
            self.on_bound(
                bind.finish(
                    self.program,
                    path,
                    module,
                    command,
                    bind.values_of(command.options, mine, self.environ, typed),
                    bind.values_of(self.program.options, shared, self.environ, typed),
                    words,
                    ctx.meta.get("ocicore.dash_at"),
                )
            )

        app = typer.Typer(add_completion=False)
        settings = {
            "help_option_names": _help_names(options),
            "allow_extra_args": True,
            "allow_interspersed_args": command.interspersed,
        }
        app.command(path[-1], cls=_Command, help=command.summary, context_settings=settings)(
            self._function(options, command.arguments, bound)
        )
        built = typer.main.get_command(app)
        assert isinstance(built, _Command)
        built.declared, built.interspersed, built.command = options, command.interspersed, command
        built.options_word = self.program.options_word
        if self.program.help_defaults:
            from ocicore.cli.main import load_function

            found: Callable[..., Any] = load_function(self.program.help_defaults)
            built.defaults = lambda: found(self.environ)
        return built

    def _function(
        self,
        options: tuple[Option, ...],
        arguments: tuple[Argument, ...],
        work: Callable[[Any, list[tuple[Option, str]], list[str]], None],
    ) -> Callable[..., None]:
        """A function whose signature tells Typer the options; it hands their texts to `work`."""

        def function(ctx: typer.Context, **values: Any) -> None:
            found = [
                (option, text)
                for index, option in enumerate(options)
                for text in values[_OPTION.format(index)] or ()
            ]
            words: list[str] = []
            for index in range(len(arguments)):
                value = values[_ARGUMENT.format(index)]
                words += value if isinstance(value, list) else [] if value is None else [value]
            work(ctx, found, words + list(ctx.args))

        parameters = [inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
        for index, option in enumerate(options):
            annotation: Any = Annotated[list[str] | None, _typer_option(option)]
            parameters.append(_parameter(_OPTION.format(index), annotation))
        for index, argument in enumerate(arguments):
            kind: Any = str | None if argument.max == 1 else list[str] | None
            annotation = Annotated[kind, _typer_argument(argument)]
            parameters.append(_parameter(_ARGUMENT.format(index), annotation))
        function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return function


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=None)


def _typer_option(option: Option) -> Any:
    names = [f"--{option.long}", *(f"--{name}" for name in option.also)]
    if option.short:
        names.append(f"-{option.short}")
    return typer.Option(
        *names, metavar=metavar_of(option), help=option.help, hidden=option.hidden, show_default=False
    )


def _typer_argument(argument: Argument) -> Any:
    return typer.Argument(metavar=argument.usage(), help=argument.help, show_default=False)


def _without_short(option: Option) -> Option:
    return Option(
        option.long, kind=option.kind, bare=option.bare, also=option.also, help=option.help, hidden=True
    )


def _help_names(options: Iterable[Option]) -> list[str]:
    """How help is asked for: `-h` may be another option's."""
    return ["--help"] if any(option.short == "h" for option in options) else ["-h", "--help"]


def _help_spelling(options: Iterable[Option]) -> str:
    return ", ".join(_help_names(options))


def parse(program: Program, argv: list[str], environ: Mapping[str, str]) -> bind.Bound:
    """Reads a command line through Typer.

    Raises:
        UsageError: or one of click's usage errors.
    """
    bound: list[bind.Bound] = []
    Builder(program, bound.append, environ).root().main(
        args=list(argv), prog_name=program.name, standalone_mode=False
    )
    if not bound:
        raise bind.UsageError(f"missing command '{program.name} COMMAND'")
    return bound[0]


def run(
    program: Program,
    argv: list[str],
    environ: Mapping[str, str],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
) -> int:
    """Answers what the binder left: help, the version, or that a command is missing.

    Raises:
        UsageError
        BrokenPipeError: the reader of standard output is gone.
    """
    path, group, asked, version = locate(program, argv)
    builder = Builder(program, lambda bound: None, environ)
    builder.leading = bind.leading_options(program, argv)
    if version:
        stdout.write(f"{program.name} version {program.version}\n")
        return 0
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            builder.root().main(args=[*path, "--help"], prog_name=program.name, standalone_mode=False)
    except SystemExit as error:  # rich's way to leave when its reader is gone
        raise BrokenPipeError from error
    if group and not asked and not program.groups_help:
        raise bind.UsageError(f"missing command '{' '.join((program.name, *path))} COMMAND'")
    return 0


def locate(program: Program, argv: list[str]) -> tuple[tuple[str, ...], bool, bool, bool]:
    """Which command or group argv is about.

    Returns:
        path, whether that is a group, whether help was asked for, whether the version was.

    Raises:
        UsageError: there is no such command.
    """
    table = program.commands
    path: tuple[str, ...] = ()
    options = [bind.VERSION, *program.options]
    words, _ = attach_values(options, argv, interspersed=True)
    asked = False
    takes = {f"--{name}": option for option in options for name in (option.long, *option.also)}
    pending = iter(words)
    for word in pending:
        if word in ("--help", "-h", "--help=true"):
            return path, True, True, False
        if word == "--version=true" and not path:
            return path, True, False, True
        if word.startswith("-"):
            option = takes.get(word)
            if option is not None and option.takes_value():
                next(pending, None)
            continue
        if word == "help" and not path and not asked and "help" not in table:
            asked = True
            continue
        chosen = bind.lookup(table, word)
        if chosen is None:
            if path and program.groups_help:
                break
            raise bind.unknown_command(program, path, word, table)
        name, entry = chosen
        path = (*path, name)
        if not isinstance(entry, Group):
            return path, False, True, False
        table = entry.commands
    return path, True, asked, False
