"""Variable expansion in instructions: `$name`, `${name}` and its modifiers, quotes and escapes.

Follows the Dockerfile reference ("Environment replacement") as BuildKit and buildah understand it:
`${v:-w} ${v:+w} ${v:?w}` and their forms without colon, `${v#p} ${v##p} ${v%p} ${v%%p}`,
`${v/p/r} ${v//p/r} ${v/#p/r} ${v/%p/r}`. Patterns are the shell's `*` and `?`; a backslash quotes.
"""

from __future__ import annotations

import re

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")


class ExpansionError(InvalidInput):
    """A word whose quotes, braces or modifiers make no sense, or a required variable that is unset."""


def expand_word(
    word: str,
    variables: Mapping[str, str],
    escape: str = "\\",
    *,
    raw_quotes: bool = False,
) -> str:
    """Expand variables, remove quotes and escapes; the result stays one word.

    Args:
        word: text as written.
        variables: what is defined; anything else expands to nothing.
        escape: the file's escape character.
        raw_quotes: keep quotes and escapes as written (bodies of here-documents).

    Raises:
        ExpansionError: unbalanced quotes or braces, an unknown modifier, `${v:?message}` unset.
    """
    return _Expander(word, variables, escape, raw_quotes).all()[0]


def expand_words(word: str, variables: Mapping[str, str], escape: str = "\\") -> list[str]:
    """Like `expand_word`, but values split into words at unquoted white space (EXPOSE)."""
    return _Expander(word, variables, escape, False).all()[1]


class _Expander:
    def __init__(self, word: str, variables: Mapping[str, str], escape: str, raw: bool) -> None:
        self.text = word
        self.position = 0
        self.variables = variables
        self.escape = escape
        self.raw = raw

    def all(self) -> tuple[str, list[str]]:
        result, words, _ = self.until("")
        return result, words

    def until(self, stops: str) -> tuple[str, list[str], str]:
        """Expand up to (and over) one of the stop characters; the end of text only when there are none."""
        text = self.text
        result: list[str] = []
        words: list[str] = []
        current: list[str] = []
        inside = False
        while self.position < len(text):
            char = text[self.position]
            if char in stops:
                self.position += 1
                if inside:
                    words.append("".join(current))
                return "".join(result), words, char
            if char == "'" and not self.raw:
                piece = self.single_quoted()
                current.append(piece)
                inside = True
            elif char == '"' and not self.raw:
                piece = self.double_quoted()
                current.append(piece)
                inside = True
            elif char == "$":
                piece = self.dollar()
                for index, part in enumerate(re.split(r"(\s+)", piece)):
                    if index % 2:
                        if inside:
                            words.append("".join(current))
                        current, inside = [], False
                    elif part:
                        current.append(part)
                        inside = True
            elif char == self.escape:
                self.position += 1
                if self.position >= len(text):
                    if self.raw:
                        result.append(char)
                    break
                following = text[self.position]
                self.position += 1
                piece = char + following if self.raw and following != "$" else following
                current.append(piece)
                inside = True
            else:
                self.position += 1
                piece = char
                if char.isspace():
                    if inside:
                        words.append("".join(current))
                    current, inside = [], False
                else:
                    current.append(char)
                    inside = True
            result.append(piece)
        if stops:
            raise ExpansionError(f"unexpected end of statement while looking for matching {stops[-1]}")
        if inside:
            words.append("".join(current))
        return "".join(result), words, ""

    def single_quoted(self) -> str:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            raise ExpansionError("unexpected end of statement while looking for matching single-quote")
        piece = self.text[self.position + 1 : end]
        self.position = end + 1
        return piece

    def double_quoted(self) -> str:
        text = self.text
        self.position += 1
        result: list[str] = []
        while self.position < len(text):
            char = text[self.position]
            if char == '"':
                self.position += 1
                return "".join(result)
            if char == "$":
                result.append(self.dollar())
                continue
            self.position += 1
            if char == self.escape:
                if self.position >= len(text):
                    continue
                following = text[self.position]
                if following in ('"', "$", self.escape):
                    char = following
                    self.position += 1
            result.append(char)
        raise ExpansionError("unexpected end of statement while looking for matching double-quote")

    def name(self) -> str:
        match = _NAME.match(self.text, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match.group()

    def dollar(self) -> str:
        text = self.text
        self.position += 1
        if not text.startswith("{", self.position):
            name = self.name()
            return self.variables.get(name, "") if name else "$"
        self.position += 1
        name = self.name()
        if not name:
            raise ExpansionError(f"bad substitution: {text}")
        if self.position >= len(text):
            raise ExpansionError("syntax error: missing '}'")
        modifier = text[self.position]
        self.position += 1
        if modifier == "}":
            return self.variables.get(name, "")
        if modifier in ":+-?":
            return self.conditional(name, modifier)
        if modifier in "#%":
            return self.strip(name, modifier)
        if modifier == "/":
            return self.substitute(name)
        raise ExpansionError(f"unsupported modifier ({modifier}) in substitution: {text}")

    def conditional(self, name: str, modifier: str) -> str:
        value = self.variables.get(name)
        if modifier == ":":
            if self.position >= len(self.text):
                raise ExpansionError("syntax error: missing '}'")
            modifier = self.text[self.position]
            self.position += 1
            given = bool(value)
        else:
            given = value is not None
        if modifier not in "+-?":
            raise ExpansionError(f"unsupported modifier (:{modifier}) in substitution: {self.text}")
        word = self.until("}")[0]
        if modifier == "+":
            return word if given else ""
        if given:
            return value or ""
        if modifier == "-":
            return word
        raise ExpansionError(f"{name}: {word or 'not allowed to be unset'}")

    def pattern(self, stops: str) -> tuple[str, str]:
        """Read a pattern up to a stop character: a regular expression without anchors, and the stop."""
        text = self.text
        result: list[str] = []
        while self.position < len(text):
            char = text[self.position]
            if char in stops:
                self.position += 1
                return "".join(result), char
            if char == "$":
                result.append(_glob_expression(self.dollar()))
                continue
            self.position += 1
            if char == self.escape and self.position < len(text):
                result.append(re.escape(text[self.position]))
                self.position += 1
            elif char == "*":
                result.append(".*")
            elif char == "?":
                result.append(".")
            elif char in "'\"":
                end = text.find(char, self.position)
                if end < 0:
                    raise ExpansionError(f"unexpected end of statement while looking for matching {char}")
                result.append(re.escape(text[self.position : end]))
                self.position = end + 1
            else:
                result.append(re.escape(char))
        raise ExpansionError("syntax error: missing '}'")

    def strip(self, name: str, side: str) -> str:
        greedy = self.text.startswith(side, self.position)
        if greedy:
            self.position += 1
        expression = self.pattern("}")[0]
        value = self.variables.get(name, "")
        matches = re.compile(expression, re.DOTALL).fullmatch
        lengths = range(len(value), -1, -1) if greedy else range(len(value) + 1)
        for length in lengths:
            if side == "#" and matches(value, 0, length):
                return value[length:]
            if side == "%" and matches(value, len(value) - length):
                return value[: len(value) - length]
        return value

    def substitute(self, name: str) -> str:
        where = ""
        if self.position < len(self.text) and self.text[self.position] in "/#%":
            where = self.text[self.position]
            self.position += 1
        expression, stop = self.pattern("/}")
        if expression == "":
            raise ExpansionError(f"{name}/: no pattern to replace")
        replacement = self.until("}")[0] if stop == "/" else ""
        value = self.variables.get(name, "")
        if where == "#":
            return re.sub(rf"\A(?:{expression})", lambda _: replacement, value, count=1, flags=re.DOTALL)
        if where == "%":
            return re.sub(rf"(?:{expression})\Z", lambda _: replacement, value, count=1, flags=re.DOTALL)
        return re.sub(
            expression, lambda _: replacement, value, count=0 if where == "/" else 1, flags=re.DOTALL
        )


def _glob_expression(text: str) -> str:
    return "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in text)
