"""Fields, methods and argument types of the values that templates touch, with the messages of Go's reflection."""

from __future__ import annotations

from ocicore.cli.godata import MAP_KEYS, CallError, GoMap, Missing, Struct, is_struct, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def get_field(receiver: object, name: str, arguments: tuple[object, ...]) -> object:
    """A field of a value, or what its method of that name returns.

    Raises:
        CallError: there is no such field, or it takes no such arguments.
    """
    fields: Mapping[str, object]
    if isinstance(receiver, Struct):
        name = receiver.aliases.get(name, name)
        method = receiver.methods.get(name)
        if method is not None:
            return _call(method, name, arguments)
        fields = receiver.fields
    elif isinstance(receiver, dict):
        fields = receiver
    elif receiver is None:
        raise CallError(f"nil pointer evaluating interface {{}}.{name}")
    elif isinstance(receiver, Missing):
        return receiver
    else:
        methods = getattr(receiver, "go_methods", None)
        if methods is not None and name in methods:
            return _call(getattr(receiver, methods[name]), name, arguments)
        raise CallError(f"can't evaluate field {name} in type {type_name(receiver)}")
    if name not in fields:
        if isinstance(receiver, Struct) or is_struct(receiver):
            raise CallError(f"can't evaluate field {name} in type {type_name(receiver)}")
        return Missing(name)
    value = fields[name]
    if callable(value) and not isinstance(value, type):
        return _call(value, name, arguments)
    if arguments:
        raise CallError(f"{name} has arguments but cannot be invoked as function")
    if name in MAP_KEYS and type(value) is dict:
        return GoMap(value)
    return value


def _call(method: Callable[..., object], name: str, arguments: tuple[object, ...]) -> object:
    if not arguments:
        return method()
    count = getattr(getattr(method, "__code__", None), "co_argcount", 0)
    count -= hasattr(method, "__self__")
    if count != len(arguments):
        raise CallError(f"wrong number of args for {name}: want {count} got {len(arguments)}")
    return method(*arguments)


def check_kind(kind: str, value: object, node_kind: str, text: str) -> None:
    """Whether an argument has the Go type that a function asks for.

    Args:
        kind: "string", "int" or "[]string".
        node_kind, text: what the argument is in the template.

    Raises:
        CallError
    """
    fits = {
        "string": isinstance(value, str),
        "int": isinstance(value, int) and not isinstance(value, bool),
        # nil is a slice, too: an empty one
        "[]string": value is None
        or (isinstance(value, list) and all(isinstance(item, str) for item in value)),
    }[kind]
    if fits:
        return
    if node_kind in ("number", "string", "bool"):
        if kind == "[]string":
            raise CallError(f"can't handle {text} for arg of type []string")
        raise CallError(f"expected {'integer' if kind == 'int' else kind}; found {text}")
    if node_kind == "nil":
        raise CallError(f"cannot assign nil to {kind}")
    if value is None or isinstance(value, Missing):
        raise CallError(f"invalid value; expected {kind}")
    raise CallError(f"wrong type for value; expected {kind}; got {type_name(value)}")
