"""Namespaces and id maps of a new container: --pid --ipc --uts --cgroupns --userns --uidmap --gidmap.

Maps are relative to the namespace the engine works in: the initial one for root, the pause process's for a user, where
id 0 is the user itself and 1 and up are the subordinate ids.
"""

from __future__ import annotations

from ocicore.engine.options import namespaces
from ocicore.errors import InvalidInput, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.engine.context import Engine
    from ocicore.engine.create_options import CreateOptions
    from ocicore.runtime.types import IdMapping
    from ocicore.storage.records import IdMaps, Image


def modes(engine: Engine, options: CreateOptions) -> tuple[dict[str, str], list[str]]:
    """(kind -> mode as `inspect` prints it, ids of the containers that are needed)."""
    conf = engine.config.containers

    def resolve(name: str) -> str:
        return engine.state.containers.find(name).id

    result = {
        "pid": namespaces.check("pid", options.pid or conf.pidns, resolve),
        "ipc": namespaces.check("ipc", options.ipc or conf.ipcns, resolve),
        "uts": namespaces.check("uts", options.uts or conf.utsns, resolve),
        "cgroup": namespaces.check("cgroup", options.cgroupns or conf.cgroupns, resolve),
    }
    if result["ipc"].startswith("container:"):
        donor = result["ipc"].removeprefix("container:")
        if engine.state.containers.find(donor).config["namespaces"]["ipc"] in ("private", "none"):
            raise InvalidInput(
                f"joining IPC of container {donor} is not allowed: non-shareable IPC "
                "(hint: use IpcMode:shareable for the donor container)"
            )
    userns = _user_mode(engine, options)
    if options.uidmap or options.gidmap or options.subuidname or options.subgidname:
        if options.userns:
            raise InvalidInput(
                "--userns and --uidmap/--gidmap/--subuidname/--subgidname cannot be used together"
            )
        userns = "private"
    if userns.startswith("container:"):
        userns = "container:" + resolve(userns.removeprefix("container:"))
    if userns.startswith(":"):
        raise InvalidInput(f"unrecognized namespace mode {userns} passed")
    if userns.startswith("keep-id") and not engine.rootless:
        namespaces.check_user(userns)
        userns = ""
    result["user"] = userns
    needed = [namespaces.needed_container(mode) for mode in result.values()]
    return result, [id for id in needed if id]


class UserMapping:
    """How a container's ids map: empty maps for none of its own; `user` is keep-id's default user."""

    __slots__ = ("gids", "uids", "user")

    def __init__(self, uids: list[IdMapping], gids: list[IdMapping], user: str = "") -> None:
        self.uids = uids
        self.gids = gids
        self.user = user


def _user_mode(engine: Engine, options: CreateOptions) -> str:
    mode: str = (
        options.userns or engine.environ.get("PODMAN_USERNS", "") or engine.config.containers.userns or ""
    )
    return mode


def chooses_ids(engine: Engine, options: CreateOptions) -> bool:
    """Will `user_mapping` choose ids that no other container has?"""
    return _user_mode(engine, options).partition(":")[0] == "auto"


def user_mapping(
    engine: Engine, options: CreateOptions, mode: str, *, image: Image | None = None, user: str = ""
) -> UserMapping:
    """The id maps that a --userns mode (or --uidmap, --gidmap) means. Raises InvalidInput, Unsupported."""
    kind, _, text = mode.partition(":")
    if kind in ("", "host", "ns"):
        return UserMapping([], [])
    if kind == "private":
        return _explicit(engine, options)
    if kind == "keep-id":
        return _keep_id(engine, text)
    if kind == "nomap":
        if not engine.rootless:
            raise InvalidInput("nomap is only supported in rootless mode")
        uids, gids = _available(engine)
        # Everything but the user's own id, which is 0 here.
        return UserMapping(_extent(0, 1, uids - 1), _extent(0, 1, gids - 1))
    if kind == "auto":
        from ocicore.storage import auto_userns

        uid_map, gid_map = auto_userns.allocate(
            engine.store, text, rootless=engine.rootless, image=image, user=user
        )
        return UserMapping(_mappings(uid_map), _mappings(gid_map))
    if kind == "container":
        other = engine.state.containers.find(text)
        runtime = other.config["runtime"]
        # Members of a pod with keep-id are the caller, as its infra container is.
        user = runtime.get("user", "") if other.is_infra else ""
        return UserMapping(runtime.get("uid_mappings", []), runtime.get("gid_mappings", []), user)
    raise InvalidInput(f"unrecognized namespace mode {mode} passed")


def _mappings(ranges: Sequence[tuple[int, int, int]]) -> list[IdMapping]:
    return [{"container_id": inside, "host_id": outside, "size": size} for inside, outside, size in ranges]


def _extent(inside: int, outside: int, size: int) -> list[IdMapping]:
    return [{"container_id": inside, "host_id": outside, "size": size}] if size > 0 else []


def _available(engine: Engine) -> tuple[int, int]:
    """How many ids the namespace we are in has, from 0 without a gap."""
    return _run_length(engine.host.uid_map), _run_length(engine.host.gid_map)


def _run_length(extents: list[tuple[int, int, int]]) -> int:
    end = 0
    for inside, _, size in sorted(extents):
        if inside != end:
            break
        end = inside + size
    return end


def _keep_id(engine: Engine, text: str) -> UserMapping:
    given = namespaces.keep_id(text)
    uid, gid = given.get("uid", engine.user.uid), given.get("gid", engine.user.gid)
    size = given.get("size", 0)
    if not engine.rootless:
        return UserMapping([], [])  # root is itself already
    uids, gids = _available(engine)
    if size:
        uids, gids = min(uids, size), min(gids, size)
    return UserMapping(_with_user_at(uid, uids), _with_user_at(gid, gids), f"{uid}:{gid}")


def _with_user_at(own: int, available: int) -> list[IdMapping]:
    """The caller's id (0 here) at `own` inside, the subordinate ids around it."""
    below = min(own, available - 1)
    return [
        *_extent(0, 1, below),
        *_extent(own, 0, 1),
        *_extent(own + 1, 1 + below, available - 1 - below),
    ]


def _explicit(engine: Engine, options: CreateOptions) -> UserMapping:
    if options.subuidname or options.subgidname:
        from ocicore.linux import userns

        uid_maps, gid_maps = userns.read_subids(options.subuidname or options.subgidname, -1)
        if not uid_maps or not gid_maps:
            name = options.subuidname or options.subgidname
            raise InvalidInput(f"no subordinate ids for user {name!r} in /etc/subuid and /etc/subgid")
        return UserMapping(_stacked(uid_maps), _stacked(gid_maps))
    from ocicore.engine import id_maps

    own = engine.host
    uid_texts = options.uidmap or options.gidmap
    uids = id_maps.parse(uid_texts, "uid", own.uid_map, rootless=engine.rootless)
    gids = id_maps.parse(options.gidmap or uid_texts, "gid", own.gid_map, rootless=engine.rootless)
    if not uids and not gids:
        raise Unsupported("a private user namespace needs --uidmap and --gidmap, or --userns=auto")
    # Flags may leave one kind without a map: its ids stay as they are.
    return UserMapping(
        _mappings(uids or id_maps.filled([], own.uid_map)), _mappings(gids or id_maps.filled([], own.gid_map))
    )


def _stacked(maps: list[tuple[int, int, int]]) -> list[IdMapping]:
    result: list[IdMapping] = []
    inside = 0
    for _, outside, size in maps:
        result += _extent(inside, outside, size)
        inside += size
    return result


def describe(mapping: list[IdMapping]) -> list[str]:
    """Extents as `inspect` prints them: "0:1000:1"."""
    return [f"{extent['container_id']}:{extent['host_id']}:{extent['size']}" for extent in mapping]


def storage_maps(mapping: UserMapping) -> IdMaps | None:
    """The maps as the store wants them, or None."""
    if not mapping.uids:
        return None
    return _tuples(mapping.uids), _tuples(mapping.gids)


def _tuples(extents: list[IdMapping]) -> list[tuple[int, int, int]]:
    return [(extent["container_id"], extent["host_id"], extent["size"]) for extent in extents]
