"""Where Quadlet files lie: the folders that are searched, with all below them, and the drop-ins of a file.

A file hides those of the same name in later folders. Only the names are read here.
"""

from __future__ import annotations

from ocicore.systemd.quadlet.disk import DISK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ocicore.systemd.quadlet.disk import Disk

#: Of the administrator at run time, of the administrator, of the distribution; for root's services.
SYSTEM_FOLDERS = ("/run/containers/systemd", "/etc/containers/systemd", "/usr/share/containers/systemd")
#: Folders whose "users" holds files for the services of users: of all, and of one in a folder named by the uid.
_SHARED_FOLDERS = SYSTEM_FOLDERS[1:]


def search_folders(
    is_user: bool, uid: int, environ: Mapping[str, str], say: Callable[[str], None], disk: Disk = DISK
) -> list[str]:
    """The folders in which the generator looks, the strongest first.

    Args:
        environ: $QUADLET_UNIT_DIRS names others; a user's come from $XDG_CONFIG_HOME, $HOME and $XDG_RUNTIME_DIR.
        say: is told of what is wrong with these.
    """
    given = environ.get("QUADLET_UNIT_DIRS")
    if given:
        return named_folders(given, say, disk)
    if not is_user:
        return system_folders(disk=disk)
    config = config_home(environ)
    if not config:
        say("Warning: neither $XDG_CONFIG_HOME nor $HOME names a folder")
        return []
    return user_folders(uid, config, environ.get("XDG_RUNTIME_DIR"), disk=disk)


def config_home(environ: Mapping[str, str]) -> str:
    """Where a user's configuration lies, "" when that cannot be told."""
    config = environ.get("XDG_CONFIG_HOME") or (f"{environ['HOME']}/.config" if environ.get("HOME") else "")
    return config if config.startswith("/") else ""


def install_folder(is_user: bool, environ: Mapping[str, str]) -> str:
    """Where new files are put, "" when that cannot be told."""
    given = environ.get("QUADLET_UNIT_DIRS")
    if given:
        return given.split(":")[0]
    if not is_user:
        return SYSTEM_FOLDERS[1]
    config = config_home(environ)
    return f"{config}/containers/systemd" if config else ""


def named_folders(variable: str, say: Callable[[str], None], disk: Disk = DISK) -> list[str]:
    """The folders in a colon-separated list, with those below. A relative one ends the list, with a word to `say`."""
    found: dict[str, None] = {}
    for folder in variable.split(":"):
        if not folder.startswith("/"):
            say(f"{folder} not a valid file path")
            break
        _add(disk, folder, found, None)
    return list(found)


def system_folders(roots: tuple[str, ...] = SYSTEM_FOLDERS, disk: Disk = DISK) -> list[str]:
    """The folders of root's services, those of users' services left out."""
    users = [disk.real(f"{root}/users") for root in roots]
    found: dict[str, None] = {}
    for root in roots:
        _add(disk, root, found, lambda path: not _below(path, users))
    return list(found)


def user_folders(
    uid: int,
    config_home: str,
    runtime_dir: str | None,
    shared: tuple[str, ...] = _SHARED_FOLDERS,
    disk: Disk = DISK,
) -> list[str]:
    """The folders of a user's services: the user's own, then what the administrator and the distribution give to all
    users and to this one."""
    found: dict[str, None] = {}
    if runtime_dir:
        _add(disk, f"{runtime_dir}/containers/systemd", found, None)
    _add(disk, f"{config_home}/containers/systemd", found, None)
    for root in shared:
        base = f"{root}/users"
        depth = disk.real(base).count("/") + 1

        def for_all(path: str, depth: int = depth) -> bool:
            parts = path.split("/")
            return len(parts) <= depth or not parts[depth].isdigit()

        _add(disk, base, found, for_all)
        _add(disk, f"{base}/{uid}", found, None)
    return list(found)


def _below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def _add(disk: Disk, path: str, found: dict[str, None], wanted: Callable[[str], bool] | None) -> None:
    """Adds a folder and those below it, symbolic links followed, each once."""
    path = disk.real(path)
    # What is in a drop-in folder belongs to a file beside it.
    if path in found or path.endswith(".d") or (wanted is not None and not wanted(path)):
        return
    entries = disk.entries(path)
    if entries is None:
        return
    found[path] = None
    for name, is_folder in entries.items():
        if is_folder:
            _add(disk, f"{path}/{name}", found, wanted)


def quadlet_files(folders: list[str], kinds: frozenset[str] | dict[str, str], disk: Disk = DISK) -> list[str]:
    """Paths of the files of these kinds (what their names end with), the first of every name."""
    seen: dict[str, str] = {}
    for folder in folders:
        for name, is_folder in (disk.entries(folder) or {}).items():
            if name.rpartition(".")[2] in kinds and name not in seen and not is_folder:
                seen[name] = f"{folder}/{name}"
    return list(seen.values())


def drop_in_folders(name: str) -> list[str]:
    """Names of the folders with drop-ins for a file, the closest first: `web-a.container.d`, `web-.container.d`,
    `container.d`; for an instance also those of its template."""
    base, _, kind = name.rpartition(".")
    unit, at, instance = base.partition("@")
    ending = f".{kind}.d"
    found = [name + ".d"]
    if instance:
        found.append(f"{unit}@{ending}")
    parts = unit.split("-")
    for length in range(len(parts) - 1, 0, -1):
        start = "-".join(parts[:length]) + "-"
        if at:
            found.append(f"{start}@{ending}")
        found.append(start + ending)
    found.append(f"{kind}.d")
    return found


class DropIns:
    """The drop-in folders that are there, looked up without a call for every file."""

    __slots__ = ("_disk", "_present")

    def __init__(self, folders: list[str], disk: Disk = DISK) -> None:
        self._disk = disk
        self._present: dict[str, list[str]] = {}
        for folder in folders:
            for name in disk.entries(folder) or ():
                if name.endswith(".d"):
                    self._present.setdefault(name, []).append(f"{folder}/{name}")

    def files(self, name: str) -> list[str]:
        """Paths of the `*.conf` files for a Quadlet file, in the order in which they are applied (by name)."""
        chosen: dict[str, str] = {}
        for folder_name in drop_in_folders(name):
            for folder in self._present.get(folder_name, ()):
                for entry in self._disk.entries(folder) or ():
                    if entry.endswith(".conf"):
                        chosen.setdefault(entry, f"{folder}/{entry}")
        return [chosen[entry] for entry in sorted(chosen)]
