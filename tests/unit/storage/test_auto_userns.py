"""--userns=auto: maps for one container that overlap with no other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ocicore.errors import Error, InvalidInput
from ocicore.linux import userns
from ocicore.storage import auto_userns


def store(*taken: tuple[int, int, int]) -> Any:
    return SimpleNamespace(
        config=SimpleNamespace(auto_userns_min_size=1024, auto_userns_max_size=65536, auto_userns_user=""),
        containers=lambda: [SimpleNamespace(id_maps=([entry], [entry])) for entry in taken],
    )


@pytest.fixture(autouse=True)
def _subids(monkeypatch: pytest.MonkeyPatch) -> None:
    ranges = ([(1, 100000, 4000)], [(1, 100000, 4000)])
    monkeypatch.setattr(userns, "read_subids", lambda user, uid: ranges)


def test_the_first_free_range() -> None:
    assert auto_userns.allocate(store(), "", rootless=False)[0] == [(0, 100000, 1024)]
    used = store((0, 100000, 1024))
    assert auto_userns.allocate(used, "size=500", rootless=False)[0] == [(0, 101024, 500)]


def test_further_mappings_take_their_place() -> None:
    uids, gids = auto_userns.allocate(store(), "size=100,uidmapping=10:7:5", rootless=False)
    assert uids == [(0, 100000, 10), (10, 7, 5), (15, 100015, 85)]
    assert gids == [(0, 100000, 100)]


def test_no_room_and_bad_options() -> None:
    with pytest.raises(Error, match="could not find enough available IDs"):
        auto_userns.allocate(store((0, 100000, 3900)), "size=500", rootless=False)
    with pytest.raises(InvalidInput, match="unknown option"):
        auto_userns.allocate(store(), "what=1", rootless=False)
    with pytest.raises(Error, match="could not find enough available IDs"):
        auto_userns.allocate(store(), "size=70000", rootless=False)


def test_the_users_number_counts() -> None:
    assert auto_userns.allocate(store(), "", rootless=False, user="1500:7")[0] == [(0, 100000, 1501)]
    assert auto_userns.allocate(store(), "", rootless=False, user="name:1023")[0] == [(0, 100000, 1024)]
    assert auto_userns.allocate(store(), "size=5", rootless=False, user="1500")[0] == [(0, 100000, 5)]
    with pytest.raises(InvalidInput, match="size 70001 that is bigger than the maximum"):
        auto_userns.allocate(store(), "", rootless=False, user="70000")
