"""--userns=auto: ids for one container that no other container has (containers/storage's automatic user namespaces).

As root they come from the subordinate ids of the user "containers"; as an ordinary user from those of the namespace
we are in. A container keeps its ids until it is removed.
"""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.runtime.types import IdMapping

_DEFAULT_SIZE = 1024
_DEFAULT_MAX = 65536


def allocate(engine: Engine, text: str) -> tuple[list[IdMapping], list[IdMapping]]:
    """(uid map, gid map) for the options after "auto:" (size=N, uidmapping=…, gidmapping=…).

    Raises InvalidInput, Error when no range is free.
    """
    from ocicore.engine.create_namespaces import parse_id_map

    size = 0
    extra_uids: list[IdMapping] = []
    extra_gids: list[IdMapping] = []
    for word in filter(None, text.split(",")):
        key, _, value = word.partition("=")
        if key == "size" and value.isdigit():
            size = int(value)
        elif key == "uidmapping":
            extra_uids += parse_id_map(value, "uid")
        elif key == "gidmapping":
            extra_gids += parse_id_map(value, "gid")
        else:
            raise InvalidInput(
                f"unknown option specified: {word!r}: choose from size=N, uidmapping=…, gidmapping=…"
            )
    size = size or max(engine.storage.auto_userns_min_size or 0, _DEFAULT_SIZE)
    most = engine.storage.auto_userns_max_size or _DEFAULT_MAX
    if size > most:
        raise InvalidInput(f"size={size}: user namespaces have at most {most} ids here")
    uids, gids = _ranges(engine)
    used_uids, used_gids = _taken(engine)
    first_uid = _free(uids, used_uids, size)
    first_gid = _free(gids, used_gids, size)
    return _map(first_uid, size, extra_uids), _map(first_gid, size, extra_gids)


def _map(first: int, size: int, extra: list[IdMapping]) -> list[IdMapping]:
    taken = {extent["container_id"] for extent in extra}
    if not taken:
        return [{"container_id": 0, "host_id": first, "size": size}]
    result = list(extra)
    for inside in range(size):
        if inside not in taken:
            result.append({"container_id": inside, "host_id": first + inside, "size": 1})
    return result


def _ranges(engine: Engine) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(first, size) of the ids that may be given away."""
    if engine.rootless:
        uids = [(max(inside, 1), size - (inside == 0)) for inside, _, size in engine.host.uid_map]
        gids = [(max(inside, 1), size - (inside == 0)) for inside, _, size in engine.host.gid_map]
        return uids, gids
    from ocicore.linux import userns

    user = engine.storage.auto_userns_user or "containers"
    uid_maps, gid_maps = userns.read_subids(user, -1)
    if not uid_maps or not gid_maps:
        raise Error(
            f'cannot find UID/GID for user {user}: no subuid ranges found for user "{user}" in /etc/subuid',
            hint=f"add lines such as {user}:2147483647:2147483648 to /etc/subuid and /etc/subgid",
        )
    return [(outside, size) for _, outside, size in uid_maps], [
        (outside, size) for _, outside, size in gid_maps
    ]


def _taken(engine: Engine) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    uids: list[tuple[int, int]] = []
    gids: list[tuple[int, int]] = []
    for record in engine.store.containers():
        layer = engine.store.layer(record.layer)
        maps = layer.id_maps
        if maps:
            uids += [(host, size) for _, host, size in maps[0]]
            gids += [(host, size) for _, host, size in maps[1]]
    return uids, gids


def _free(ranges: list[tuple[int, int]], taken: list[tuple[int, int]], size: int) -> int:
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
