"""Ignore files (.containerignore, .dockerignore) and the patterns of --exclude.

Follows containerignore(5) and moby's patternmatcher: shell patterns relative to the root of the context,
`**` for any number of folders, `!` brings back, the last pattern that matches decides, and what
matches a folder matches everything below it.
"""

from __future__ import annotations

import posixpath
import re

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

IGNORE_FILES = (".containerignore", ".dockerignore")


def parse_ignore_file(text: str) -> list[str]:
    """The patterns of an ignore file: comments and empty lines dropped, paths cleaned, leading slash removed."""
    patterns = []
    for line in text.removeprefix("\ufeff").splitlines():
        if line.startswith("#"):
            continue
        pattern = line.strip()
        negated = pattern.startswith("!")
        if negated:
            pattern = pattern[1:].strip()
        if not pattern:
            continue
        pattern = posixpath.normpath(pattern)
        if len(pattern) > 1:
            pattern = pattern.lstrip("/")
        patterns.append(("!" if negated else "") + pattern)
    return patterns


class IgnorePatterns:
    """Compiled patterns; `excludes` decides one path, `may_hold_included` one excluded folder."""

    __slots__ = ("_rules", "negations")

    def __init__(self, patterns: Iterable[str]) -> None:
        self._rules: list[tuple[bool, re.Pattern[str]]] = []
        #: Cleaned texts of the patterns that bring something back.
        self.negations: list[str] = []
        for pattern in patterns:
            text = pattern.strip()
            negated = text.startswith("!")
            if negated:
                text = text[1:].strip()
                if not text:
                    raise InvalidInput('ignore patterns: illegal exclusion pattern: "!"')
            if not text:
                continue
            text = posixpath.normpath(text)
            if len(text) > 1:
                text = text.lstrip("/")
            if negated:
                self.negations.append(text)
            self._rules.append((negated, _compile(text)))

    def __bool__(self) -> bool:
        return bool(self._rules)

    def excludes(self, path: str) -> bool:
        """Whether the path (relative to the context, `/`-separated, no leading slash) is left out."""
        excluded = False
        parts = path.split("/")
        prefixes = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        for negated, expression in self._rules:
            if excluded == (not negated):
                continue
            if any(expression.fullmatch(prefix) for prefix in prefixes):
                excluded = not negated
        return excluded

    def may_hold_included(self, folder: str) -> bool:
        """Whether an excluded folder can hold something that a `!` pattern brings back.

        As with docker and buildah only patterns count that name the folder itself: `!*/kept` opens no excluded folder.
        """
        return any(text.startswith(folder + "/") for text in self.negations)


def _compile(pattern: str) -> re.Pattern[str]:
    """Translate one cleaned pattern: `*` and `?` stop at slashes, `**` does not, `[…]` is a class."""
    out: list[str] = []
    position = 0
    length = len(pattern)
    while position < length:
        char = pattern[position]
        position += 1
        if char == "*":
            if position < length and pattern[position] == "*":
                position += 1
                if position < length and pattern[position] == "/":
                    position += 1
                    out.append(r"(?:.*/)?")
                else:
                    out.append(".*")
            else:
                out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "\\":
            if position >= length:
                raise InvalidInput(f"ignore patterns: {pattern}: trailing backslash")
            out.append(re.escape(pattern[position]))
            position += 1
        elif char == "[":
            end = position
            if end < length and pattern[end] in "^!":
                end += 1
            end = pattern.find("]", end + 1)
            if end < 0:
                raise InvalidInput(f"ignore patterns: {pattern}: syntax error in pattern: [ without ]")
            body = pattern[position:end]
            if body.startswith("!"):
                body = "^" + body[1:]
            out.append("[" + body.replace("[", r"\[") + "]")
            position = end + 1
        else:
            out.append(re.escape(char))
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error as problem:
        raise InvalidInput(f"ignore patterns: {pattern}: {problem}") from problem


def glob_expression(pattern: str) -> re.Pattern[str]:
    """One path component of a COPY source as a regular expression (Go's filepath.Match rules).

    Raises:
        InvalidInput: malformed character class.
    """
    return _compile(pattern.replace("**", "*"))
