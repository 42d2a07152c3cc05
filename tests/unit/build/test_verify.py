"""What --verify says about two images that differ."""

from __future__ import annotations

from typing import Any

import pytest

from ocicore.build.verify import values_differ


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        ({"a": 1}, {"a": 1}, ""),
        (
            {"config": {"Env": ["A=1", "B=1"]}},
            {"config": {"Env": ["A=1", "B=2"]}},
            "config.Env[1]: B=1 / B=2",
        ),
        ({"a": [1]}, {"a": [1, 2]}, "a: 1 / 2 entries"),
        ({"a": "x"}, {}, "a: x / nothing"),
        ({"a": 1}, {"a": True}, "a: 1 / True"),
    ],
)
def test_values(one: Any, two: Any, said: str) -> None:
    assert values_differ(one, two) == said
