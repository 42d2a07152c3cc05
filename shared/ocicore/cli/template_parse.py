"""The syntax tree of a Go template (package text/template/parse).

Nodes keep the position and the text that Go's error messages quote.
"""

from __future__ import annotations

from ocicore.cli.godata import TemplateError
from ocicore.cli.goformat import quote
from ocicore.cli.template_lex import Token, tokens, unquote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container


class Node:
    """One node.

    Slots:
        kind: see `Parser`.
        position: offset in the template, for error messages.
        text: what error messages quote.
        parts: children or values, by kind.
    """

    __slots__ = ("kind", "parts", "position", "text")

    def __init__(self, kind: str, position: int, text: str, *parts: object) -> None:
        self.kind = kind
        self.position = position
        self.text = text
        self.parts = parts


class Parser:
    """Reads one template.

    Kinds of nodes and their parts:
        text (str) · action (pipe) · if, with (pipe, body, otherwise|None) · range (pipe, body, otherwise|None) ·
        template (name, pipe|None) · break · continue
        pipe (declared names, is_assignment, commands) · command (operands)
        dot · nil · bool (value) · number (value) · string (value) · field (names) · variable (name, names) ·
        function (name) · chain (pipe node, names)
    Bodies are lists of nodes.
    """

    def __init__(self, source: str, name: str, functions: Container[str]) -> None:
        self.source = source
        self.name = name
        self.functions = functions
        self.definitions: dict[str, list[Node]] = {}
        self.variables = ["$"]
        self.loops = 0
        self.tokens = tokens(source)
        self.index = 0

    def parse(self) -> list[Node]:
        """The body of the main template; `{{define}}`s are in `definitions`.

        Raises:
            TemplateError
        """
        body, ender = self.body(top=True)
        if ender:
            raise self.error(f"unexpected {{{{{ender}}}}}")
        return body

    # tokens

    def peek(self) -> Token:
        token = self.tokens[self.index]
        if token.kind == "error":
            raise self.error(token.text, token)
        return token

    def next(self) -> Token:
        token = self.peek()
        if token.kind != "end of input":
            self.index += 1
        return token

    def skip_space(self) -> Token:
        while self.tokens[self.index].kind == "space":
            self.index += 1
        return self.peek()

    def next_solid(self) -> Token:
        self.skip_space()
        return self.next()

    def error(self, message: str, token: Token | None = None) -> TemplateError:
        line = (token or self.tokens[max(self.index - 1, 0)]).line
        return TemplateError(f"template: {self.name}:{line}: {message}")

    def unexpected(self, token: Token, context: str) -> TemplateError:
        return self.error(f"unexpected {token} in {context}", token)

    # structure

    def body(self, *, top: bool = False) -> tuple[list[Node], str]:
        """Nodes up to {{end}} or {{else}} (which is returned), or to the end of input at the top."""
        nodes: list[Node] = []
        while True:
            token = self.next()
            if token.kind == "end of input":
                if top:
                    return nodes, ""
                raise self.error("unexpected EOF", token)
            if token.kind == "text":
                nodes.append(Node("text", token.position, token.text, token.text))
                continue
            start = self.skip_space()
            keyword = start.kind
            if keyword in ("end", "else"):
                self.next()
                if keyword == "end":
                    self.close("end")
                return nodes, keyword
            if keyword in ("if", "with", "range"):
                self.next()
                nodes.append(self.control(keyword, token))
            elif keyword == "define":
                self.next()
                if not top:
                    raise self.unexpected(start, "command")
                self.define()
            elif keyword == "block":
                self.next()
                nodes.append(self.block())
            elif keyword == "template":
                self.next()
                nodes.append(self.invocation())
            elif keyword in ("break", "continue"):
                self.next()
                if not self.loops:
                    raise self.error(f"{{{{{keyword}}}}} outside {{{{range}}}}", start)
                self.close(f"{{{{{keyword}}}}}")
                nodes.append(Node(keyword, token.position, f"{{{{{keyword}}}}}"))
            else:
                pipe = self.pipeline("command", "close")
                nodes.append(Node("action", token.position, f"{{{{{pipe.text}}}}}", pipe))

    def close(self, context: str) -> None:
        token = self.next_solid()
        if token.kind != "close":
            raise self.unexpected(token, context)

    def control(self, keyword: str, opening: Token) -> Node:
        """{{if}}, {{with}} and {{range}}, whose opening word was just read."""
        scope = len(self.variables)
        pipe = self.pipeline(keyword, "close")
        self.loops += keyword == "range"
        body, ender = self.body()
        self.loops -= keyword == "range"
        otherwise: list[Node] | None = None
        if ender == "else":
            following = self.skip_space()
            if following.kind == keyword and keyword in ("if", "with"):
                # {{else if}} is an {{if}} in the else branch that shares our {{end}}.
                self.next()
                otherwise = [self.control(keyword, following)]
            else:
                self.close("else")
                otherwise, ender = self.body()
                if ender == "else":
                    raise self.error("expected end; found {{else}}")
        del self.variables[scope:]
        return Node(keyword, opening.position, f"{{{{{keyword} {pipe.text}}}}}", pipe, body, otherwise)

    def template_name(self, context: str) -> str:
        token = self.next_solid()
        if token.kind != "string":
            raise self.unexpected(token, context)
        return self.string_value(token)

    def define(self) -> None:
        name = self.template_name("define clause")
        self.close("define clause")
        self.definitions[name] = self.inner_body()

    def inner_body(self) -> list[Node]:
        """A body with variables and loops of its own, up to its {{end}}."""
        outer = self.variables, self.loops
        self.variables, self.loops = ["$"], 0
        body, ender = self.body()
        if ender == "else":
            raise self.error("unexpected {{else}}")
        self.variables, self.loops = outer
        return body

    def block(self) -> Node:
        position = self.skip_space().position
        name = self.template_name("block clause")
        pipe = self.pipeline("block clause", "close")
        self.definitions[name] = self.inner_body()
        return Node("template", position, f"{{{{template {quote(name)} {pipe.text}}}}}", name, pipe)

    def invocation(self) -> Node:
        position = self.skip_space().position
        name = self.template_name("template clause")
        pipe = None
        if self.skip_space().kind == "close":
            self.next()
        else:
            pipe = self.pipeline("template clause", "close")
        argument = f" {pipe.text}" if pipe else ""
        return Node("template", position, f"{{{{template {quote(name)}{argument}}}}}", name, pipe)

    # expressions

    def pipeline(self, context: str, closing: str) -> Node:
        """Declarations and commands up to the token of kind `closing`, which is consumed."""
        start = self.skip_space()
        names, assigns = self.declarations(context)
        commands: list[Node] = []
        while True:
            token = self.skip_space()
            if token.kind == closing:
                self.next()
                break
            if token.kind in (
                "bool",
                "char",
                "number",
                "string",
                "nil",
                ".",
                "field",
                "variable",
                "identifier",
                "(",
            ):
                commands.append(self.command())
            else:
                self.next()
                raise self.unexpected(token, context)
        if not commands:
            raise self.error(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            operands = command.parts[0]
            assert isinstance(operands, list)
            if operands[0].kind in ("bool", "dot", "nil", "number", "string"):
                raise self.error(f"non executable command in pipeline stage {stage}")
        text = " | ".join(command.text for command in commands)
        if names:
            text = f"{', '.join(names)} {'=' if assigns else ':='} {text}"
        self.variables += [] if assigns else names
        return Node("pipe", start.position, text, names, assigns, commands)

    def declarations(self, context: str) -> tuple[list[str], bool]:
        """`$x :=`, `$x =` or (for range) `$i, $x :=` at the start of a pipeline."""
        names: list[str] = []
        while self.skip_space().kind == "variable":
            mark = self.index
            variable = self.next()
            following = self.skip_space()
            if following.kind in (":=", "="):
                self.next()
                names.append(variable.text)
                if following.kind == "=" and variable.text not in self.variables:
                    raise self.error(f"undefined variable {quote(variable.text)}", variable)
                return names, following.kind == "="
            if following.kind == ",":
                self.next()
                names.append(variable.text)
                if context != "range" or len(names) > 1:
                    raise self.error(f"too many declarations in {context}", following)
                if self.skip_space().kind != "variable":
                    raise self.error("range can only initialize variables", following)
                continue
            if names:
                raise self.error("range can only initialize variables", following)
            self.index = mark
            return [], False
        return [], False

    def command(self) -> Node:
        """Operands separated by spaces, up to a "|" (consumed), a ")" or the end of the action."""
        start = self.skip_space()
        operands: list[Node] = []
        while True:
            self.skip_space()
            operand = self.operand()
            if operand is not None:
                operands.append(operand)
            token = self.peek()
            if token.kind == "space":
                self.next()
                continue
            if token.kind in ("close", ")"):
                break
            if token.kind == "|":
                self.next()
                break
            self.next()
            raise self.unexpected(token, "operand")
        if not operands:
            raise self.error("empty command")
        return Node("command", start.position, " ".join(node.text for node in operands), operands)

    def operand(self) -> Node | None:
        """A term and the fields that follow it directly."""
        node = self.term()
        if node is None or self.peek().kind != "field":
            return node
        first = self.peek()
        names: list[str] = []
        while self.peek().kind == "field":
            names.append(self.next().text[1:])
        text = node.text + "".join("." + name for name in names)
        if node.kind == "field":
            return Node("field", first.position, text, [*node.parts[0], *names])  # type: ignore[misc]
        if node.kind == "variable":
            return Node("variable", first.position, text, node.parts[0], [*node.parts[1], *names])  # type: ignore[misc]
        if node.kind in ("bool", "string", "number", "nil", "dot"):
            raise self.error(f"unexpected . after term {quote(node.text)}", first)
        return Node("chain", first.position, text, node, names)

    def term(self) -> Node | None:
        token = self.skip_space()
        kind, text, position = token.kind, token.text, token.position
        if kind == "identifier":
            self.next()
            if text not in self.functions:
                raise self.error(f"function {quote(text)} not defined", token)
            return Node("function", position, text, text)
        if kind == ".":
            self.next()
            if self.peek().kind in ("field", "."):
                raise self.unexpected(self.peek() if self.peek().kind == "." else token, "operand")
            return Node("dot", position, ".")
        if kind == "nil":
            self.next()
            return Node("nil", position, "nil")
        if kind == "variable":
            self.next()
            if text not in self.variables:
                raise self.error(f"undefined variable {quote(text)}", token)
            return Node("variable", position, text, text, [])
        if kind == "field":
            self.next()
            return Node("field", position, text, [text[1:]])
        if kind == "bool":
            self.next()
            return Node("bool", position, text, text == "true")
        if kind in ("number", "char"):
            self.next()
            return Node("number", position, text, self.number_value(token))
        if kind == "string":
            self.next()
            return Node("string", position, text, self.string_value(token))
        if kind == "(":
            self.next()
            pipe = self.pipeline("parenthesized pipeline", ")")
            return Node("pipe", pipe.position, f"({pipe.text})", *pipe.parts)
        return None

    def string_value(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except (ValueError, OverflowError):
            raise self.error("invalid syntax", token)

    def number_value(self, token: Token) -> int | float:
        text = token.text
        if token.kind == "char":
            letter = self.string_value(token)
            if not letter:
                raise self.error("invalid syntax", token)
            if len(letter) != 1:
                raise self.error(f"malformed character constant: {text}", token)
            return ord(letter)
        from ocicore.cli.values import parse_float, parse_int

        try:
            return parse_int(text)
        except ValueError:
            pass
        try:
            value = parse_float(text)
        except ValueError:
            raise self.error(f"illegal number syntax: {quote(text)}", token) from None
        if not any(letter in ".eEpP" for letter in text):
            raise self.error(f"integer overflow: {quote(text)}", token)
        return value
