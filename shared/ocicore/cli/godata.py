"""Python data as Go values: what the templates of --format may look at.

Rows and records are dicts, lists, strings, numbers, booleans and None. `Struct` adds what a dict cannot say: a
type's name for error messages, methods, and that a missing key is a mistake. Plain dicts are taken for structs
when their keys look like Go fields (`State`, `NetworkSettings`), else for maps.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class TemplateError(InvalidInput):
    """A template is malformed, or does not fit the data; the text is Go's."""


class CallError(Exception):
    """A field, method or function cannot give what was asked for; the executor adds where that was."""


class Struct:
    """A value with named fields and methods.

    Args:
        fields: what JSON shows and templates see, in order.
        type_name: Go-like name for messages ("containers.psReporter").
        methods: functions that templates see as fields; called with the template's arguments. They hide
            fields of the same name and are not part of the JSON.
        aliases: other names of fields (`Id` for `ID`).
    """

    __slots__ = ("aliases", "fields", "methods", "type_name")

    def __init__(
        self,
        fields: Mapping[str, object],
        *,
        type_name: str = "struct",
        methods: Mapping[str, Callable[..., object]] | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.fields = fields
        self.type_name = type_name
        self.methods = methods or {}
        self.aliases = aliases or {}


class Text(str):
    """A string with methods that templates can call, such as `Created.Format`; see `units.Time`."""

    __slots__ = ()


class Duration(int):
    """Nanoseconds that templates print as Go prints a time.Duration, and JSON as a number."""

    __slots__ = ()

    def go_string(self) -> str:
        """ "1m30s"."""
        from ocicore.cli.units import format_duration

        return format_duration(self)


class Missing:
    """The value of a map's absent key; prints as "<no value>"."""

    __slots__ = ("name",)

    def __init__(self, name: str = "") -> None:
        self.name = name

    def __bool__(self) -> bool:
        return False


#: Keys whose dict is a map whatever its keys look like.
MAP_KEYS = frozenset(
    (
        "Annotations", "Args", "Config.Labels", "Data", "DriverOpts", "Driver", "ExposedPorts", "Labels", "Networks",
        "Options", "PortBindings", "Ports", "Registries", "Storage", "Sysctls", "Tmpfs", "Volumes", "annotations",
        "labels", "registries",
    )
)  # fmt: skip


class GoMap(dict[str, object]):
    """A dict that is a map, whatever its keys look like."""

    __slots__ = ()


def is_struct(value: dict[str, object]) -> bool:
    """Whether a plain dict stands for a Go struct."""
    if not value or isinstance(value, GoMap):
        return False
    return all(isinstance(key, str) and key.isidentifier() and key[0].isupper() for key in value)


def type_name(value: object) -> str:
    """The Go type that `%T` and error messages name."""
    if value is None:
        return "nil"
    if isinstance(value, Struct):
        return value.type_name
    name = getattr(value, "go_type", None)
    if isinstance(name, str):
        return name
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, str):
        return "string"
    if isinstance(value, bytes):
        return "[]uint8"
    if isinstance(value, list | tuple):
        return "[]" + _element_type(list(value))
    if isinstance(value, dict):
        return "struct" if is_struct(value) else "map[string]" + _element_type(list(value.values()))
    return type(value).__name__


def _element_type(values: list[object]) -> str:
    names = {type_name(value) for value in values}
    return names.pop() if len(names) == 1 and "nil" not in names else "interface {}" if values else "string"
