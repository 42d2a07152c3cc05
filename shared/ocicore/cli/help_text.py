"""Words of help pages and manual pages: placeholders and defaults."""

from __future__ import annotations

from ocicore.cli.declare import FLAG_KINDS, LIST_KINDS, Option

_METAVARS = {
    "string": "TEXT",
    "path": "PATH",
    "int": "NUMBER",
    "uint": "NUMBER",
    "float": "NUMBER",
    "duration": "DURATION",
    "strings": "LIST",
    "stringArray": "TEXT",
    "ints": "NUMBERS",
}


def metavar_of(option: Option) -> str:
    """The placeholder of an option's value; empty where it takes none."""
    if option.metavar:
        return option.metavar
    if option.kind in FLAG_KINDS:
        return ""
    if option.choices and len(option.choices) <= 5:
        return "|".join(option.choices)
    return _METAVARS.get(option.kind, "TEXT")


def default_text(option: Option) -> str:
    """The default as help shows it; empty when it is the kind's zero value."""
    if option.default_text:
        return option.default_text
    value = option.default
    if value is None or value is False or value == "" or value == 0 or value == [] or value == ():
        return ""
    if value is True:
        return "true"
    if option.kind == "duration" and isinstance(value, int):
        from ocicore.cli.units import format_duration

        return format_duration(value)
    if option.kind in LIST_KINDS and isinstance(value, list | tuple):
        return ",".join(str(item) for item in value)
    return str(value)
