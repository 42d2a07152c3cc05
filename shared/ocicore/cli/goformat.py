"""Text of values as Go's package fmt prints it: `%v` and the verbs of printf."""

from __future__ import annotations

from ocicore.cli.godata import MAP_KEYS, GoMap, Missing, Struct, is_struct, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def quote(text: str, *, ascii_only: bool = False) -> str:
    """A Go string literal in double quotes (strconv.Quote)."""
    return '"' + _escape(text, '"', ascii_only) + '"'


def quote_rune(letter: str) -> str:
    """A Go character literal (strconv.QuoteRune)."""
    return "'" + _escape(letter, "'", False) + "'"


def _escape(text: str, delimiter: str, ascii_only: bool) -> str:
    parts = []
    for letter in text:
        code = ord(letter)
        if letter == delimiter or letter == "\\":
            parts.append("\\" + letter)
        elif letter in _ESCAPES:
            parts.append(_ESCAPES[letter])
        elif 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, smuggled in by surrogateescape
            parts.append(f"\\x{code - 0xDC00:02x}")
        elif code < 0x80:
            parts.append(letter if letter.isprintable() else f"\\x{code:02x}")
        elif letter.isprintable() and not ascii_only:
            parts.append(letter)
        else:
            parts.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return "".join(parts)


def format_value(value: object, *, plus: bool = False, sharp: bool = False, top: bool = True) -> str:
    """The value as `%v` (with `plus` as `%+v`, with `sharp` as `%#v`) prints it."""
    if isinstance(value, str):
        return quote(value) if sharp else str(value)
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return "<nil>"
    if isinstance(value, Missing):
        return "<no value>" if top else "<nil>"
    text = getattr(value, "go_string", None)
    if text is not None:
        return str(text())
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return format_float(value, "g", -1)
    if isinstance(value, bytes):
        return "[" + " ".join(str(byte) for byte in value) + "]"
    if isinstance(value, list | tuple):
        parts = [format_value(item, plus=plus, sharp=sharp, top=False) for item in value]
        return type_name(value) + "{" + ", ".join(parts) + "}" if sharp else "[" + " ".join(parts) + "]"
    if isinstance(value, Struct):
        return _format_fields(dict(value.fields), value.type_name, plus, sharp)
    if isinstance(value, dict):
        if is_struct(value):
            return _format_fields(value, "struct", plus, sharp)
        parts = [
            f"{format_value(key, sharp=sharp, top=False)}:{format_value(value[key], plus=plus, sharp=sharp, top=False)}"
            for key in sorted(value, key=str)
        ]
        return type_name(value) + "{" + ", ".join(parts) + "}" if sharp else "map[" + " ".join(parts) + "]"
    return str(value)


def _format_fields(fields: dict[str, object], name: str, plus: bool, sharp: bool) -> str:
    parts = []
    for key, item in fields.items():
        if key in MAP_KEYS and isinstance(item, dict):
            item = GoMap(item)
        text = format_value(item, plus=plus, sharp=sharp, top=False)
        parts.append(f"{key}:{text}" if plus or sharp else text)
    return name + "{" + ", ".join(parts) + "}" if sharp else "{" + " ".join(parts) + "}"


def format_float(value: float, verb: str, precision: int) -> str:
    """strconv.FormatFloat for the verbs e, E, f, F, g, G; precision -1 is the shortest exact text."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    if precision >= 0 and verb in "eEfF":
        return f"{value:.{precision}{verb}}"
    if precision >= 0:
        # Go's %.3g drops trailing zeros, and so does Python's.
        return f"{value:.{precision or 1}{verb}}"
    digits, exponent = _shortest(abs(value))
    sign = "-" if value < 0 or str(value).startswith("-") else ""
    if verb in "gG":
        scientific = exponent < -4 or exponent >= 6
    else:
        scientific = verb in "eE"
    if scientific:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        letter = "E" if verb in "EG" else "e"
        return f"{sign}{mantissa}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    if len(digits) <= exponent + 1:
        return sign + digits + "0" * (exponent + 1 - len(digits))
    return f"{sign}{digits[: exponent + 1]}.{digits[exponent + 1 :]}"


def _shortest(value: float) -> tuple[str, int]:
    """The fewest digits that read back as `value`, and the decimal exponent of the first."""
    if value == 0:
        return "0", 0
    mantissa, _, exponent = f"{value:.17e}".partition("e")
    for precision in range(17):
        mantissa, _, exponent = f"{value:.{precision}e}".partition("e")
        if float(f"{mantissa}e{exponent}") == value:
            break
    return mantissa.replace(".", "").rstrip("0") or "0", int(exponent)


def sprint(values: Sequence[object]) -> str:
    """fmt.Sprint: blanks only between operands of which neither is a string."""
    parts: list[str] = []
    previous_text = True
    for index, value in enumerate(values):
        is_text = isinstance(value, str)
        if index and not is_text and not previous_text:
            parts.append(" ")
        parts.append(format_value(value, top=False))
        previous_text = is_text
    return "".join(parts)


def sprintln(values: Sequence[object]) -> str:
    """fmt.Sprintln: blanks between all operands, a newline at the end."""
    return " ".join(format_value(value, top=False) for value in values) + "\n"


def sprintf(pattern: str, values: Sequence[object]) -> str:
    """fmt.Sprintf for the verbs v d s q x X t T c U b o e f g p and %, flags, widths, precisions and [n] indexes."""
    out: list[str] = []
    position, used, reordered = 0, 0, False
    length = len(pattern)
    while position < length:
        percent = pattern.find("%", position)
        if percent < 0:
            out.append(pattern[position:])
            break
        out.append(pattern[position:percent])
        position = percent + 1
        flags = ""
        while position < length and pattern[position] in "+-# 0":
            flags += pattern[position]
            position += 1
        bad_index = False

        def argument_index() -> None:
            nonlocal position, used, reordered, bad_index
            if position < length and pattern[position] == "[":
                end = pattern.find("]", position)
                number = pattern[position + 1 : end] if end > 0 else ""
                reordered = True
                if number.isdigit() and 1 <= int(number) <= len(values):
                    used = int(number) - 1
                else:
                    bad_index = True
                position = end + 1 if end > 0 else length

        def number() -> int | None:
            nonlocal position, used
            if position < length and pattern[position] == "*":
                position += 1
                value = values[used] if used < len(values) else None
                used += 1
                return value if isinstance(value, int) and not isinstance(value, bool) else None
            start = position
            while position < length and pattern[position].isdigit():
                position += 1
            return int(pattern[start:position]) if position > start else None

        argument_index()
        width = number()
        if width is not None and width < 0:
            flags, width = flags + "-", -width
        precision: int | None = None
        if position < length and pattern[position] == ".":
            position += 1
            argument_index()
            precision = number() or 0
        argument_index()
        if position >= length:
            out.append("%!(NOVERB)")
            break
        verb = pattern[position]
        position += 1
        if verb == "%":
            out.append("%")
        elif bad_index:
            out.append(f"%!{verb}(BADINDEX)")
        elif used >= len(values):
            out.append(f"%!{verb}(MISSING)")
        else:
            out.append(format_verb(verb, values[used], flags, width, precision))
            used += 1
    if not reordered and used < len(values):
        extra = ", ".join(
            "<nil>"
            if value is None or isinstance(value, Missing)
            else f"{type_name(value)}={format_value(value, top=False)}"
            for value in values[used:]
        )
        out.append(f"%!(EXTRA {extra})")
    return "".join(out)


def format_verb(
    verb: str, value: object, flags: str = "", width: int | None = None, precision: int | None = None
) -> str:
    """One operand under one verb; width and precision apply to each element of a list, map or struct."""
    if isinstance(value, Missing):
        value = None
    if isinstance(value, list | tuple | dict | Struct) and verb != "T" and not (verb == "v" and "#" in flags):
        return _format_container(verb, value, flags, width, precision)
    zero = "0" in flags and "-" not in flags
    text = _verb_text(verb, value, flags, precision)
    if text is None:
        # Go pads the value inside the complaint.
        shown = format_verb("v", value, flags, width, precision)
        return f"%!{verb}({type_name(value)}={shown})"
    if width is None or len(text) >= width or (value is None and verb not in "vT"):
        return text
    if "-" in flags:
        return text.ljust(width)
    if zero and (verb in "dboxXeEfFgG" or (verb == "v" and isinstance(value, int | float))):
        sign = text[:1] if text[:1] in "+-" else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width, "0" if zero and verb in "sqv" else " ")


def _format_container(verb: str, value: object, flags: str, width: int | None, precision: int | None) -> str:
    """Lists, maps and structs: every element under the verb."""

    def element(item: object) -> str:
        return format_verb(verb, item, flags, width, precision)

    if isinstance(value, list | tuple):
        return "[" + " ".join(element(item) for item in value) + "]"
    if isinstance(value, dict) and not is_struct(value):
        pairs = [f"{element(key)}:{element(value[key])}" for key in sorted(value, key=str)]
        return "map[" + " ".join(pairs) + "]"
    fields = value.fields if isinstance(value, Struct) else value
    assert isinstance(fields, dict) or hasattr(fields, "items")
    named = verb == "v" and "+" in flags
    parts = []
    for key, item in fields.items():
        if key in MAP_KEYS and isinstance(item, dict):
            item = GoMap(item)
        parts.append((f"{key}:" if named else "") + element(item))
    return "{" + " ".join(parts) + "}"


def _verb_text(verb: str, value: object, flags: str, precision: int | None) -> str | None:
    """A simple operand without padding; None where the verb does not suit it."""
    if verb == "T":
        return "<nil>" if value is None else type_name(value)
    if verb == "v":
        # Under %v a "+" asks for field names, not for signs.
        blank = flags.replace("+", "")
        if isinstance(value, float) and precision is not None:
            return _signed(format_float(value, "g", precision), blank)
        text = format_value(value, plus="+" in flags, sharp="#" in flags, top=False)
        if isinstance(value, int) and not isinstance(value, bool):
            return _signed(text, blank)
        return text
    if value is None:
        return f"%!{verb}(<nil>)"
    if isinstance(value, bool):
        return format_value(value) if verb == "t" else None
    return _typed(verb, value, flags, precision)


def _typed(verb: str, value: object, flags: str, precision: int | None) -> str | None:
    """Integers, floats and strings under the verbs that suit them; None where the verb does not."""
    own = getattr(value, "go_string", None)
    if own is not None and verb in "sq":
        value = str(own())
    if isinstance(value, str) or (isinstance(value, bytes) and verb in "sqxX"):
        string = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
        if precision is not None and verb in "sq":
            string = string[:precision]
        if verb == "s":
            return string
        if verb == "q":
            return (
                f"`{string}`"
                if "#" in flags and "`" not in string
                else quote(string, ascii_only="+" in flags)
            )
        if verb in "xX":
            data = string.encode("utf-8", "surrogateescape")[:precision]
            joined = data.hex(" ") if " " in flags else data.hex()
            return joined if verb == "x" else joined.upper()
        return None
    if isinstance(value, int):
        if verb == "c":
            return chr(value) if 0 <= value < 0x110000 else "\ufffd"
        if verb == "q":
            return quote_rune(chr(value) if 0 <= value < 0x110000 else "\ufffd")
        if verb == "U":
            shown = (
                f" '{chr(value)}'"
                if "#" in flags and 0 <= value < 0x110000 and chr(value).isprintable()
                else ""
            )
            return f"U+{value:04X}{shown}"
        prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(verb, "") if "#" in flags else ""
        base = {"d": "d", "x": "x", "X": "X", "o": "o", "b": "b"}.get(verb)
        if verb == "O":
            base, prefix = "o", "0o"
        if base is None:
            return None
        digits = format(abs(value), base)
        if precision is not None:
            digits = digits.rjust(precision, "0")
        return _signed(("-" if value < 0 else "") + prefix + digits, flags)
    if isinstance(value, float) and verb in "eEfFgG":
        default = -1 if verb in "gG" else 6
        return _signed(format_float(value, verb, default if precision is None else precision), flags)
    return None


def _signed(text: str, flags: str) -> str:
    if text[:1] in "+-":
        return text if "+" in flags or text[:1] == "-" or "Inf" in text else text[1:]
    return "+" + text if "+" in flags else " " + text if " " in flags else text
