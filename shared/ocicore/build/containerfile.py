"""Parser of Containerfiles: text in, a list of instructions with their lines out.

Follows the Dockerfile reference (docs.docker.com) and Containerfile(5): parser directives, escapes,
continuation lines, comments, flags, JSON and shell forms, here-documents, ONBUILD. Nothing is expanded
and nothing is executed here; every error names file, line, the offending text and the expected form.
"""

from __future__ import annotations

import re

from ocicore.build.heredoc import Heredoc, find_introducers
from ocicore.errors import InvalidInput

_WHITESPACE = re.compile(r"[\t\v\f\r ]+")
_DIRECTIVE = re.compile(r"^#[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(.*?)[ \t]*$")
_KNOWN_DIRECTIVES = ("syntax", "escape", "check", "platform")
_HEREDOC_INSTRUCTIONS = ("add", "copy", "run")

#: Instruction -> (form of its arguments, the form shown in error messages).
FORMS: dict[str, tuple[str, str]] = {
    "add": ("paths", "ADD [--flag…] SOURCE… DESTINATION"),
    "arg": ("words", "ARG NAME[=DEFAULT] …"),
    "cmd": ("command", 'CMD ["executable", "argument"] or CMD command'),
    "copy": ("paths", "COPY [--flag…] SOURCE… DESTINATION"),
    "entrypoint": ("command", 'ENTRYPOINT ["executable", "argument"] or ENTRYPOINT command'),
    "env": ("pairs", "ENV NAME=VALUE …"),
    "expose": ("strings", "EXPOSE PORT[/PROTOCOL] …"),
    "from": ("strings", "FROM [--platform=OS/ARCH] IMAGE [AS NAME]"),
    "healthcheck": ("health", "HEALTHCHECK [--flag…] CMD command, or HEALTHCHECK NONE"),
    "label": ("pairs", "LABEL KEY=VALUE …"),
    "maintainer": ("string", "MAINTAINER NAME"),
    "onbuild": ("instruction", "ONBUILD INSTRUCTION …"),
    "run": ("command", 'RUN [--flag…] command, or RUN ["executable", "argument"]'),
    "shell": ("command", 'SHELL ["executable", "argument"]'),
    "stopsignal": ("string", "STOPSIGNAL SIGNAL"),
    "user": ("string", "USER NAME|UID[:GROUP|GID]"),
    "volume": ("paths", "VOLUME PATH …"),
    "workdir": ("string", "WORKDIR PATH"),
}


class SyntaxProblem(InvalidInput):
    """A Containerfile that cannot be understood: `FILE:LINE: what: "text"`, the hint has the expected form."""

    def __init__(self, file: str, line: int, problem: str, text: str, expected: str | None = None) -> None:
        shown = text.strip()
        if len(shown) > 120:
            shown = shown[:117] + "..."
        message = f"{file}:{line}: {problem}" + (f': "{shown}"' if shown else "")
        super().__init__(message, hint=f"expected: {expected}" if expected else None)
        self.file = file
        self.line = line


class Instruction:
    """One instruction.

    Attributes:
        name: lower case ("run").
        flags: the leading `--name=value` words, quotes removed, variables not expanded.
        args: arguments; quotes and variables are still in them unless `json`.
        json: the arguments were a JSON array.
        original: the logical line, continuation lines joined.
        heredocs: bodies that followed the line.
        trigger: the instruction inside ONBUILD.
        file, line, end_line: where it was written, first line 1.
    """

    __slots__ = (
        "args",
        "end_line",
        "file",
        "flags",
        "heredocs",
        "json",
        "line",
        "name",
        "original",
        "trigger",
    )

    def __init__(
        self,
        name: str,
        *,
        flags: list[str],
        args: list[str],
        json: bool,
        original: str,
        file: str,
        line: int,
        trigger: Instruction | None = None,
    ) -> None:
        self.name = name
        self.flags = flags
        self.args = args
        self.json = json
        self.original = original
        self.heredocs: list[Heredoc] = []
        self.trigger = trigger
        self.file = file
        self.line = line
        self.end_line = line

    @property
    def message(self) -> str:
        """The instruction as progress and error lines show it: name, flags and arguments."""
        words = [self.name.upper(), *self.flags]
        if self.trigger is not None:
            words.append(self.trigger.message)
        return " ".join([*words, *self.args])

    def problem(self, text: str, expected: str | None = None) -> SyntaxProblem:
        """The error to raise when this instruction turns out to be wrong later on."""
        form = FORMS.get(self.name)
        return SyntaxProblem(
            self.file, self.line, text, self.original, expected or (form[1] if form is not None else None)
        )


def no_command(run: Instruction) -> SyntaxProblem:
    """The error for a RUN without one, with the words and the exit status that buildah gets from whatever it starts then."""
    reason, status = (
        ("executable path not specified", 1) if run.json else ("the shell's -c requires an argument", 2)
    )
    text = f'RUN without a command: building at STEP "{run.message}": {reason}: exit status {status}'
    problem = SyntaxProblem(run.file, run.line, text, "", FORMS["run"][1])
    problem.exit_status = status
    return problem


class Containerfile:
    """A parsed file: instructions in order, the escape character, the syntax directive, warnings."""

    __slots__ = ("escape", "instructions", "syntax", "warnings")

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.escape = "\\"
        self.syntax: str | None = None
        self.warnings: list[str] = []


def parse(text: str, file: str = "Containerfile") -> Containerfile:
    """Parse the text of a Containerfile.

    Args:
        text: the file's content; a byte order mark in front is ignored.
        file: its name for messages.

    Raises:
        SyntaxProblem: with file, line, offending text and expected form.
    """
    return _Parser(text, file).run()


class _Parser:
    def __init__(self, text: str, file: str) -> None:
        self._file = file
        text = text.removeprefix("\ufeff")
        self._lines = [line.removesuffix("\r") for line in text.split("\n")]
        if self._lines and self._lines[-1] == "":
            self._lines.pop()
        self._position = 0
        self._own_shell = False
        self._result = Containerfile()

    def run(self) -> Containerfile:
        self._directives()
        while self._position < len(self._lines):
            self._instruction()
        return self._result

    def _directives(self) -> None:
        seen: set[str] = set()
        while self._position < len(self._lines):
            line = self._lines[self._position].lstrip()
            match = _DIRECTIVE.match(line)
            if match is None or match.group(1).lower() not in _KNOWN_DIRECTIVES:
                return
            name, value = match.group(1).lower(), match.group(2)
            if name in seen:
                raise self._error(f"only one {name} parser directive can be used", line)
            seen.add(name)
            if name == "escape":
                if value not in ("\\", "`"):
                    raise self._error(f"invalid ESCAPE '{value}'", line, "# escape=\\ or # escape=`")
                self._result.escape = value
            elif name == "syntax":
                self._result.syntax = value
            self._position += 1

    def _error(self, problem: str, text: str, expected: str | None = None) -> SyntaxProblem:
        return SyntaxProblem(self._file, self._position + 1, problem, text, expected)

    def _continued(self, line: str) -> tuple[str, bool]:
        """The line without its continuation character, and whether it had one."""
        stripped = line.rstrip(" \t")
        if stripped.endswith(self._result.escape):
            return stripped[:-1], True
        return line, False

    def _instruction(self) -> None:
        first = self._position
        line = self._lines[first].lstrip()
        self._position += 1
        if line == "" or line.startswith("#"):
            return
        joined, more = self._continued(line)
        empty_continuation = False
        while more and self._position < len(self._lines):
            following = self._lines[self._position]
            self._position += 1
            content = following.lstrip()
            if content == "" or content.startswith("#"):
                empty_continuation = empty_continuation or content == ""
                continue
            following, more = self._continued(following)
            joined += following
        if joined.strip() == "":
            return
        if empty_continuation:
            self._result.warnings.append(f"[WARNING]: Empty continuation line found in:\n    {joined}")
        instruction = parse_line(joined, self._file, first + 1, self._result.escape)
        self._heredocs(instruction, joined)
        instruction.end_line = self._position
        self._own_shell = self._own_shell or instruction.name == "shell"
        # It could only fail, when all before it is done. But a SHELL may be a program that needs no argument.
        if instruction.name == "run" and not instruction.args and (instruction.json or not self._own_shell):
            raise no_command(instruction)
        self._result.instructions.append(instruction)

    def _heredocs(self, instruction: Instruction, line: str) -> None:
        target = instruction.trigger if instruction.trigger is not None else instruction
        if target.name not in _HEREDOC_INSTRUCTIONS or target.json:
            return
        for heredoc in find_introducers(line):
            body: list[str] = []
            while True:
                if self._position >= len(self._lines):
                    raise SyntaxProblem(
                        self._file,
                        instruction.line,
                        f"{heredoc.name}: unterminated heredoc",
                        line,
                        f"a line that is just {heredoc.name}",
                    )
                text = self._lines[self._position]
                self._position += 1
                if heredoc.ends_at(text):
                    break
                body.append(text)
            heredoc.content = "".join(text + "\n" for text in body)
            target.heredocs.append(heredoc)
        if target is not instruction:
            instruction.heredocs = target.heredocs


def parse_line(line: str, file: str, number: int, escape: str = "\\") -> Instruction:
    """Parse one logical line (continuation lines already joined) into an instruction.

    Raises:
        SyntaxProblem: unknown instruction, or arguments that do not have the instruction's form.
    """
    parts = _WHITESPACE.split(line.strip(), maxsplit=1)
    word = parts[0]
    name = word.lower()
    rest = parts[1].strip() if len(parts) > 1 else ""
    form = FORMS.get(name)
    if form is None:
        raise SyntaxProblem(file, number, f'Unknown instruction: "{word.upper()}"', line, _suggest(name))
    shape, expected = form
    flags, rest = _split_flags(rest)
    instruction = Instruction(name, flags=flags, args=[], json=False, original=line, file=file, line=number)
    if rest == "" and name not in ("cmd", "entrypoint", "run"):
        raise SyntaxProblem(file, number, f"{word.upper()} requires at least one argument", line, expected)
    if shape == "instruction":
        trigger = parse_line(rest, file, number, escape)
        if trigger.name == "onbuild":
            raise SyntaxProblem(
                file, number, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", line, expected
            )
        if trigger.name in ("from", "maintainer"):
            raise SyntaxProblem(
                file, number, f"{trigger.name.upper()} isn't allowed as an ONBUILD trigger", line, expected
            )
        instruction.trigger = trigger
    elif shape == "pairs":
        instruction.args = _pairs(rest, word.upper(), escape, file, number, line, expected)
    elif shape == "words":
        instruction.args = split_words(rest, escape)
    elif shape == "strings":
        instruction.args = _WHITESPACE.split(rest)
    elif shape == "string":
        instruction.args = [rest]
    elif shape == "health":
        _health(instruction, rest, file, number, line)
    else:
        array = _json_array(rest, file, number, line)
        if array is not None:
            instruction.args, instruction.json = array, True
        elif shape == "paths":
            instruction.args = _WHITESPACE.split(rest)
        elif rest:
            instruction.args = [rest]
    return instruction


def _suggest(name: str) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(name, FORMS, n=1)
    return FORMS[near[0]][1] if near else "one of " + " ".join(sorted(known.upper() for known in FORMS))


def _split_flags(rest: str) -> tuple[list[str], str]:
    """Take the leading `--…` words off; quotes in them are removed, `--` alone ends them."""
    flags: list[str] = []
    position = 0
    length = len(rest)
    while position < length:
        while position < length and rest[position].isspace():
            position += 1
        if not rest.startswith("--", position):
            break
        word = ""
        quote = ""
        while position < length:
            char = rest[position]
            if quote:
                if char == quote:
                    quote = ""
                    position += 1
                    continue
            elif char in "'\"":
                quote = char
                position += 1
                continue
            elif char.isspace():
                break
            if char == "\\":
                position += 1
                if position >= length:
                    break
                char = rest[position]
            word += char
            position += 1
        if word == "--":
            return flags, rest[position:].strip()
        flags.append(word)
    return flags, rest[position:]


def split_words(rest: str, escape: str = "\\") -> list[str]:
    """Split at white space outside quotes; quotes and escapes stay in the words for the expansion to see."""
    words: list[str] = []
    word = ""
    started = False
    quote = ""
    position = 0
    length = len(rest)
    while position < length:
        char = rest[position]
        if char == escape and quote != "'":
            if position + 1 == length:
                break
            word += char + rest[position + 1]
            started = True
            position += 2
            continue
        if quote:
            if char == quote:
                quote = ""
            word += char
        elif char.isspace():
            if started:
                words.append(word)
            word, started = "", False
        else:
            if char in "'\"":
                quote = char
            word += char
            started = True
        position += 1
    if started:
        words.append(word)
    return words


def _pairs(rest: str, name: str, escape: str, file: str, number: int, line: str, expected: str) -> list[str]:
    words = split_words(rest, escape)
    if not words or "=" not in words[0]:
        parts = _WHITESPACE.split(rest, maxsplit=1)
        if len(parts) < 2:
            raise SyntaxProblem(file, number, f"{name} must have two arguments", line, expected)
        return parts
    result: list[str] = []
    for word in words:
        key, separator, value = word.partition("=")
        if not separator:
            raise SyntaxProblem(
                file,
                number,
                f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value',
                line,
                expected,
            )
        if key == "":
            raise SyntaxProblem(file, number, f"{name} names can not be blank", line, expected)
        result += [key, value]
    return result


def _json_array(rest: str, file: str, number: int, line: str) -> list[str] | None:
    """The strings of a JSON array, or None when the text is none (then the shell form applies)."""
    if not rest.startswith("["):
        return None
    import json

    try:
        value, _ = json.JSONDecoder().raw_decode(rest)
    except ValueError:
        return None
    if not all(isinstance(item, str) for item in value):
        raise SyntaxProblem(
            file,
            number,
            "when using JSON array syntax, arrays must be comprised of strings only",
            line,
            '["text", "text"]',
        )
    return list(value)


def _health(instruction: Instruction, rest: str, file: str, number: int, line: str) -> None:
    parts = rest.split(None, 1)
    kind = parts[0].upper()
    command = parts[1] if len(parts) > 1 else ""
    array = _json_array(command, file, number, line) if command else None
    instruction.json = array is not None
    instruction.args = [kind, *(array if array is not None else [command] if command else [])]
