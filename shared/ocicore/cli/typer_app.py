"""The Typer application built from a program's declaration: a second reader of argv, and help pages.

Typer takes ten times as long to import as a help page to draw, so `main` asks `help_request`. The application is
complete, though: `parse` reads any command line through it, and tests hold it against `bind` and `help_request` on
every command.
Only Typer's public interface is used, because what lies below differs between its versions.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ocicore.cli import bind, help_request
from ocicore.cli.declare import Argument, Group, Option, Program
from ocicore.cli.help_request import attach_values, help_names, is_hidden, summary_of
from ocicore.cli.help_text import metavar_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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

    builder: Builder
    path: tuple[str, ...] = ()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.builder.draw(self.path)


class _Group(_PflagMixin, TyperGroup):
    """A node of the tree; its commands are imported when they are chosen, not to be listed."""

    interspersed = False
    builder: Builder
    path: tuple[str, ...] = ()

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name, entry in self.builder.table(self.path).items() if not is_hidden(entry)]

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
        self.builder.draw(self.path)


def _summary_command(name: str, entry: Any) -> Any:
    """What a list of commands needs to know of one."""
    app = typer.Typer(add_completion=False)
    app.command(name, help=summary_of(entry), hidden=is_hidden(entry))(lambda: None)
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
        return help_request.table(self.program, path)

    def draw(self, path: tuple[str, ...]) -> None:
        """The help page of what is at a path, on standard output."""
        help_request.page(self.program, path, self.environ, self.leading).print(sys.stdout)

    def root(self) -> Any:
        """The whole program as a Typer group."""
        program = self.program
        options = help_request.root_options(program)
        return self._group((), options, program.description or program.summary)

    def node(self, path: tuple[str, ...], entry: Any) -> Any:
        """The command or group at a path."""
        if isinstance(entry, Group):
            return self._group(path, self.program.options, entry.description or entry.summary)
        return self.command(path, entry[0])

    def _group(self, path: tuple[str, ...], options: tuple[Option, ...], description: str) -> Any:
        app = typer.Typer(cls=_Group, add_completion=False, help=description)
        app.callback(context_settings={"help_option_names": help_names(options)})(
            self._function(options, (), self._collect_leading)
        )
        # Typer wants at least one command to make a group; ours come from the table.
        app.command("placeholder", hidden=True)(lambda: None)
        group = typer.main.get_command(app)
        assert isinstance(group, _Group)
        group.builder, group.path, group.declared = self, path, options
        group.name = path[-1] if path else self.program.name
        return group

    def _collect_leading(self, ctx: Any, found: list[tuple[Option, str]], words: list[str]) -> None:
        self.leading += found

    def command(self, path: tuple[str, ...], module: str) -> Any:
        """One command, imported now."""
        command = bind.load_command(module)
        shadowed_short = {option.short for option in command.options if option.short}
        inherited = tuple(
            _without_short(option) if option.short in shadowed_short else option
            for option in help_request.inherited(self.program, command.options)
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
            "help_option_names": help_names(options),
            "allow_extra_args": True,
            "allow_interspersed_args": command.interspersed,
        }
        app.command(path[-1], cls=_Command, help=command.summary, context_settings=settings)(
            self._function(options, command.arguments, bound)
        )
        built = typer.main.get_command(app)
        assert isinstance(built, _Command)
        built.builder, built.path = self, path
        built.declared, built.interspersed = options, command.interspersed
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
