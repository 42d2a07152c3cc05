"""Running a parsed template (package text/template/exec) over Python data.

The tree is compiled to closures once, since `ps` and `images` run one template over a thousand rows.
"""

from __future__ import annotations

from ocicore.cli.godata import CallError, Missing, TemplateError, is_struct, type_name
from ocicore.cli.goformat import format_value
from ocicore.cli.template_access import check_kind, get_field
from ocicore.cli.template_funcs import Function, truth
from ocicore.cli.template_parse import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    #: Evaluates an expression for the value of the dot.
    Value = Callable[[object], object]
    #: Executes statements for the value of the dot.
    Action = Callable[[object], None]

#: "There is no value piped into this command".
_NOTHING = Missing("final")
#: Templates may invoke each other this deep (Go: 100,000; Python's own limit is lower).
_MAX_DEPTH = 100


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Executor:
    """One template made ready to run.

    Args:
        source, name: text and name, for messages.
        body, definitions: from `template_parse.Parser`.
        functions: what identifiers may name.
    """

    def __init__(
        self,
        source: str,
        name: str,
        body: list[Node],
        definitions: dict[str, list[Node]],
        functions: dict[str, Function],
    ) -> None:
        self.source = source
        self.name = name
        self.functions = functions
        self.out: list[str] = []
        self.variables: list[list[Any]] = []
        self.running = name
        self.depth = 0
        self.templates: dict[str, Action] = {}
        for other, nodes in definitions.items():
            self.templates[other] = self.body(nodes)
        self.main = self.body(body)

    def execute(self, data: object) -> str:
        """The template's output for `data`.

        Raises:
            TemplateError: the template does not fit the data; what was produced before is in `out`.
        """
        self.out = []
        self.variables = [["$", data]]
        self.running = self.name
        self.main(data)
        return "".join(self.out)

    def error(self, node: Node, message: str) -> TemplateError:
        before = self.source[: node.position]
        line = before.count("\n") + 1
        column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "surrogateescape"))
        place = f'template: {self.name}:{line}:{column}: executing "{self.running}" at <{node.text}>'
        return TemplateError(f"{place}: {message}")

    # statements

    def body(self, nodes: list[Node]) -> Action:
        actions = [self.statement(node) for node in nodes]
        if len(actions) == 1:
            return actions[0]

        def run(dot: object) -> None:
            for action in actions:
                action(dot)

        return run

    def statement(self, node: Node) -> Action:
        return getattr(self, f"_{node.kind}")(node)  # type: ignore[no-any-return]

    def _text(self, node: Node) -> Action:
        text = str(node.parts[0])
        return lambda dot: self.out.append(text)

    def _action(self, node: Node) -> Action:
        pipe = node.parts[0]
        assert isinstance(pipe, Node)
        evaluate = self.pipe(pipe)
        if pipe.parts[0]:  # a declaration prints nothing
            return lambda dot: (evaluate(dot), None)[1]

        def run(dot: object) -> None:
            value = evaluate(dot)
            if callable(value) and not isinstance(value, type):
                raise self.error(pipe, f"can't print {pipe.text} of type {type_name(value)}")
            self.out.append(value if type(value) is str else format_value(value))

        return run

    def _if(self, node: Node) -> Action:
        return self._conditional(node, rebinds=False)

    def _with(self, node: Node) -> Action:
        return self._conditional(node, rebinds=True)

    def _conditional(self, node: Node, *, rebinds: bool) -> Action:
        pipe, body, otherwise = node.parts
        assert isinstance(pipe, Node) and isinstance(body, list)
        evaluate, then = self.pipe(pipe), self.body(body)
        els = self.body(otherwise) if isinstance(otherwise, list) else None

        def run(dot: object) -> None:
            mark = len(self.variables)
            value = evaluate(dot)
            if truth(value):
                then(value if rebinds else dot)
            elif els is not None:
                els(dot)
            del self.variables[mark:]

        return run

    def _range(self, node: Node) -> Action:
        pipe, body, otherwise = node.parts
        assert isinstance(pipe, Node) and isinstance(body, list)
        names, assigns, _ = pipe.parts
        assert isinstance(names, list)
        evaluate, each = self.pipe(pipe, declares=False), self.body(body)
        els = self.body(otherwise) if isinstance(otherwise, list) else None

        def run(dot: object) -> None:
            mark = len(self.variables)
            pairs = self._pairs(pipe, evaluate(dot))
            if not pairs:
                if els is not None:
                    els(dot)
                return
            if names and not assigns:
                self.variables += [[name, None] for name in names]
            inner = len(self.variables)
            for key, item in pairs:
                values = (item,) if len(names) == 1 else (key, item)
                for name, value in zip(names, values, strict=False):
                    self._slot(name)[1] = value
                try:
                    each(item)
                except _Break:
                    break
                except _Continue:
                    pass
                finally:
                    del self.variables[inner:]
            del self.variables[mark:]

        return run

    def _pairs(self, pipe: Node, value: object) -> list[tuple[object, object]]:
        """What {{range}} goes over: (index or key, element) pairs."""
        if value is None or isinstance(value, Missing):
            return []
        if isinstance(value, list | tuple):
            return list(enumerate(value))
        if isinstance(value, dict) and not is_struct(value):
            return [(key, value[key]) for key in sorted(value, key=str)]
        if isinstance(value, int) and not isinstance(value, bool):
            return [(number, number) for number in range(value)]
        raise self.error(_last_operand(pipe), f"range can't iterate over {format_value(value)}")

    def _break(self, node: Node) -> Action:
        def run(dot: object) -> None:
            raise _Break

        return run

    def _continue(self, node: Node) -> Action:
        def run(dot: object) -> None:
            raise _Continue

        return run

    def _template(self, node: Node) -> Action:
        name, pipe = node.parts
        evaluate = self.pipe(pipe) if isinstance(pipe, Node) else None

        def run(dot: object) -> None:
            action = self.templates.get(str(name))
            if action is None:
                raise self.error(node, f'template "{name}" not defined')
            if self.depth >= _MAX_DEPTH:
                raise self.error(node, f"exceeded maximum template depth ({_MAX_DEPTH})")
            data = evaluate(dot) if evaluate else None
            saved = self.variables, self.running
            self.variables, self.running = [["$", data]], str(name)
            self.depth += 1
            action(data)
            self.depth -= 1
            self.variables, self.running = saved

        return run

    # expressions

    def _slot(self, name: str) -> list[Any]:
        slot: list[Any]
        for slot in reversed(self.variables):
            if slot[0] == name:
                return slot
        raise AssertionError(f"undefined variable {name}")  # the parser has checked

    def pipe(self, node: Node, *, declares: bool = True) -> Value:
        names, assigns, commands = node.parts
        assert isinstance(names, list) and isinstance(commands, list)
        steps = [self.command(command) for command in commands]
        if len(steps) == 1 and not (names and declares):
            only = steps[0]
            return lambda dot: only(dot, _NOTHING)

        def evaluate(dot: object) -> object:
            value: object = _NOTHING
            for step in steps:
                value = step(dot, value)
            if declares:
                for name in names:
                    if assigns:
                        self._slot(name)[1] = value
                    else:
                        self.variables.append([name, value])
            return value

        return evaluate

    def command(self, node: Node) -> Callable[[object, object], object]:
        """A command; called with the dot and the value piped into it (or `_NOTHING`)."""
        operands = node.parts[0]
        assert isinstance(operands, list)
        first: Node = operands[0]
        if first.kind == "function":
            return self._invocation(node, first, operands[1:])
        arguments = [self.operand(operand) for operand in operands[1:]]
        if first.kind in ("field", "variable", "chain"):
            return self._access(first, arguments)
        if first.kind == "pipe":
            inner = self.pipe(first)

            def parenthesized(dot: object, final: object) -> object:
                if arguments or final is not _NOTHING:
                    raise self.error(first, f"can't give argument to non-function {first.text}")
                return inner(dot)

            return parenthesized
        constant = self.operand(first)

        def evaluate(dot: object, final: object) -> object:
            if arguments or final is not _NOTHING:
                raise self.error(first, f"can't give argument to non-function {first.text}")
            if first.kind == "nil":
                raise self.error(first, "nil is not a command")
            return constant(dot)

        return evaluate

    def operand(self, node: Node) -> Value:
        """An argument."""
        if node.kind == "dot":
            return lambda dot: dot
        if node.kind in ("bool", "number", "string"):
            value = node.parts[0]
            return lambda dot: value
        if node.kind == "nil":
            return lambda dot: None
        if node.kind == "pipe":
            return self.pipe(node)
        if node.kind == "function":
            call = self._invocation(node, node, [])
            return lambda dot: call(dot, _NOTHING)
        access = self._access(node, [])
        return lambda dot: access(dot, _NOTHING)

    def _access(self, node: Node, arguments: list[Value]) -> Callable[[object, object], object]:
        """Fields of the dot, of a variable or of a parenthesized value; the last one may take arguments."""
        base: Value
        if node.kind == "field":
            names = list(node.parts[0])  # type: ignore[call-overload]
            if len(names) == 1 and not arguments:
                name = names[0]
                return lambda dot, final: self.field(node, dot, name, () if final is _NOTHING else (final,))
            base = lambda dot: dot  # noqa: E731
        elif node.kind == "variable":
            variable = str(node.parts[0])
            names = list(node.parts[1])  # type: ignore[call-overload]
            base = lambda dot: self._slot(variable)[1]  # noqa: E731
        else:
            inner = node.parts[0]
            assert isinstance(inner, Node)
            if inner.kind == "nil":
                raise self.error(node, f"nil is not a command in {node.text}")
            names = list(node.parts[1])  # type: ignore[call-overload]
            base = self.operand(inner)

        def evaluate(dot: object, final: object) -> object:
            value = base(dot)
            given = [argument(dot) for argument in arguments]
            if final is not _NOTHING:
                given.append(final)
            if not names:
                if given:
                    raise self.error(node, f"can't give argument to non-function {node.text}")
                return value
            for name in names[:-1]:
                value = self.field(node, value, name, ())
            return self.field(node, value, names[-1], tuple(given))

        return evaluate

    def field(self, node: Node, receiver: object, name: str, arguments: tuple[object, ...]) -> object:
        """One field or method of a value."""
        try:
            return get_field(receiver, name, arguments)
        except CallError as error:
            raise self.error(node, str(error)) from None

    def _invocation(
        self, node: Node, identifier: Node, operands: list[Node]
    ) -> Callable[[object, object], object]:
        """A call of a function; `node` is what messages quote."""
        name = str(identifier.parts[0])
        function = self.functions[name]
        arguments = [self.operand(operand) for operand in operands]
        if name in ("and", "or"):
            return self._junction(identifier, name, arguments)

        kinds = (*function.kinds, *[""] * (len(arguments) + 1))

        def evaluate(dot: object, final: object) -> object:
            count = len(arguments) + (final is not _NOTHING)
            if count < function.least or (function.most is not None and count > function.most):
                least = "at least " if function.most is None else ""
                raise self.error(
                    identifier, f"wrong number of args for {name}: want {least}{function.least} got {count}"
                )
            values = []
            for index, argument in enumerate(arguments):
                value = argument(dot)
                if kinds[index]:
                    self.check(operands[index], kinds[index], value)
                values.append(value)
            if final is not _NOTHING:
                if kinds[len(values)]:
                    self.check(identifier, kinds[len(values)], final)
                values.append(final)
            try:
                return function.call(*values)
            except CallError as error:
                raise self.error(node, f"error calling {name}: {error}") from None

        return evaluate

    def check(self, node: Node, kind: str, value: object) -> None:
        """Whether an argument has the type that the function asks for."""
        try:
            check_kind(kind, value, node.kind, node.text)
        except CallError as error:
            constant = node.kind in ("number", "string", "bool", "nil")
            raise self.error(node if constant else _last_operand(node), str(error)) from None

    def _junction(
        self, identifier: Node, name: str, arguments: list[Value]
    ) -> Callable[[object, object], object]:
        """`and` and `or`, which leave the rest alone once the result is known."""

        def evaluate(dot: object, final: object) -> object:
            if not arguments and final is _NOTHING:
                raise self.error(identifier, f"wrong number of args for {name}: want at least 1 got 0")
            value: object = None
            for argument in arguments:
                value = argument(dot)
                if truth(value) == (name == "or"):
                    return value
            return value if final is _NOTHING else final

        return evaluate


def _last_operand(node: Node) -> Node:
    """The node that was evaluated last, which is what Go names when a whole pipeline is to blame."""
    while node.kind in ("pipe", "command"):
        children = node.parts[2] if node.kind == "pipe" else node.parts[0]
        assert isinstance(children, list)
        node = children[-1]
    return node
