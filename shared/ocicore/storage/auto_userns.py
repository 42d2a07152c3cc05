"""--userns=auto: ids for one container that no other container has (containers/storage's automatic user namespaces).

As root they come from the subordinate ids of the user "containers"; as an ordinary user from those of the namespace
we are in. A container keeps its ids until it is removed. Who chooses holds `userns.lock` of the graph root until the
container that has the ids is recorded (`Store.choosing_ids`).
"""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.storage.records import IdMaps, Image
    from ocicore.storage.store import Store

    Range = tuple[int, int, int]

_DEFAULT_SIZE = 1024
_DEFAULT_MAX = 65536
_NOBODY = 65534
_FILE_LIMIT = 16 << 20


def read(text: str) -> tuple[int, list[Range], list[Range]]:
    """The options after "auto:": size (0: not given), uid and gid ranges that are wanted. Raises InvalidInput."""
    size = 0
    uids: list[Range] = []
    gids: list[Range] = []
    for word in filter(None, text.split(",")):
        key, _, value = word.partition("=")
        if key == "size" and value.isdigit():
            size = int(value)
        elif key == "uidmapping":
            uids.append(_triple(value, "uid"))
        elif key == "gidmapping":
            gids.append(_triple(value, "gid"))
        else:
            raise InvalidInput(
                f"unknown option specified: {word!r}: choose from size=N, uidmapping=…, gidmapping=…"
            )
    return size, uids, gids


def allocate(
    store: Store, text: str, *, rootless: bool, image: Image | None = None, user: str = ""
) -> IdMaps:
    """(uid map, gid map) for the options after "auto:" (size=N, uidmapping=C:H:S, gidmapping=C:H:S).

    Args:
        image: without size=N there are as many ids as its files and its users have.
        user: the container's, which may be a number beyond those.

    Raises InvalidInput, Error when no range is free.
    """
    config = store.config
    size, extra_uids, extra_gids = read(text)
    if not size:
        numbers = [int(word) for word in user.split(":") if word.isdecimal()]
        size = max(config.auto_userns_min_size or _DEFAULT_SIZE, max(numbers, default=-1) + 1)
        if image is not None:
            size = max(size, _size_of(store, image))
        most = config.auto_userns_max_size or _DEFAULT_MAX
        if size > most:
            raise InvalidInput(
                f"the container needs a user namespace with size {size} that is bigger than the maximum value "
                f"allowed with userns=auto {most}",
                hint="give auto:size=N, or raise auto-userns-max-size in storage.conf",
            )
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
        # Where the kernel maps ids in a mount, the layer's files have other owners than the container's.
        maps = record.id_maps
        if maps:
            uids += [(host, size) for _, host, size in maps[0]]
            gids += [(host, size) for _, host, size in maps[1]]
    return uids, gids


def _size_of(store: Store, image: Image) -> int:
    """One more than the largest id the image's files have, or its users and groups."""
    size = 0
    below = image.layer
    while below:
        layer = store.layer(below)
        size = max([size, *(number + 1 for number in (*layer.uids, *layer.gids))])
        below = layer.parent
    if image.layer is None:
        return size
    root = store.mount_image(image.id)
    try:
        return max(size, _largest(root, "etc/passwd", (2, 3)) + 1, _largest(root, "etc/group", (2,)) + 1)
    finally:
        store.unmount_image(image.id)


def _largest(root: str, name: str, fields: tuple[int, ...]) -> int:
    """The largest id in the fields of a file of users or groups, nobody's aside; -1 where there is none."""
    import os

    from ocicore.linux import resolve

    root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = resolve.open_in_root(root_fd, name, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return -1
    finally:
        os.close(root_fd)
    with open(fd, "rb") as file:
        try:
            data = file.read(_FILE_LIMIT)
        except OSError:
            return -1
    found = -1
    for line in data.split(b"\n"):
        words = line.split(b":")
        if words[0] in (b"nobody", b"nogroup"):
            continue
        for field in fields:
            if field < len(words) and words[field].isdigit() and int(words[field]) != _NOBODY:
                found = max(found, int(words[field]))
    return found


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
