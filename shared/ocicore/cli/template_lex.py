"""Tokens of a Go template (package text/template/parse): text, and what stands between "{{" and "}}".

Messages are Go's, because users look them up: "unclosed action", "unterminated quoted string", ….
"""

from __future__ import annotations

from ocicore.cli.goformat import quote

KEYWORDS = frozenset(
    ("block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with")
)
_SPACE = " \t\r\n"


class Token:
    """One token.

    Slots:
        kind: "text", "open", "close", "field", "variable", "identifier", a keyword, "bool", "number", "char",
            "string", "space", "end of input", or the punctuation itself ("|", "(", ")", ",", "=", ":=", ".").
        text: as written.
        position, line: offset in the template, and the line of its first character (from 1).
    """

    __slots__ = ("kind", "line", "position", "text")

    def __init__(self, kind: str, text: str, position: int, line: int) -> None:
        self.kind = kind
        self.text = text
        self.position = position
        self.line = line

    def __str__(self) -> str:
        if self.kind == "end of input":
            return "EOF"
        if self.kind in KEYWORDS:
            return f"<{self.text}>"
        if self.kind == "." or len(self.text) > 10:
            return f"<{self.text}>" if self.kind == "." else f"{quote(self.text[:10])}..."
        return quote(self.text)


class LexError(Exception):
    """What is wrong, and in which line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def tokens(source: str) -> list[Token]:
    """All tokens of a template, the last of kind "end of input", or "error" (its text is the message).

    What is wrong further on does not matter when the parser already stumbles over what comes before.
    """
    found: list[Token] = []
    try:
        _scan(source, found)
    except LexError as error:
        found.append(Token("error", str(error), len(source), error.line))
    return found


def _scan(source: str, found: list[Token]) -> None:
    position, line = 0, 1
    length = len(source)
    while True:
        start = source.find("{{", position)
        text = source[position:] if start < 0 else source[position:start]
        trims = (
            start >= 0
            and source[start + 2 : start + 3] == "-"
            and source[start + 3 : start + 4] in tuple(_SPACE)
        )
        shown = text.rstrip(_SPACE) if trims else text
        if shown:
            found.append(Token("text", shown, position, line))
        line += text.count("\n")
        if start < 0:
            found.append(Token("end of input", "", length, line))
            return
        inside = start + (4 if trims else 2)
        if source.startswith("/*", inside):
            end = source.find("*/", inside + 2)
            if end < 0:
                raise LexError("unclosed comment", line)
            line += source.count("\n", start, end)
            position = end + 2
            trims_after, closing = _closing(source, position)
            if not closing:
                raise LexError("comment ends before closing delimiter", line)
            position += closing
        else:
            found.append(Token("open", "{{", start, line))
            position, line, trims_after = _action(source, inside, line, found)
        if trims_after:
            end = position
            while end < length and source[end] in _SPACE:
                end += 1
            line += source.count("\n", position, end)
            position = end


def _closing(source: str, position: int) -> tuple[bool, int]:
    """Whether "}}" (or " -}}") stands here: (trims what follows, length of the delimiter or 0)."""
    if source.startswith("}}", position):
        return False, 2
    if source[position : position + 1] in tuple(_SPACE) and source.startswith("-}}", position + 1):
        return True, 4
    return False, 0


def _action(source: str, position: int, line: int, found: list[Token]) -> tuple[int, int, bool]:
    """The tokens of one action; returns where it ends, the line there and whether it trims what follows."""
    depth = 0
    length = len(source)
    while True:
        trims, closing = _closing(source, position)
        if closing:
            if depth:
                raise LexError("unclosed left paren", line)
            found.append(Token("close", "}}", position + (2 if trims else 0), line))
            return position + closing, line, trims
        if position >= length:
            raise LexError("unclosed action", line)
        start = position
        letter = source[position]
        if letter in _SPACE:
            while position < length and source[position] in _SPACE and not _closing(source, position)[1]:
                position += 1
            found.append(Token("space", source[start:position], start, line))
            line += source.count("\n", start, position)
            continue
        following = source[position + 1 : position + 2]
        if letter in "|(),=":
            depth += (letter == "(") - (letter == ")")
            if depth < 0:
                raise LexError("unexpected right paren", line)
            position += 1
            kind = letter
        elif letter == ":":
            if following != "=":
                raise LexError("expected :=", line)
            position += 2
            kind = ":="
        elif letter in "\"'`":
            position = _quoted(source, position, line)
            kind = "char" if letter == "'" else "string"
        elif letter == "." and not following.isdigit():
            position = _word(source, position + 1)
            kind = "field" if position > start + 1 else "."
            _check_end(source, position, line)
        elif letter == "$":
            position = _word(source, position + 1)
            _check_end(source, position, line)
            kind = "variable"
        elif letter in "+-." or (letter.isdigit() and letter.isascii()):
            position = _number(source, position, line)
            kind = "number"
        elif letter.isalnum() or letter == "_":
            position = _word(source, position)
            _check_end(source, position, line)
            word = source[start:position]
            kind = word if word in KEYWORDS else "bool" if word in ("true", "false") else "identifier"
        elif letter.isascii() and letter.isprintable():
            position += 1
            kind = "punctuation"
        else:
            raise LexError(f"unrecognized character in action: {_unicode(letter)}", line)
        found.append(Token(kind, source[start:position], start, line))
        line += source.count("\n", start, position)


def _word(source: str, position: int) -> int:
    while position < len(source) and (source[position].isalnum() or source[position] == "_"):
        position += 1
    return position


def _check_end(source: str, position: int, line: int) -> None:
    """A word must be followed by something that can end it."""
    letter = source[position : position + 1]
    if (
        letter in ("", ".", ",", "|", ":", ")", "(", "=")
        or letter in _SPACE
        or source.startswith("}}", position)
    ):
        return
    raise LexError(f"bad character {_unicode(letter)}", line)


def _unicode(letter: str) -> str:
    """Go's %#U."""
    shown = f" '{letter}'" if letter.isprintable() else ""
    return f"U+{ord(letter):04X}{shown}"


def _quoted(source: str, position: int, line: int) -> int:
    """Where a quoted token that opens here ends."""
    delimiter = source[position]
    names = {'"': "quoted string", "'": "character constant", "`": "raw quoted string"}
    end = position + 1
    while True:
        letter = source[end : end + 1]
        if letter == "\\" and delimiter != "`" and source[end + 1 : end + 2] not in ("", "\n"):
            end += 2
        elif letter == "" or (letter == "\n" and delimiter != "`"):
            raise LexError(f"unterminated {names[delimiter]}", line)
        elif letter == delimiter:
            return end + 1
        else:
            end += 1


def _number(source: str, position: int, line: int) -> int:
    """Where a number that starts here ends."""
    start = position
    length = len(source)

    def accept(letters: str) -> None:
        nonlocal position
        while position < length and source[position] in letters:
            position += 1

    if source[position] in "+-":
        position += 1
    digits = "0123456789_"
    if source[position : position + 1] == "0":
        position += 1
        mark = source[position : position + 1].lower()
        wider = {"x": "0123456789abcdefABCDEF_", "o": "01234567_", "b": "01_"}.get(mark or "?")
        if wider:
            position += 1
            digits = wider
    accept(digits)
    if source[position : position + 1] == ".":
        position += 1
        accept(digits)
    exponent = "pP" if len(digits) > 16 else "eE" if len(digits) == 11 else ""
    if exponent and source[position : position + 1] and source[position] in exponent:
        position += 1
        if source[position : position + 1] in ("+", "-"):
            position += 1
        accept("0123456789_")
    if position < length and (source[position].isalnum() or source[position] == "_"):
        raise LexError(f"bad number syntax: {quote(source[start : position + 1])}", line)
    if source[start:position] in ("+", "-"):
        raise LexError(f"bad number syntax: {quote(source[start:position])}", line)
    return position


def unquote(literal: str) -> str:
    """The value of a string or character token.

    Raises:
        ValueError: an escape that Go does not know.
    """
    if literal[0] == "`":
        return literal[1:-1].replace("\r", "")
    body = literal[1:-1]
    if "\\" not in body:
        return body
    out = bytearray()
    position = 0
    simple = {
        "a": 7,
        "b": 8,
        "f": 12,
        "n": 10,
        "r": 13,
        "t": 9,
        "v": 11,
        "\\": 92,
        literal[0]: ord(literal[0]),
    }
    while position < len(body):
        letter = body[position]
        position += 1
        if letter != "\\":
            out += letter.encode("utf-8", "surrogateescape")
            continue
        escape = body[position : position + 1]
        position += 1
        widths = {"x": 2, "u": 4, "U": 8}
        if escape in simple:
            out.append(simple[escape])
        elif escape in widths:
            digits = body[position : position + widths[escape]]
            position += widths[escape]
            if len(digits) != widths[escape]:
                raise ValueError("invalid syntax")
            code = int(digits, 16)
            out += bytes((code,)) if escape == "x" else chr(code).encode()
        elif escape and escape in "01234567":
            digits = body[position - 1 : position + 2]
            position += 2
            code = int(digits, 8)
            if len(digits) != 3 or code > 255:
                raise ValueError("invalid syntax")
            out.append(code)
        else:
            raise ValueError("invalid syntax")
    return out.decode("utf-8", "surrogateescape")
