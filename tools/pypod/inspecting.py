"""Printing inspected objects: a JSON list, or one line of a Go template for each."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.cli.context import Context
    from ocicore.errors import Error


def show(
    ctx: Context,
    names: list[str],
    find: Callable[[str], dict[str, Any]],
    format: str,
    *,
    indent: str = "     ",
    list_json: bool = True,
) -> int:
    """Inspect each name; what is found is printed even when other names are missing.

    Args:
        find: name to object. Raises Error.
        format: "" or "json" for JSON, else a template.
    """
    from ocicore.errors import NotFound

    objects: list[dict[str, Any]] = []
    errors: list[Error] = []
    for name in names:
        try:
            objects.append(find(name))
        except NotFound as error:
            errors.append(error)
    _print(ctx, objects, format, indent)
    if errors:
        from pypod.options.select import report

        return report(ctx, errors)
    return 0


def _print(ctx: Context, objects: list[dict[str, Any]], format: str, indent: str) -> None:
    if format in ("", "json"):
        from ocicore.cli.gojson import dumps

        ctx.stdout.write(dumps(objects, indent=indent, escape_html=False) + "\n")
        return
    from ocicore.cli import template
    from ocicore.cli.godata import Struct

    if template.is_json(format):
        ctx.stdout.write(template_json(objects, indent) + "\n")
        return
    # Go's field is ID, its JSON key Id.
    rows = [Struct(one, aliases={"ID": "Id"}) for one in objects]
    template.print_list(ctx.stdout, format, rows, name="inspect")


def template_json(objects: list[dict[str, Any]], indent: str) -> str:
    """JSON for --format '{{json}}'."""
    from ocicore.cli.gojson import dumps

    return dumps(objects, indent=indent, escape_html=False)
