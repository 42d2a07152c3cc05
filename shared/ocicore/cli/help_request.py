"""Answering a command line that asks for help, or names no command: which page it is about, and what that says."""

from __future__ import annotations

from ocicore.cli import bind
from ocicore.cli.declare import Group, Program
from ocicore.cli.pflag import HelpWanted, bare_text, read_options
from ocicore.cli.pflag import index as index_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TextIO

    from ocicore.cli.declare import Option
    from ocicore.cli.help_page import Page


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
    """
    path, group, asked, version = locate(program, argv)
    if version:
        stdout.write(f"{program.name} version {program.version}\n")
        return 0
    page(program, path, environ, leading_options(program, argv)).print(stdout, environ=environ)
    if group and not asked:
        raise bind.UsageError(f"missing command '{' '.join((program.name, *path))} COMMAND'")
    return 0


def table(program: Program, path: Sequence[str]) -> dict[str, Any]:
    """The commands below a path."""
    found: dict[str, Any] = program.commands
    for word in path:
        entry = found[word]
        assert isinstance(entry, Group)
        found = entry.commands
    return found


def root_options(program: Program) -> tuple[Option, ...]:
    """The program's own options, and --version."""
    own = any(option.long == bind.VERSION.long for option in program.options)
    return program.options if own else (bind.VERSION, *program.options)


def page(
    program: Program,
    path: tuple[str, ...],
    environ: Mapping[str, str],
    leading: Iterable[tuple[Option, str]] = (),
) -> Page:
    """The help page of the program (an empty path), of a group or of a command.

    Args:
        leading: global options that were given; what they make pointless is not shown.
    """
    from ocicore.cli.help_page import Page

    typed = " ".join((program.name, *path))
    entry = table(program, path[:-1])[path[-1]] if path else None
    if entry is None or isinstance(entry, Group):
        used = {option.long for option, _ in leading} | {name for name in environ if name.isupper()}
        options = () if path else root_options(program)  # listed once, at the root
        about = program if entry is None else entry
        return Page(
            f"{typed} [options] COMMAND",
            about.description or about.summary,
            options=[option for option in options if used.isdisjoint(option.unless)],
            commands=[
                (name, summary_of(inner))
                for name, inner in table(program, path).items()
                if not is_hidden(inner)
            ],
            help_names=_spelling(program.options),
            aliases=_all_names(path, entry.aliases if entry is not None else ()),
        )
    command = bind.load_command(entry[0])
    defaults: Mapping[str, str] = {}
    if program.help_defaults:
        from ocicore.cli.main import load_function

        found: Callable[..., Any] = load_function(program.help_defaults)
        defaults = found(environ)
    return Page(
        f"{typed} {command.usage()}".rstrip(),
        command.description or command.summary,
        arguments=command.arguments,
        options=command.options,
        examples=command.examples,
        help_names=_spelling((*command.options, *inherited(program, command.options))),
        aliases=_all_names(path, entry[2] if len(entry) > 2 else ()),
        defaults=defaults,
    )


def inherited(program: Program, own: Iterable[Option]) -> list[Option]:
    """The program's options that a command with these options understands, too."""
    shadowed = {name for option in own for name in (option.long, *option.also)}
    return [option for option in program.options if option.long not in shadowed and not option.leading]


def _all_names(path: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return (path[-1], *others) if others else ()


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


def is_hidden(entry: Any) -> bool:
    return entry.hidden if isinstance(entry, Group) else not entry[1]


def summary_of(entry: Any) -> str:
    return str(entry.summary if isinstance(entry, Group) else entry[1])


def help_names(options: Iterable[Option]) -> list[str]:
    """How help is asked for: `-h` may be another option's."""
    return ["--help"] if any(option.short == "h" for option in options) else ["-h", "--help"]


def _spelling(options: Iterable[Option]) -> str:
    return ", ".join(help_names(options))


def leading_options(program: Program, argv: list[str]) -> list[tuple[Option, str]]:
    """The global options before the first command, as far as they can be read."""
    found: list[tuple[Option, str]] = []
    by_long, by_short = index_of((bind.VERSION, *program.options))
    try:
        read_options(by_long, by_short, argv, found, interspersed=False, path=program.name)
    except (bind.UsageError, HelpWanted):
        pass
    return found


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
            raise bind.unknown_command(program, path, word, table)
        name, entry = chosen
        path = (*path, name)
        if not isinstance(entry, Group):
            return path, False, True, False
        table = entry.commands
    return path, True, asked, False
