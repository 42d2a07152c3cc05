"""Words -> options and positionals, as spf13/pflag reads them (podman's library), with its words for mistakes.

`--flag=value`, `--flag value`, `--rm=true`, `-itd`, `-p8080:80`, `-eA=B`, `-n=3`, `--`.
"""

from __future__ import annotations

from ocicore.cli.values import parse_bool, quote
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocicore.cli.declare import Option


class UsageError(Error):
    """argv cannot be understood; `path` is the command whose help would tell more (or "")."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path

    def __str__(self) -> str:
        return f"{self.message}\nSee '{self.path} --help'" if self.path else self.message


class HelpWanted(Exception):
    """argv asks for help; only passed on inside this package."""


def index(options: Iterable[Option]) -> tuple[dict[str, Option], dict[str, Option]]:
    """Options by long and by short name; later ones hide earlier ones of the same name."""
    by_long: dict[str, Option] = {}
    by_short: dict[str, Option] = {}
    for option in options:
        by_long[option.long] = option
        if option.short:
            by_short[option.short] = option
        for name in option.also:
            by_long[name] = option
    return by_long, by_short


def read_options(
    by_long: dict[str, Option],
    by_short: dict[str, Option],
    words: list[str],
    found: list[tuple[Option, str]],
    *,
    interspersed: bool,
    path: str,
) -> tuple[list[str], int | None]:
    """Splits words into options and positionals.

    Args:
        found: receives the options with their texts, also those before a mistake.

    Returns:
        the positionals, and how many of them stood before a "--".

    Raises:
        UsageError: in pflag's words.
        HelpWanted: --help or (where it is not an option of its own) -h.
    """
    positionals: list[str] = []
    position, count = 0, len(words)
    while position < count:
        word = words[position]
        position += 1
        if len(word) < 2 or word[0] != "-":
            positionals.append(word)
            if interspersed:
                continue
            positionals += words[position:]
            break
        if word == "--":
            dash_at = len(positionals)
            positionals += words[position:]
            return positionals, dash_at
        if word[1] == "-":
            name, equals, text = word[2:].partition("=")
            if not name or name[0] == "-":
                raise UsageError(f"bad flag syntax: {word}", path=path)
            option = by_long.get(name)
            if option is None:
                if name == "help":
                    if _wants_help(text if equals else "true", path):
                        raise HelpWanted
                    continue
                raise UsageError(f"unknown flag: --{name}", path=path)
            if not equals:
                if not option.takes_value():
                    text = bare_text(option)
                elif position < count:
                    text = words[position]
                    position += 1
                else:
                    raise UsageError(f"flag needs an argument: --{name}", path=path)
            found.append((option, text))
            continue
        cluster = word[1:]
        while cluster:
            letter = cluster[0]
            option = by_short.get(letter)
            if option is None:
                if letter == "h":
                    raise HelpWanted
                raise UsageError(f"unknown shorthand flag: {_rune(letter)} in -{cluster}", path=path)
            if len(cluster) > 2 and cluster[1] == "=":
                text, cluster_rest = cluster[2:], ""
            elif not option.takes_value():
                text, cluster_rest = bare_text(option), cluster[1:]
            elif len(cluster) > 1:
                text, cluster_rest = cluster[1:], ""
            elif position < count:
                text, cluster_rest = words[position], ""
                position += 1
            else:
                raise UsageError(f"flag needs an argument: {_rune(letter)} in -{cluster}", path=path)
            found.append((option, text))
            cluster = cluster_rest
    return positionals, None


def bare_text(option: Option) -> str:
    """What the option's name alone stands for, as text."""
    if option.bare is not None:
        return option.bare
    return "+1" if option.kind == "count" else "true"


def _rune(letter: str) -> str:
    """A character in Go's single quotes."""
    return "'\\''" if letter == "'" else "'\\\\'" if letter == "\\" else f"'{letter}'"


def _wants_help(text: str, path: str) -> bool:
    """`--help=false` is no request for help, `--help=x` is a mistake."""
    try:
        return parse_bool(text)
    except ValueError as error:
        raise UsageError(f'invalid argument {quote(text)} for "--help" flag: {error}', path=path) from None
