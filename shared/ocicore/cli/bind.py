"""argv -> the chosen command and its values, in the ordinary case and without Typer.

Finds the command as spf13/cobra does, with global options on either side of it; `pflag` reads the options. What
needs help text or a list of commands is handed over to `typer_app` by returning None; mistakes raise `UsageError`
in podman's words.
"""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Group, Option, attribute_name
from ocicore.cli.pflag import HelpWanted, UsageError, index, read_options
from ocicore.cli.values import convert, default_of, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ocicore.cli.declare import Entry, Program

__all__ = ["Args", "Bound", "UsageError", "bind"]


class Args:
    """Values of one command: `args.log_level`, `args.image`.

    Slots beyond the values:
        positionals: all positional words in order.
        dash_at: how many of them stood before a "--", or None when there was none.
    """

    if TYPE_CHECKING:
        positionals: list[str]
        dash_at: int | None

        def __getattr__(self, name: str) -> Any: ...

    def __init__(
        self, values: dict[str, object], given: Iterable[str], positionals: list[str], dash_at: int | None
    ) -> None:
        self.__dict__.update(values)
        self.positionals = positionals
        self.dash_at = dash_at
        self._given = frozenset(given)

    def given(self, name: str) -> bool:
        """Whether the option (long name, or attribute name) stood on the command line."""
        return attribute_name(name) in self._given

    def given_names(self) -> frozenset[str]:
        """Attribute names of all options that stood on the command line."""
        return self._given

    def set(self, name: str, value: object) -> None:
        """Give an option another value, as another one implies it."""
        self.__dict__[attribute_name(name)] = value

    def as_dict(self) -> dict[str, object]:
        """Every value by attribute name; positional arguments included."""
        return {
            key: value
            for key, value in self.__dict__.items()
            if key not in ("_given", "positionals", "dash_at")
        }


class Bound:
    """A command line that was understood."""

    __slots__ = ("args", "command", "deprecated", "globals", "module", "path", "program")

    def __init__(
        self,
        program: Program,
        path: tuple[str, ...],
        module: str,
        command: Command,
        args: Args,
        globals_: Args,
    ) -> None:
        self.program = program
        self.path = path
        self.module = module
        self.command = command
        self.args = args
        self.globals = globals_
        self.deprecated = [
            option
            for option in (*program.options, *command.options)
            if option.deprecated
            and (option.dest in args.given_names() or option.dest in globals_.given_names())
        ]


#: Every program's `--version`, at the root only.
VERSION = Option("version", "v", help="Print the version and exit")


def bind(program: Program, argv: list[str], environ: Mapping[str, str]) -> Bound | None:
    """Understands argv (without the program's own name), or returns None when Typer has to.

    Raises:
        UsageError: argv is wrong.
    """
    try:
        chosen = choose(program, argv)
        if chosen is None:
            return None
        path, module, leading, rest = chosen
        command = load_command(module)
        return bind_command(program, path, module, command, leading, rest, environ)
    except HelpWanted:
        return None


def choose(
    program: Program, argv: list[str]
) -> tuple[tuple[str, ...], str, list[tuple[Option, str]], list[str]] | None:
    """Follows the words of argv to a command.

    Returns:
        path, module, global options met on the way (with their texts), the words after the command; or None
        when no command was named and help must be shown.

    Raises:
        UsageError: no such command, or a wrong global option.
        HelpWanted: `--help` stands before the command.
    """
    table = program.commands
    path: tuple[str, ...] = ()
    leading: list[tuple[Option, str]] = []
    by_long, by_short = index((VERSION, *program.options))
    rest = argv
    while True:
        typed = " ".join((program.name, *path))
        found: list[tuple[Option, str]] = []
        words, _ = read_options(by_long, by_short, rest, found, interspersed=False, path=typed)
        if not words or any(option is VERSION for option, _ in found):
            return None
        leading += found
        word = words[0]
        chosen = lookup(table, word)
        if chosen is None:
            if word == "help" and not path:
                return None
            # A wrong option is told first, as by cobra, which takes the word for an argument of the program.
            read_options(by_long, by_short, words[1:], found, interspersed=True, path=typed)
            if path and program.groups_help:
                return None
            raise unknown_command(program, path, word, table)
        name, entry = chosen
        rest = words[1:]
        path = (*path, name)
        if not isinstance(entry, Group):
            return path, entry[0], leading, rest
        table = entry.commands
        by_long.pop(VERSION.long, None)


def lookup(table: dict[str, Entry | Group], word: str) -> tuple[str, Entry | Group] | None:
    """The table's entry of that name or alias, with its proper name."""
    entry = table.get(word)
    if entry is not None:
        return word, entry
    for name, entry in table.items():
        if isinstance(entry, Group):
            if word in entry.aliases:
                return name, entry
        elif len(entry) == 3 and word in entry[2]:
            return name, entry
    return None


def load_command(module: str) -> Command:
    """Imports the declaration that a table entry names."""
    name, _, constant = module.partition(":")
    command = getattr(import_module(name), constant or "COMMAND")
    assert isinstance(command, Command), f"{module} is not a Command"
    return command


def import_module(name: str) -> Any:
    __import__(name)
    # sys is built in: this costs nothing, while importlib would be imported for one call.
    import sys

    return sys.modules[name]


def bind_command(
    program: Program,
    path: tuple[str, ...],
    module: str,
    command: Command,
    leading: list[tuple[Option, str]],
    rest: list[str],
    environ: Mapping[str, str],
) -> Bound:
    """Reads the words after the command.

    Raises:
        UsageError, HelpWanted
    """
    typed = " ".join((program.name, *path))
    by_long, by_short = index(
        (*[option for option in program.options if not option.leading], *command.options)
    )
    found: list[tuple[Option, str]] = []
    try:
        words, dash_at = read_options(
            by_long, by_short, rest, found, interspersed=command.interspersed, path=typed
        )
        own = set(command.options)
        shared = leading + [pair for pair in found if pair[0] not in own]
        globals_, given_globals = values_of(program.options, shared, environ, typed)
        values, given = values_of(command.options, [pair for pair in found if pair[0] in own], environ, typed)
    except UsageError:
        # Of several mistakes the first word's is reported, as by a reader that converts while it reads.
        for option, text in found:
            value_of(option, text, typed)
        raise
    return finish(program, path, module, command, (values, given), (globals_, given_globals), words, dash_at)


def finish(
    program: Program,
    path: tuple[str, ...],
    module: str,
    command: Command,
    own: tuple[dict[str, object], set[str]],
    shared: tuple[dict[str, object], set[str]],
    words: list[str],
    dash_at: int | None,
) -> Bound:
    """Checks what concerns the whole line and names the positionals; also used by `typer_app`."""
    values, given = own
    if command.no_options_after and dash_at is None:
        for word in words:
            if len(word) > 1 and word.startswith("-"):
                raise UsageError(command.no_options_after.format(word))
    check_count(program, path, command, given, words)
    for names in command.exclusive:
        used = [name for name in names if attribute_name(name) in given]
        if len(used) > 1:
            raise UsageError(f"--{used[0]} and --{used[1]} cannot be used together")
    for names in command.together:
        used = [name for name in names if attribute_name(name) in given]
        if used and len(used) < len(names):
            missing = next(name for name in names if name not in used)
            raise UsageError(f"--{used[0]} needs --{missing} as well")
    values.update(assign(command.arguments, words))
    args = Args(values, given, words, dash_at)
    return Bound(program, path, module, command, args, Args(shared[0], shared[1], [], None))


def values_of(
    options: Iterable[Option], found: list[tuple[Option, str]], environ: Mapping[str, str], path: str
) -> tuple[dict[str, object], set[str]]:
    """Every option's value by attribute name, and the names of those that were given.

    Raises:
        UsageError: a text is not of the option's kind.
    """
    values: dict[str, object] = {}
    for option in options:
        if option.env:
            text = environ.get(option.env)
            if text:
                try:
                    values[option.dest] = convert(option, text)
                except ValueError as error:
                    raise UsageError(
                        f"invalid value {quote(text)} of the environment variable {option.env}: {error}"
                    ) from None
                continue
        values[option.dest] = default_of(option)
    given: set[str] = set()
    for option, text in found:
        dest = option.dest
        value = value_of(option, text, path)
        if option.kind == "count" and text == "+1":
            previous = values[dest] if dest in given else 0
            value = previous + 1  # type: ignore[operator]
        elif dest in given and isinstance(value, list):
            values[dest] += value  # type: ignore[operator]
            continue
        values[dest] = value
        given.add(dest)
    return values, given


def value_of(option: Option, text: str, path: str) -> object:
    """One text as a value.

    Raises:
        UsageError
    """
    try:
        return convert(option, text)
    except ValueError as error:
        raise UsageError(
            f'invalid argument {quote(text)} for "{option.display()}" flag: {error}', path=path
        ) from None


def check_count(
    program: Program, path: tuple[str, ...], command: Command, given: set[str], words: list[str]
) -> None:
    """Whether the number of positionals is allowed.

    Raises:
        UsageError: in cobra's words, or the command's own.
    """
    count = len(words)
    least = sum(argument.min for argument in command.arguments)
    most: int | None = 0
    for argument in command.arguments:
        most = None if most is None or argument.max is None else most + argument.max
    lenient = any(attribute_name(name) in given for name in command.lenient_with)
    if count < least and not lenient:
        if command.too_few:
            raise UsageError(command.too_few)
    elif most is not None and count > most:
        if command.too_many:
            raise UsageError(command.too_many)
        if most == 0:
            raise UsageError(f"`{' '.join((program.name, *path))}` takes no arguments")
    else:
        return
    if least == most:
        raise UsageError(f"accepts {least} arg(s), received {count}")
    if most is None:
        raise UsageError(f"requires at least {least} arg(s), only received {count}")
    if least == 0 or lenient:
        raise UsageError(f"accepts at most {most} arg(s), received {count}")
    raise UsageError(f"accepts between {least} and {most} arg(s), received {count}")


def assign(arguments: tuple[Argument, ...], words: list[str]) -> dict[str, object]:
    """Positionals by argument name: `str | None` for single ones, `list[str]` for the others."""
    values: dict[str, object] = {}
    position = 0
    later = sum(argument.min for argument in arguments)
    for argument in arguments:
        later -= argument.min
        available = max(len(words) - position - later, min(argument.min, len(words) - position))
        take = available if argument.max is None else min(argument.max, available)
        part = words[position : position + take]
        position += take
        if argument.max == 1:
            values[argument.name] = part[0] if part else None
        else:
            values[argument.name] = part
    return values


def unknown_command(
    program: Program, path: tuple[str, ...], word: str, table: dict[str, Entry | Group]
) -> UsageError:
    """The error for a command that does not exist, with what may have been meant."""
    from ocicore.cli.suggest import similar

    typed = " ".join((program.name, *path))
    reason = program.absent.get(" ".join((*path, word)))
    if reason:
        return UsageError(f"unrecognized command `{typed} {word}`: {reason}")
    # Cobra's own words, where podman has others.
    own = f'unknown command "{word}" for "{typed}"'
    lines = [own if program.groups_help else f"unrecognized command `{typed} {word}`"]
    names = [
        name
        for name, entry in table.items()
        if not (entry.hidden if isinstance(entry, Group) else not entry[1])
    ]
    near = similar(word, names)
    if near:
        lines += ["", "Did you mean this?", *("\t" + name for name in near), ""]
    if program.error_style != "buildah":
        lines.append(f"Try '{typed} --help' for more information")
    return UsageError("\n".join(lines))


def leading_options(program: Program, argv: list[str]) -> list[tuple[Option, str]]:
    """The global options before the first command, as far as they can be read."""
    found: list[tuple[Option, str]] = []
    by_long, by_short = index((VERSION, *program.options))
    try:
        read_options(by_long, by_short, argv, found, interspersed=False, path=program.name)
    except (UsageError, HelpWanted):
        pass
    return found
