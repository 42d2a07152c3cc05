"""--uidmap and --gidmap: podman's extended syntax against examples and against a map of single ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocicore.engine import id_maps
from ocicore.errors import InvalidInput

#: An ordinary user with id 1000, and with 100000–165535 and 300000–300009 delegated.
OURS = [(0, 1000, 1), (1, 100000, 65536), (65537, 300000, 10)]


def parse(*texts: str, kind: str = "uid", rootless: bool = True) -> list[tuple[int, int, int]]:
    return id_maps.parse(texts, kind, OURS, rootless=rootless)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("0:100000:65536",), [(0, 100000, 65536)]),
        (("5:7",), [(5, 7, 1)]),
        (("0:0:5", "5:5:5"), [(0, 0, 10)]),
        (("0:0:1:1:100:5",), [(0, 0, 1), (1, 100, 5)]),
        (("0:@1000",), [(0, 0, 1)]),
        # Ids of the host that are two pieces here.
        (("0:@165534:2", "9:@300000:2"), [(0, 65535, 2), (9, 65537, 2)]),
        # Everything, and the caller's own id as 1000 inside.
        (("+1000:0",), [(0, 1, 1000), (1000, 0, 1), (1001, 1001, 64546)]),
        (("+1000:@1000",), [(0, 1, 1000), (1000, 0, 1), (1001, 1001, 64546)]),
        # A piece of a map given before.
        (("0:0:100", "+5:200"), [(0, 0, 5), (5, 200, 1), (6, 6, 94)]),
        # Its ids outside are taken from others.
        (("0:0:100", "+5:50"), [(0, 0, 5), (5, 50, 1), (6, 6, 44), (51, 51, 49)]),
        (("0:0:0", ""), []),
        (("g0:0:10",), []),
        (("u0:0:10",), [(0, 0, 10)]),
        (("ug0:0:10",), [(0, 0, 10)]),
    ],
)
def test_examples(texts: tuple[str, ...], expected: list[tuple[int, int, int]]) -> None:
    assert parse(*texts) == expected


def test_root_gets_no_other_ids() -> None:
    assert parse("+1000:5", rootless=False) == [(1000, 5, 1)]


def test_flags_of_the_other_kind() -> None:
    texts = ("+u7:0", "+g8:0")
    assert (7, 0, 1) in parse(*texts, kind="uid")
    assert (8, 0, 1) in parse(*texts, kind="gid")


@pytest.mark.parametrize(
    "text", ["x", "1", "a:b:c", "0:0:x", "+:0:1", "0:@:1", "x0:0:1", "1:2:3:4", "-1:0:1"]
)
def test_malformed(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"uidmap .*: must be \[\+ug\]CONTAINER:\[@\]HOST"):
        parse(text)


def test_an_id_of_somebody_else() -> None:
    with pytest.raises(InvalidInput, match="uidmap '0:@2000': 2000 is none of this user's ids"):
        parse("0:@2000")


_small = st.integers(0, 30)


@given(st.lists(st.tuples(_small, _small, st.integers(0, 12)), max_size=6))
def test_changes_one_by_one(extents: list[tuple[int, int, int]]) -> None:
    """ "+" for each: the last word counts, inside and outside; what is left is filled in ascending order."""
    ours = [(0, 1000, 1), (1, 5000, 20), (21, 9000, 5)]
    single: dict[int, int] = {}
    for inside, outside, size in extents:
        new = {inside + step: outside + step for step in range(size)}
        single = {a: b for a, b in single.items() if a not in new and b not in new.values()} | new
    found = id_maps.parse([f"+{a}:{b}:{size}" for a, b, size in extents], "uid", ours, rootless=True)
    if not any(size for _, _, size in extents):
        assert found == []
        return
    free = [number for number in range(26) if number not in single.values()]
    position = 0
    while free:
        if position not in single:
            single[position] = free.pop(0)
        position += 1
    flat = {a + step: b + step for a, b, size in found for step in range(size)}
    assert flat == single
    assert sum(size for _, _, size in found) == len(flat)
