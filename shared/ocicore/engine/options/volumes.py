"""-v/--volume, --tmpfs and --volumes-from: mounts in Docker's short syntax.

A mount is a plain dict (see `MountSpec`) that is kept in the container's configuration; storage of named volumes
and overlay copies happens at creation and start.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Required, TypedDict

    class MountSpec(TypedDict, total=False):
        """One mount the user or the image asked for.

        type: bind | volume | tmpfs | ramfs | overlay | image | devpts | glob; name: of a volume ("" is anonymous) or an
        image; source: host path; sub_path: inside a volume or image; options: mount(8) words plus podman's
        z, Z, U, O, idmap[=…], copy, nocopy, upperdir=…, workdir=….
        """

        type: Required[str]
        destination: Required[str]
        source: str
        name: str
        options: list[str]
        sub_path: str
        anonymous: bool
        read_write: bool


_FLAGS = frozenset(("z", "Z", "U", "O", "idmap", "copy", "nocopy", "no-dereference"))
_GROUPS = (
    ("ro", "rw"),
    ("exec", "noexec"),
    ("dev", "nodev"),
    ("suid", "nosuid"),
    ("bind", "rbind"),
    ("shared", "rshared", "private", "rprivate", "slave", "rslave", "unbindable", "runbindable"),
    ("z", "Z"),
    ("copy", "nocopy"),
    ("relatime", "noatime", "strictatime"),
)
_TMPFS_VALUES = ("size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks=")
_TMPFS_FLAGS = frozenset(("tmpcopyup", "notmpcopyup", "sync", "async", "noswap"))


def check_destination(path: str) -> str:
    """The absolute, cleaned destination. Raises InvalidInput."""
    if not path.startswith("/"):
        raise InvalidInput(f'invalid container path "{path}", must be an absolute path')
    return os.path.normpath(path).replace("//", "/", 1)


def check_options(options: Sequence[str]) -> list[str]:
    """Options of a bind mount or volume; at most one of each group. Raises InvalidInput in podman's words."""
    seen: dict[int, str] = {}
    result = []
    for option in options:
        if not option:
            continue
        for number, group in enumerate(_GROUPS):
            if option in group:
                if number in seen and seen[number] != option:
                    raise InvalidInput(
                        f"cannot pass more than one of {', '.join(group)!r} options: {seen[number]} and {option}"
                    )
                seen[number] = option
                break
        else:
            if option not in _FLAGS and not option.startswith(("idmap=", "upperdir=", "workdir=")):
                raise InvalidInput(f"invalid mount option {option!r}")
        if option not in result:
            result.append(option)
    return result


def read_volume(text: str, *, working_dir: str) -> MountSpec:
    """One -v value: [SOURCE:]DESTINATION[:OPTIONS]. Raises InvalidInput."""
    parts = _split(text)
    if len(parts) > 3:
        raise InvalidInput(f"incorrect volume format, should be [host-dir:]ctr-dir[:option]: {text}")
    if len(parts) == 1:
        if not parts[0]:
            raise InvalidInput(f"incorrect volume format, should be [host-dir:]ctr-dir[:option]: {text}")
        return {"type": "volume", "name": "", "anonymous": True, "destination": check_destination(parts[0])}
    source = parts[0]
    if not source:
        raise InvalidInput("host directory cannot be empty")
    options = check_options(parts[2].split(",")) if len(parts) == 3 else []
    destination = check_destination(parts[1])
    if source.startswith(("/", ".")):
        path = os.path.normpath(os.path.join(working_dir, source))
        if "O" in options:
            return {"type": "overlay", "source": path, "destination": destination, "options": options}
        return {"type": "bind", "source": path, "destination": destination, "options": options}
    return {"type": "volume", "name": source, "destination": destination, "options": options}


def _split(text: str) -> list[str]:
    """At ":" that no backslash protects."""
    if "\\" not in text:
        return text.split(":")
    parts, current, escaped = [], "", False
    for character in text:
        if character == ":" and not escaped:
            parts.append(current)
            current = ""
        elif character == "\\" and not escaped:
            escaped = True
            continue
        else:
            current += character if character == ":" or not escaped else "\\" + character
        escaped = False
    return [*parts, current]


def check_tmpfs_options(options: Sequence[str]) -> list[str]:
    """Options of a tmpfs. Raises InvalidInput."""
    result = []
    for option in options:
        known = option in _TMPFS_FLAGS or option == "U" or option.startswith(_TMPFS_VALUES)
        known = known or any(option in group for group in _GROUPS)
        if option and not known:
            raise InvalidInput(f"invalid tmpfs option {option!r}: invalid mount option")
        if option:
            result.append(option)
    return result


def read_tmpfs(text: str) -> MountSpec:
    """One --tmpfs value: DESTINATION[:OPTIONS]. Raises InvalidInput."""
    destination, _, options = text.partition(":")
    words = check_tmpfs_options(options.split(","))
    return {
        "type": "tmpfs",
        "source": "tmpfs",
        "destination": check_destination(destination),
        "options": words,
    }


def read_volumes_from(text: str) -> tuple[str, list[str]]:
    """One --volumes-from value: CONTAINER[:OPTIONS] as (container, options). Raises InvalidInput."""
    name, _, options = text.partition(":")
    words = [word for word in options.split(",") if word]
    for word in words:
        if word not in ("ro", "rw", "z"):
            raise InvalidInput(f'invalid options "{options}", can only specify "ro", "rw", and "z"')
    if "ro" in words and "rw" in words:
        raise InvalidInput(f'invalid options "{options}", cannot specify both "ro" and "rw"')
    return name, words


def unify(mounts: Iterable[MountSpec]) -> list[MountSpec]:
    """One mount for each destination. Raises InvalidInput when two different ones were asked for."""
    found: dict[str, MountSpec] = {}
    for mount in mounts:
        destination = mount["destination"]
        if found.get(destination, mount) != mount:
            raise InvalidInput(f"{destination}: duplicate mount destination")
        found[destination] = mount
    return list(found.values())
