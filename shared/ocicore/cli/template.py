r"""`--format`: Go templates as podman and skopeo take them.

    json                      JSON, indented by four blanks
    {{.ID}} {{.Names}}        a template; for lists it runs once a row
    table {{.ID}}\t{{.Names}} the same in aligned columns under a header

What a template may call is in `template_funcs`; how data must look is in `godata`.
"""

from __future__ import annotations

from ocicore.cli import template_simple
from ocicore.cli.godata import CallError, TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TextIO

    from ocicore.cli.template_funcs import Function

__all__ = ["Template", "TemplateError", "is_json", "is_table", "print_list", "print_one", "render"]


class Template:
    """A parsed template.

    Args:
        source: its text.
        name: what error messages call it.
        functions: further functions (or other ones of the same name).

    Raises:
        TemplateError: the text is no template.
    """

    def __init__(
        self, source: str, name: str = "template", functions: Mapping[str, Function] | None = None
    ) -> None:
        from ocicore.cli.template_exec import Executor
        from ocicore.cli.template_funcs import FUNCTIONS
        from ocicore.cli.template_parse import Parser

        known = {**FUNCTIONS, **functions} if functions else FUNCTIONS
        parser = Parser(source, name, known)
        body = parser.parse()
        self._executor = Executor(source, name, body, parser.definitions, known)

    def execute(self, data: object) -> str:
        """The output for one value of the dot.

        Raises:
            TemplateError: the template does not fit the data.
        """
        return self._executor.execute(data)

    def partial(self) -> str:
        """What the failed `execute` had produced; Go has written that much by then."""
        return "".join(self._executor.out)


def render(source: str, data: object, name: str = "template") -> str:
    """Parses and runs a template once."""
    return Template(source, name).execute(data)


def is_json(text: str) -> bool:
    """Whether a --format asks for JSON: "json", "{{json}}" or "{{json.}}"; "{{json .}}" is a template."""
    word = text.strip()
    if word.startswith("{{") and word.endswith("}}"):
        word = word[2:-2].strip().removesuffix(".")
    return word == "json"


def is_table(text: str) -> bool:
    """Whether a --format asks for aligned columns with a header."""
    return text.startswith("table ")


def normalize(text: str) -> str:
    r"""Replaces \t and \n as typed in a shell; in a table, blanks outside actions separate columns too."""
    if is_table(text):
        text = _outside_actions(text.removeprefix("table "))
    text = text.replace("\\t", "\t").replace("\\n", "\n")
    return text if text.endswith("\n") else text + "\n"


def _outside_actions(text: str) -> str:
    """Turns the blanks between actions into tabs; those inside belong to the template."""
    parts = text.split("{{")
    for index, part in enumerate(parts):
        inside, closing, outside = part.rpartition("}}") if index else ("", "", part)
        parts[index] = inside + closing + outside.replace(" ", "\t")
    return "{{".join(parts)


def _has_range(text: str) -> bool:
    """Whether the user has written {{range .}} … {{end}} himself."""
    if "range" not in text:
        return False
    import re

    return re.search(r"(?s){{\s*range\s*\.\s*}}.*{{\s*end\s*-?\s*}}", text) is not None


def _parse(text: str, name: str, *, wrap: bool) -> tuple[Template, bool]:
    r"""Parses with \n and \t replaced, or as it is when that is no template (a `{{printf "\n"}}`).

    Returns:
        the template, and whether it expects the whole list as its dot.
    """
    body = text.removeprefix("table ") if is_table(text) else text
    attempts = [normalize(text), body]
    for attempt, source in enumerate(attempts):
        whole = not wrap or _has_range(source)
        # The prefix is part of the text so that columns in messages are podman's.
        wrapped = source if whole else "{{range .}}" + source + "{{end -}}"
        try:
            return Template(wrapped, name), whole
        except TemplateError:
            if attempt == len(attempts) - 1:
                raise
    raise AssertionError("unreachable")


def print_list(
    stream: TextIO,
    text: str,
    rows: Iterable[object],
    *,
    name: str,
    headers: Mapping[str, str] | None = None,
    headings: bool = True,
    json_rows: Callable[[], object] | None = None,
) -> None:
    """Prints a list through --format.

    Args:
        stream: where to.
        text: the format: "json", a template or a table template.
        rows: dicts or `Struct`s.
        name: the command's name, for messages.
        headers: column titles by field name, for tables.
        headings: False for --noheading.
        json_rows: what "json" prints, when that is not the rows.

    Raises:
        TemplateError
    """
    data = list(rows)
    if is_json(text):
        from ocicore.cli.gojson import pretty

        stream.write(pretty(json_rows() if json_rows else data) + "\n")
        return
    table = is_table(text)
    if table:
        from ocicore.cli.godata import GoMap
        from ocicore.cli.table import align
    parts = template_simple.split(normalize(text))
    if parts is not None:
        rows = [GoMap(headers or {}), *data] if table and headings else data
        try:
            output = "".join([template_simple.render(parts, row) for row in rows])
        except CallError:
            pass  # said again, with its place, below
        else:
            stream.write(align(output) if table else output)
            return
    template, _ = _parse(text, name, wrap=True)
    if not table:
        _write(stream, template, data)
        return
    lines = ""
    if headings:
        lines = template.execute([GoMap(headers or {})])
    try:
        lines += template.execute(data)
    except TemplateError:
        stream.write(align(lines + template.partial()))
        raise
    stream.write(align(lines))


def print_one(stream: TextIO, text: str, value: object, *, name: str, json_value: object = None) -> None:
    """Prints one value (info, version, an inspected image) through --format.

    Raises:
        TemplateError
    """
    if is_json(text):
        from ocicore.cli.gojson import pretty

        stream.write(pretty(value if json_value is None else json_value) + "\n")
        return
    parts = template_simple.split(normalize(text))
    if parts is not None:
        try:
            stream.write(template_simple.render(parts, value))
            return
        except CallError:
            pass
    template, _ = _parse(text, name, wrap=False)
    _write(stream, template, value)


def _write(stream: TextIO, template: Template, data: object) -> None:
    """Writes the output; on failure what came before the error, as Go does."""
    try:
        stream.write(template.execute(data))
    except TemplateError:
        stream.write(template.partial())
        raise
