"""--userns and its maps for `from` and `build`, with the defaults that global options give. On the hot path of `from`."""

from __future__ import annotations

from ocicore.cli.declare import Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ocicore.storage.records import IdMaps, Image
    from ocicore.storage.store import Store

    Ranges = list[tuple[int, int, int]]

_MAP = "CTRID:HOSTID:LENGTH"
USER_NAMESPACE = (
    Option(
        "userns",
        kind="string",
        metavar="PATH",
        help="User namespace: container, host, auto or a path",
        completer="=host private container auto keep-id nomap ns: :file",
    ),
    Option("userns-uid-map", kind="strings", metavar=_MAP, help="UID map of the user namespace"),
    Option("userns-gid-map", kind="strings", metavar=_MAP, help="GID map of the user namespace"),
    Option(
        "userns-uid-map-user",
        kind="string",
        metavar="NAME",
        help="Use the UIDs of this user in /etc/subuid",
        completer="ocicore.cli.completers:subordinate_users",
    ),
    Option(
        "userns-gid-map-group",
        kind="string",
        metavar="NAME",
        help="Use the GIDs of this group in /etc/subgid",
        completer="ocicore.cli.completers:subordinate_groups",
    ),
)


class UserNamespace:
    """What was decided: the host's namespace or an own one, its maps, a namespace to join.

    Attributes:
        choose: chooses the maps (`--userns auto`), None where they are known. To be called in `Store.choosing_ids`,
            until a container with them is recorded.
    """

    __slots__ = ("choose", "host", "id_maps", "path")

    def __init__(
        self,
        *,
        host: bool,
        id_maps: IdMaps | None,
        path: str = "",
        choose: Callable[[], IdMaps] | None = None,
    ) -> None:
        self.host = host
        self.id_maps = id_maps
        self.path = path
        self.choose = choose


def _is_automatic(args: Any) -> bool:
    """Are ids chosen for the container (`--userns auto`)?"""
    how: str = args.userns
    return "userns" in args.given_names() and (how == "auto" or how.startswith("auto:"))


def decide(
    args: Any,
    store: Store,
    *,
    rootless: bool,
    uid_maps: Sequence[str] = (),
    gid_maps: Sequence[str] = (),
    image: Image | None = None,
) -> UserNamespace:
    """What the options say.

    Args:
        store: knows which ids "auto" may take.
        uid_maps, gid_maps: of the global options.
        image: what the container is made from; "auto" takes as many ids as it has.

    Raises:
        InvalidInput: a malformed map, or options that exclude each other.
        NotFound: a namespace that is not there.
    """
    user, group = args.userns_uid_map_user, args.userns_gid_map_group
    uids: Ranges = []
    gids: Ranges = []
    if user or group:
        uids, gids = _of_names(user or group, group or user)
    uid_texts = args.userns_uid_map or uid_maps
    gid_texts = args.userns_gid_map or gid_maps
    if gid_texts and not uid_texts and not user:
        from ocicore.errors import InvalidInput

        raise InvalidInput("userns-gid-map can not be used without --userns-uid-map")
    uids += _parse("userns-uid-map", uid_texts)
    gids += _parse("userns-gid-map", gid_texts)
    maps: IdMaps | None = (uids or list(gids), gids or list(uids)) if uids or gids else None
    how = args.userns
    if "userns" not in args.given_names():
        return UserNamespace(host=maps is None, id_maps=maps)
    if _is_automatic(args):

        def choose() -> IdMaps:
            from ocicore.storage import auto_userns

            return auto_userns.allocate(store, how.partition(":")[2], rootless=rootless, image=image)

        return UserNamespace(host=False, id_maps=None, choose=choose)
    if how in ("", "container", "private"):
        return UserNamespace(host=False, id_maps=maps or _everything())
    if how == "host":
        if maps is not None:
            from ocicore.errors import InvalidInput

            raise InvalidInput("can not specify ID mappings while using host's user namespace")
        return UserNamespace(host=True, id_maps=None)
    import os

    path = how.removeprefix("ns:")
    if not os.path.exists(path):
        from ocicore.errors import NotFound

        raise NotFound(f"checking user namespace: stat {path}: no such file or directory")
    if os.path.samefile(path, "/proc/self/ns/user"):
        return UserNamespace(host=True, id_maps=None)  # nobody can join the namespace he is in
    return UserNamespace(host=False, id_maps=maps, path=path)


def _everything() -> IdMaps:
    """A namespace of its own with every id of ours in its place."""
    from ocicore.linux import userns

    uids, gids = userns.own_maps()
    return (
        [(inside, inside, size) for inside, _, size in uids],
        [(inside, inside, size) for inside, _, size in gids],
    )


def _of_names(user: str, group: str) -> tuple[Ranges, Ranges]:
    from ocicore.errors import InvalidInput
    from ocicore.linux import userns

    uids = userns.read_subids(user, -1)[0]
    gids = userns.read_subids(group, -1)[1]
    if not uids or not gids:
        raise InvalidInput(
            f'no subuid ranges found for user "{user}" and group "{group}" in /etc/subuid and /etc/subgid'
        )
    return _stacked(uids), _stacked(gids)


def _stacked(ranges: Any) -> Ranges:
    """Ranges of subordinate ids one after another from 0."""
    result: Ranges = []
    position = 0
    for _, host, size in ranges:
        result.append((position, host, size))
        position += size
    return result


def _parse(option: str, texts: Sequence[str]) -> Ranges:
    import re

    result: Ranges = []
    for text in texts:
        words = [int(word) for word in re.findall(r"\d+", text)]
        if len(words) % 3 or not words:
            from ocicore.errors import InvalidInput

            raise InvalidInput(
                f"initializing ID mappings: {option} setting is malformed "
                f'expected ["uint32:uint32:uint32"]: ["{text}"]'
            )
        result += [(words[at], words[at + 1], words[at + 2]) for at in range(0, len(words), 3)]
    return result
