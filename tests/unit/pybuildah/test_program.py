"""The table of commands: every entry can be imported, declares itself."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from ocicore.cli.declare import Command, Group
from pybuildah.program import PROGRAM


def _entries(commands: dict[str, object], path: str = "") -> Iterator[tuple[str, str]]:
    for name, entry in commands.items():
        if isinstance(entry, Group):
            yield from _entries(dict(entry.commands), f"{path}{name} ")
        else:
            assert isinstance(entry, tuple)
            yield f"{path}{name}", str(entry[0])


ENTRIES = list(_entries(dict(PROGRAM.commands)))


@pytest.mark.parametrize(("name", "module"), ENTRIES, ids=[name for name, _ in ENTRIES])
def test_every_command_declares_itself(name: str, module: str) -> None:
    loaded = importlib.import_module(module)
    assert isinstance(loaded.COMMAND, Command)
    assert callable(loaded.run)
    names = [option.long for option in loaded.COMMAND.options]
    assert len(names) == len(set(names))
    shorts = [option.short for option in loaded.COMMAND.options if option.short]
    assert len(shorts) == len(set(shorts))
    assert all(option.help for option in loaded.COMMAND.options)
