"""Two processes that draw the same random name at the same moment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ocicore.engine import create
from ocicore.engine.create_options import CreateOptions
from ocicore.engine.errors import NameTaken


class _Plan:
    """Stands in for the real one: the names in `taken` were recorded by somebody else meanwhile."""

    taken: frozenset[str] = frozenset()

    def __init__(
        self, engine: Any, options: Any, container_id: str, name: str, *rest: object, infra: bool
    ) -> None:
        self.name = name

    def fill(self, *words: object) -> None:
        pass

    def commit(self) -> str:
        if self.name in self.taken:
            raise NameTaken(self.name, "0" * 64)
        return self.name


def _create(monkeypatch: pytest.MonkeyPatch, *, name: str, taken: set[str]) -> Any:
    drawn = iter(["first_name", "second_name", "third_name"])
    monkeypatch.setattr(create.names, "random_name", lambda known: next(drawn))
    monkeypatch.setattr(create, "_Plan", type("_Plan", (_Plan,), {"taken": frozenset(taken)}))
    options = CreateOptions({"name": name, "rootfs": True, "userns": "host"})
    engine: Any = SimpleNamespace()
    return create.create(engine, options, "/", [], create_command=[], resolve=lambda *words: None)


def test_another_name_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _create(monkeypatch, name="", taken={"first_name", "second_name"}) == "third_name"


def test_a_name_that_was_asked_for_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NameTaken):
        _create(monkeypatch, name="mine", taken={"mine"})
