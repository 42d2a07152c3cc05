"""The programs of this repository as declared, for tests that hold for each of their commands."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from ocicore.cli.declare import Group, Program

_TOOLS = Path(__file__).resolve().parents[2] / "tools"


def programs() -> list[Program]:
    """Every program with a declaration."""
    names = sorted(path.parent.name for path in _TOOLS.glob("*/program.py"))
    return [importlib.import_module(f"{name}.program").PROGRAM for name in names]


def leaves(
    table: dict[str, tuple[str, ...] | Group], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path, module) of every command below a table."""
    for name, entry in table.items():
        if isinstance(entry, Group):
            yield from leaves(entry.commands, (*path, name))
        else:
            yield (*path, name), entry[0]


def commands() -> list[tuple[Program, tuple[str, ...], str]]:
    """Every command of every program once, under the first path that reaches it."""
    found = []
    for program in programs():
        seen = set()
        for path, module in leaves(program.commands):
            if module not in seen:
                seen.add(module)
                found.append((program, path, module))
    return found
