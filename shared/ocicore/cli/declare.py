"""What a program's command line looks like, as plain data.

An option is declared once, here. `bind` reads argv from it, `typer_app` builds help and errors, `man` and
`completion` write pages and scripts. Nothing is imported: declaring a command must cost microseconds.

A command is one module of a program. Its declaration is the module constant `COMMAND`, its handler the
function `run` beside it (heavy imports go inside `run`):

    from ocicore.cli.declare import Argument, Command, Option

    COMMAND = Command(
        "List containers",
        description="Prints the running containers; with --all also those that have ended.",
        options=(
            Option("all", "a", help="Show all containers, not only the running ones"),
            Option("filter", "f", kind="stringArray", metavar="KEY=VALUE", help="Keep what matches"),
            Option("format", kind="string", help="Print as JSON, or through a Go template"),
            Option("last", "n", kind="int", default=-1, help="Show the newest N containers"),
        ),
        examples=(("pypod ps -a --format json", "every container, as JSON"),),
    )

    def run(args: Args, ctx: Context) -> int:
        if args.all and not args.given("filter"):
            ctx.stdout.write("...")
        return 0

The program names its commands in a table, so that the root help costs no import at all:

    PROGRAM = Program(
        "pypod",
        version="0.1.0",
        summary="Manage containers, pods and images without a daemon",
        options=(Option("root", kind="path", help="Storage root directory"),),
        commands={
            "ps": ("pypod.commands.container.ps", "List containers"),
            "container": Group(
                "Manage containers",
                commands={"list": ("pypod.commands.container.ps", "List containers", ("ls", "ps"))},
            ),
        },
    )

Conventions: the constant `PROGRAM` lives in `<package>/program.py`; one module may be reached under several
paths (`pypod ps`, `pypod container list`); `ctx.path` holds the path that was used, by its proper names.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal[
        "bool",
        "tristate",
        "count",
        "string",
        "path",
        "choice",
        "int",
        "uint",
        "float",
        "duration",
        "strings",
        "stringArray",
        "ints",
    ]
    #: A table entry: module or "module:CONSTANT", summary ("" hides the command), other names.
    Entry = tuple[str, str] | tuple[str, str, tuple[str, ...]]

#: Kinds whose value is a list; each may be repeated.
LIST_KINDS = frozenset(("strings", "stringArray", "ints"))
#: Kinds that take no value unless one is attached with "=".
FLAG_KINDS = frozenset(("bool", "tristate", "count"))

#: Python's keywords that could be option names, each between blanks.
_KEYWORDS = (
    " and as assert async await break class continue def del elif else except finally for from global if"
    " import in is lambda nonlocal not or pass raise return try while with yield "
)


class Option:
    """One option.

    The value the handler sees, by kind (and its default when `default` is not given):

    bool         bool (False)              `--rm`, `--rm=true`, `--rm=0`
    tristate     bool | None (None)        as bool, but knows whether it was given: `--tls-verify=false`
    count        int (0)                   `-vv`, `-v -v`, `--verbose=3`
    string       str ("")                  any text
    path         str ("")                  as string; completed with file names
    choice       str ("")                  one of `choices`
    int, uint    int (0)                   Go's base prefixes are read: 10, 0x1f, 0o17, 0b1, 017, 1_000
    float        float (0.0)
    duration     int, nanoseconds (0)      "1h30m", "10s", "500ms"
    strings      list[str] ([])            comma lists (CSV quoting), repeatable: `--cap-add a,b --cap-add c`
    stringArray  list[str] ([])            repeatable, never split: `-e A=1,2 -e B`
    ints         list[int] ([])            comma lists of integers, repeatable

    Args:
        long: name without dashes, also the attribute of the handler's arguments with "-" as "_"
            (a Python keyword gets "_" appended: `--from` is `args.from_`).
        short: one letter without a dash, or "".
        default: value when the option is absent; of the type above.
        bare: value (as text) that `--long` alone stands for, for the kinds that otherwise need one
            (`--pull` for `--pull=always`). The value can then only be attached with "=", as with pflag.
        choices: what a `choice` may be; for other kinds only an aid to completion.
        metavar: placeholder in help; derived from the kind when empty.
        also: further long names of the same option, not shown in help.
        hidden: accepted, but neither in help nor completed.
        env: environment variable that gives the value when the option is absent.
        default_text: what help prints as the default when it depends on the host or the configuration.
        group: heading under which help lists it.
        completer: see `Argument`.
        dest: attribute name, when it must differ from the long name.
        deprecated: text of the warning to print when the option is used.
        leading: (global options) allowed only before the command.
        unless: environment variables (upper case) and long names of options whose use hides it from help.
    """

    __slots__ = (
        "also",
        "bare",
        "choices",
        "completer",
        "default",
        "default_text",
        "deprecated",
        "dest",
        "env",
        "group",
        "help",
        "hidden",
        "kind",
        "leading",
        "long",
        "metavar",
        "short",
        "unless",
    )

    def __init__(
        self,
        long: str,
        short: str = "",
        *,
        kind: Kind = "bool",
        default: object = None,
        bare: str | None = None,
        choices: tuple[str, ...] = (),
        help: str = "",
        metavar: str = "",
        also: tuple[str, ...] = (),
        hidden: bool = False,
        env: str = "",
        default_text: str = "",
        group: str = "",
        completer: str = "",
        dest: str = "",
        deprecated: str = "",
        leading: bool = False,
        unless: tuple[str, ...] = (),
    ) -> None:
        self.long = long
        self.short = short
        self.kind = kind
        self.default = default
        self.bare = bare
        self.choices = choices
        self.help = help
        self.metavar = metavar
        self.also = also
        self.hidden = hidden
        self.env = env
        self.default_text = default_text
        self.group = group
        self.completer = completer
        self.dest = dest or attribute_name(long)
        self.deprecated = deprecated
        self.leading = leading
        self.unless = unless

    def takes_value(self) -> bool:
        """Whether the next word of argv is its value when none is attached."""
        return self.bare is None and self.kind not in FLAG_KINDS

    def display(self) -> str:
        """How messages name it: "-n, --last" or "--last"."""
        return f"-{self.short}, --{self.long}" if self.short else f"--{self.long}"


class Argument:
    """One positional argument, or a run of them.

    The handler sees `str` when `max` is 1 (None when absent), else `list[str]`.

    Args:
        name: attribute name; its upper case is the placeholder in usage lines unless `metavar` is given.
        min, max: how many words; `max=None` is any number. Arguments are filled from the left, each as far
            as the minima of those after it allow.
        completer: what completes it: "file", "dir", words that are always the same ("=always never :file"), a function
            "module:function" called as `(incomplete: str, words: list[str], ctx) -> Iterable[str]` (its answers are words,
            maybe with a tab and a description, and ":file", ":dir", ":nospace" for what the shell does: names of files
            where no word fits, no blank after the word), or "" for nothing.
    """

    __slots__ = ("completer", "help", "max", "metavar", "min", "name")

    def __init__(
        self,
        name: str,
        *,
        min: int = 1,
        max: int | None = 1,
        metavar: str = "",
        help: str = "",
        completer: str = "",
    ) -> None:
        self.name = name
        self.min = min
        self.max = max
        self.metavar = metavar
        self.help = help
        self.completer = completer

    def usage(self) -> str:
        """Its part of the usage line: "IMAGE", "[NAME]", "CONTAINER [CONTAINER...]"."""
        if self.metavar:
            return self.metavar
        word = self.name.upper().replace("_", "-")
        if self.max == 1:
            return word if self.min else f"[{word}]"
        return f"{word} [{word}...]" if self.min else f"[{word}...]"


class Command:
    """One command.

    Args:
        summary: one line, no full stop; what lists of commands print.
        description: paragraphs for help and the manual page; the summary when empty.
        options: the command's own options; groups of options are tuples that commands share (`*NETWORK`).
        arguments: positionals, from the left.
        interspersed: False when options end at the first positional (run, create, exec: what follows the
            image belongs to the container).
        handler: "module:function", imported only when the command was chosen; empty means the function
            `run` in the module of the declaration.
        examples: (command line, what it does) pairs.
        statuses: (exit status, meaning) pairs beyond the program's.
        exclusive: sets of long option names of which at most one may be given.
        together: sets of long option names that must be given together or not at all.
        lenient_with: long option names; when one is given, the minimum of positionals does not apply
            (`rm --all`, `stop --latest`).
        no_options_after: message for a word that looks like an option after the first positional, with {} for
            the word; "" lets it be a positional.
        too_few, too_many: message instead of "requires at least 1 arg(s), only received 0" and the like.
        see_also: manual pages.
    """

    __slots__ = (
        "arguments",
        "description",
        "examples",
        "exclusive",
        "handler",
        "interspersed",
        "lenient_with",
        "no_options_after",
        "options",
        "see_also",
        "statuses",
        "summary",
        "together",
        "too_few",
        "too_many",
    )

    def __init__(
        self,
        summary: str,
        *,
        description: str = "",
        options: tuple[Option, ...] = (),
        arguments: tuple[Argument, ...] = (),
        interspersed: bool = True,
        handler: str = "",
        examples: tuple[tuple[str, str], ...] = (),
        statuses: tuple[tuple[int, str], ...] = (),
        exclusive: tuple[tuple[str, ...], ...] = (),
        together: tuple[tuple[str, ...], ...] = (),
        lenient_with: tuple[str, ...] = (),
        no_options_after: str = "",
        too_few: str = "",
        too_many: str = "",
        see_also: tuple[str, ...] = (),
    ) -> None:
        self.summary = summary
        self.description = description
        self.options = options
        self.arguments = arguments
        self.interspersed = interspersed
        self.handler = handler
        self.examples = examples
        self.statuses = statuses
        self.exclusive = exclusive
        self.together = together
        self.lenient_with = lenient_with
        self.no_options_after = no_options_after
        self.too_few = too_few
        self.too_many = too_many
        self.see_also = see_also

    def usage(self) -> str:
        """What follows the command's path in its usage line."""
        words = ["[options]"] if self.options else []
        return " ".join([*words, self.usage_words()] if self.arguments else words)

    def usage_words(self) -> str:
        """The arguments in its usage line."""
        return " ".join(argument.usage() for argument in self.arguments)


class Group:
    """Commands under one name, such as `pypod image`.

    Args:
        summary: one line.
        commands: name -> entry or nested group.
        description: paragraphs for help; the summary when empty.
        aliases: other names of the group (`buildx` is also `builder`).
        hidden: accepted, but not listed.
    """

    __slots__ = ("aliases", "commands", "description", "hidden", "summary")

    def __init__(
        self,
        summary: str,
        *,
        commands: dict[str, Entry | Group],
        description: str = "",
        aliases: tuple[str, ...] = (),
        hidden: bool = False,
    ) -> None:
        self.summary = summary
        self.commands = commands
        self.description = description
        self.aliases = aliases
        self.hidden = hidden


class Program:
    """A whole program.

    Args:
        name: as typed.
        version: printed by `--version` as "NAME version VERSION".
        options: global options; given before the command or (unless the command has one of the same
            name) after it. The handler finds them in `ctx.globals`.
        commands: name -> (module or "module:CONSTANT", summary[, other names]) or `Group`.
            An empty summary hides the command. "module:CONSTANT" is for modules that declare several.
        error_status: exit status of failures that do not bring their own.
        error_style: "podman" prints "Error: message", "buildah" too, without pointing at the help; "logrus" prints `time="…" level=fatal msg="message"`
            (skopeo).
        unknown_level: message for a --log-level that is none, with {} for it; the exit status is then
            `error_status`. "" gives podman's message and status.
        check_globals: "module:function" called as `(global options with their texts, environ)` where a command line is wrong
            or asks for help; it raises for options that must be told about first. `before` does so in the other cases.
        level_notice: --log-level info begins with a line about the level, as podman's does.
        help_defaults: "module:function" called as `(environ)` for a help page; returns default texts by long
            option name where they depend on configuration files, or "".
        before: "module:function" called as `(bound, ctx)` before every handler, or "".
        absent: path of a command that users of other programs may expect -> why there is none.
        groups_help: naming no command, or below a group one that is none, shows help and is no mistake (buildah).
        options_word: what plain help pages call options: "options" or "flags".
        status_of: "module:function" called with an `Error`; its exit status, None for `error_status`. Or "".
    """

    __slots__ = (
        "absent",
        "before",
        "check_globals",
        "commands",
        "description",
        "error_status",
        "error_style",
        "groups_help",
        "help_defaults",
        "level_notice",
        "name",
        "options",
        "options_word",
        "status_of",
        "summary",
        "unknown_level",
        "version",
    )

    def __init__(
        self,
        name: str,
        *,
        version: str,
        summary: str,
        commands: dict[str, Entry | Group],
        options: tuple[Option, ...] = (),
        description: str = "",
        error_status: int = 125,
        error_style: Literal["podman", "buildah", "logrus"] = "podman",
        before: str = "",
        check_globals: str = "",
        status_of: str = "",
        unknown_level: str = "",
        help_defaults: str = "",
        level_notice: bool = True,
        absent: dict[str, str] | None = None,
        groups_help: bool = False,
        options_word: str = "options",
    ) -> None:
        self.name = name
        self.version = version
        self.summary = summary
        self.commands = commands
        self.options = options
        self.description = description
        self.error_status = error_status
        self.error_style = error_style
        self.before = before
        self.check_globals = check_globals
        self.status_of = status_of
        self.unknown_level = unknown_level
        self.help_defaults = help_defaults
        self.level_notice = level_notice
        self.absent = absent or {}
        self.groups_help = groups_help
        self.options_word = options_word


def attribute_name(long: str) -> str:
    """The Python name under which a handler finds an option ("log-level" -> "log_level")."""
    name = long.replace("-", "_")
    return name + "_" if f" {name} " in _KEYWORDS else name
