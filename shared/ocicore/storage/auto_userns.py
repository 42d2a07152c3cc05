"""--userns=auto: ids for one container that no other container has (containers/storage's automatic user namespaces).

As root they come from the subordinate ids of the user "containers"; as an ordinary user from those of the namespace
we are in. A container keeps its ids until it is removed.
"""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.storage.records import IdMaps
    from ocicore.storage.store import Store

    Range = tuple[int, int, int]

_DEFAULT_SIZE = 1024
_DEFAULT_MAX = 65536


def allocate(store: Store, text: str, *, rootless: bool) -> IdMaps:
    """(uid map, gid map) for the options after "auto:" (size=N, uidmapping=C:H:S, gidmapping=C:H:S).

    Raises InvalidInput, Error when no range is free.
    """
    config = store.config
    size = 0
    extra_uids: list[Range] = []
    extra_gids: list[Range] = []
    for word in filter(None, text.split(",")):
        key, _, value = word.partition("=")
        if key == "size" and value.isdigit():
            size = int(value)
        elif key == "uidmapping":
            extra_uids.append(_triple(value, "uid"))
        elif key == "gidmapping":
            extra_gids.append(_triple(value, "gid"))
        else:
            raise InvalidInput(
                f"unknown option specified: {word!r}: choose from size=N, uidmapping=…, gidmapping=…"
            )
    size = size or max(config.auto_userns_min_size or 0, _DEFAULT_SIZE)
    most = config.auto_userns_max_size or _DEFAULT_MAX
    if size > most:
        raise InvalidInput(f"size={size}: user namespaces have at most {most} ids here")
    uids, gids = _ranges(config.auto_userns_user or "containers", rootless=rootless)
    used_uids, used_gids = _taken(store)
    return (
        _map(_free(uids, used_uids + _hosts(extra_uids), size), size, extra_uids),
        _map(_free(gids, used_gids + _hosts(extra_gids), size), size, extra_gids),
    )


def _hosts(ranges: Sequence[Range]) -> list[tuple[int, int]]:
    return [(host, size) for _, host, size in ranges]


def _triple(text: str, kind: str) -> Range:
    words = text.split(":")
    if len(words) != 3 or not all(word.removeprefix("@").isdecimal() for word in words):
        raise InvalidInput(f'{kind}mapping "{text}": expected CONTAINERID:HOSTID:LENGTH')
    outside = int(words[1].removeprefix("@"))
    if words[1].startswith("@"):
        # An id of the host, which has another number in the namespace we may be in.
        from ocicore.linux import userns

        for inside, host, length in userns.own_maps()[kind == "gid"]:
            if host <= outside < host + length:
                outside = inside + outside - host
                break
        else:
            raise InvalidInput(f'{kind}mapping "{text}": {words[1]} is none of the ids of this user')
    return int(words[0]), outside, int(words[2])


def _map(first: int, size: int, extra: Sequence[Range]) -> list[Range]:
    """The extra ranges, and what they leave of 0…size-1 on the allocated ids."""
    result = list(extra)
    position = 0
    for inside, _, count in sorted(extra):
        if position < min(inside, size):
            result.append((position, first + position, min(inside, size) - position))
        position = max(position, inside + count)
    if position < size:
        result.append((position, first + position, size - position))
    return sorted(result)


def _ranges(user: str, *, rootless: bool) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(first, size) of the ids that may be given away."""
    from ocicore.linux import userns

    if rootless:
        own_uids, own_gids = userns.own_maps()
        return (
            [(max(inside, 1), size - (inside == 0)) for inside, _, size in own_uids],
            [(max(inside, 1), size - (inside == 0)) for inside, _, size in own_gids],
        )
    uid_maps, gid_maps = userns.read_subids(user, -1)
    if not uid_maps or not gid_maps:
        raise Error(
            f'cannot find UID/GID for user {user}: no subuid ranges found for user "{user}" in /etc/subuid',
            hint=f"add lines such as {user}:2147483647:2147483648 to /etc/subuid and /etc/subgid",
        )
    return [(outside, size) for _, outside, size in uid_maps], [
        (outside, size) for _, outside, size in gid_maps
    ]


def _taken(store: Store) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    uids: list[tuple[int, int]] = []
    gids: list[tuple[int, int]] = []
    for record in store.containers():
        maps = store.layer(record.layer).id_maps
        if maps:
            uids += [(host, size) for _, host, size in maps[0]]
            gids += [(host, size) for _, host, size in maps[1]]
    return uids, gids


def _free(ranges: Sequence[tuple[int, int]], taken: Sequence[tuple[int, int]], size: int) -> int:
    """The first id of a free run of `size`. Raises Error."""
    for first, length in ranges:
        candidate = first
        for start, count in sorted(taken):
            if start + count <= candidate or start >= candidate + size:
                continue
            candidate = start + count
        if candidate + size <= first + length:
            return candidate
    raise Error(
        "could not find enough available IDs", hint="remove containers, or ask for fewer with auto:size=N"
    )
