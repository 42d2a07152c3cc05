"""Command lines and word lists in unit files: systemd.service(5) "COMMAND LINES", systemd.syntax(7) "QUOTING".

Splitting follows systemd's extract_first_word() with unquoting and C unescaping; `%` (specifiers) and `$` (variables)
are layers of their own on top, undone by `literal`.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

_WHITESPACE = " \t\n\r"
_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34, "'": 39, "s": 32}
_NAMED = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


class QuotingError(InvalidInput):
    """A line that systemd would not split; the message says what is wrong with it."""


def quote(text: str, *, specifiers: bool = True, variables: bool = True) -> str:
    """One argument of ExecStart= and the like that arrives exactly as `text`.

    Args:
        specifiers: write "%" as "%%"; False when specifiers in `text` are meant to be expanded.
        variables: write "$" as "$$"; only command lines need it.

    Raises:
        QuotingError: the text holds a NUL, which no argument can.
    """
    if text != ";" and _is_plain(text):
        if specifiers:
            text = text.replace("%", "%%")
        return text.replace("$", "$$") if variables else text
    if "\0" in text:
        raise QuotingError("an argument of a command cannot hold a NUL character")
    if specifiers:
        text = text.replace("%", "%%")
    if variables:
        text = text.replace("$", "$$")
    if text and text != ";" and not any(_needs_quotes(letter) for letter in text):
        # A backslash means the same inside quotes and outside.
        return text.replace("\\", "\\\\")
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _is_plain(text: str) -> bool:
    """Whether a text is one word as it stands (the ordinary case, told without looking at every letter)."""
    return (
        text != ""
        and text.isascii()
        and text.isprintable()
        and " " not in text
        and '"' not in text
        and "'" not in text
        and "\\" not in text
    )


def _needs_quotes(letter: str) -> bool:
    return letter in " \t\"'" or letter < " " or letter == "\x7f" or "\ud800" <= letter <= "\udfff"


def _escaped(letter: str) -> str:
    """A character inside double quotes."""
    if letter in '"\\':
        return "\\" + letter
    if letter in _NAMED:
        return _NAMED[letter]
    if letter < " " or letter == "\x7f":
        return f"\\x{ord(letter):02x}"
    if "\udc80" <= letter <= "\udcff":  # a byte that is no UTF-8; unit files must be UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter


def quote_value(text: str, *, specifiers: bool = True) -> str:
    """One assignment of Environment= ("KEY=VALUE"): quoted as an argument, but "$" means itself there."""
    return quote(text, specifiers=specifiers, variables=False)


def join(words: list[str], *, specifiers: bool = True, variables: bool = True) -> str:
    """A command line of these arguments."""
    return " ".join(quote(word, specifiers=specifiers, variables=variables) for word in words)


def split(line: str, *, relaxed: bool = False, keep_escapes: bool = False) -> list[str]:
    """Words of a line: quotes removed, escapes resolved; `%` and `$` are left as they stand.

    Args:
        relaxed: keep an unknown escape and accept a missing closing quote, as systemd does for lists of names.
        keep_escapes: a backslash is a letter as any other.

    Raises:
        QuotingError: an unclosed quote, an unknown or invalid escape.
    """
    if _is_plain(line.replace(" ", "")):
        return line.split()  # it holds no white space but blanks
    words: list[str] = []
    position, length = 0, len(line)
    while True:
        while position < length and line[position] in _WHITESPACE:
            position += 1
        if position >= length:
            return words
        word, position = _word(line, position, relaxed, keep_escapes)
        words.append(word)


def _word(line: str, position: int, relaxed: bool, keep_escapes: bool) -> tuple[str, int]:
    """The word that starts at `position`, and where it ends."""
    out = bytearray()
    delimiter = ""
    length = len(line)
    while position < length:
        letter = line[position]
        if letter == "\\" and not keep_escapes:
            position += 1
            if position >= length:
                if not relaxed:
                    raise QuotingError("a backslash at the end of the line escapes nothing")
                out += b"\\"
                break
            position = _escape(line, position, out, relaxed)
        elif delimiter:
            position += 1
            if letter == delimiter:
                delimiter = ""
            else:
                out += letter.encode("utf-8", "surrogateescape")
        elif letter in "\"'":
            delimiter = letter
            position += 1
        elif letter in _WHITESPACE:
            break
        else:
            out += letter.encode("utf-8", "surrogateescape")
            position += 1
    if delimiter and not relaxed:
        raise QuotingError(f"a quotation that opens with {delimiter} is not closed")
    return out.decode("utf-8", "surrogateescape"), position


def _escape(line: str, position: int, out: bytearray, relaxed: bool) -> int:
    """Resolves the escape whose letter is at `position`; returns what follows it."""
    letter = line[position]
    if letter in _SIMPLE:
        out.append(_SIMPLE[letter])
        return position + 1
    widths = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}
    if letter in widths:
        width, base = widths[letter]
        digits = line[position + 1 : position + 1 + width]
        end = position + 1 + width
    elif letter in "01234567":
        base = 8
        digits = line[position : position + 3]
        width, end = 3, position + 3
    else:
        digits, width, base, end = "", 1, 10, position + 1
    allowed = "0123456789abcdefABCDEF" if base == 16 else "01234567"
    code = int(digits, base) if len(digits) == width and all(digit in allowed for digit in digits) else -1
    # systemd refuses NUL, octal beyond a byte, and what is no character.
    valid = 0 < code < (0x110000 if letter in "uU" else 256) and not 0xD800 <= code <= 0xDFFF
    if not valid:
        if relaxed:
            out += b"\\" + letter.encode("utf-8", "surrogateescape")
            return position + 1
        raise QuotingError(f"invalid escape \\{line[position:end]}")
    out += chr(code).encode() if letter in "uU" else bytes((code,))
    return end


def literal(word: str) -> str:
    """A word after specifiers and variables, provided it has only the escaped forms "%%" and "$$".

    Raises:
        QuotingError: a real specifier or variable is left.
    """
    out = []
    position = 0
    while position < len(word):
        letter = word[position]
        if letter in "%$":
            if word[position + 1 : position + 2] != letter:
                raise QuotingError(f"{word[position : position + 2]} is expanded when the unit starts")
            position += 1
        out.append(letter)
        position += 1
    return "".join(out)
