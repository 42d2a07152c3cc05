"""--userns and its maps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ocicore.cli import user_namespace
from ocicore.errors import InvalidInput
from ocicore.storage.store import Store


def decide(userns: str | None = None, **given: Any) -> user_namespace.UserNamespace:
    values: dict[str, Any] = dict.fromkeys(("userns_uid_map_user", "userns_gid_map_group"), "")
    values |= {"userns_uid_map": [], "userns_gid_map": [], "userns": userns or "", **given}
    names = {*given, *(["userns"] if userns is not None else [])}
    args = SimpleNamespace(given_names=lambda: names, **values)
    return user_namespace.decide(args, cast(Store, None), rootless=False)


def test_maps() -> None:
    made = decide(userns_uid_map=["0:32:16"])
    assert (made.host, made.id_maps) == (False, ([(0, 32, 16)], [(0, 32, 16)]))
    with pytest.raises(InvalidInput, match="userns-gid-map can not be used without --userns-uid-map"):
        decide(userns_gid_map=["0:32:16"])
    for name, option in (("userns_uid_map", "userns-uid-map"), ("userns_gid_map", "userns-gid-map")):
        maps = {"userns_uid_map": ["0:1:2"], name: ["16"]}
        with pytest.raises(InvalidInput) as failure:
            decide(**maps)
        assert failure.value.message == (
            f'initializing ID mappings: {option} setting is malformed expected ["uint32:uint32:uint32"]: ["16"]'
        )


def test_the_own_namespace_cannot_be_joined_and_is_used_as_it_is() -> None:
    made = decide("/proc/self/ns/user")
    assert (made.host, made.path) == (True, "")
