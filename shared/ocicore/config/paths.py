"""Where one user's files live: XDG base directories, and who the user is outside of a user namespace.

`_CONTAINERS_ROOTLESS_UID`/`_CONTAINERS_ROOTLESS_GID` are podman's and buildah's way of telling a
process that became root in a user namespace whose it is; we read and set the same names.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class UserPaths:
    """One user's directories.

    Attributes:
        uid, gid: of the real user, outside of any user namespace.
        username: its name, or the number when it has none.
        home: home directory.
        runtime_dir: for sockets and state that ends with the login ($XDG_RUNTIME_DIR), as root /run.
        config_home: $XDG_CONFIG_HOME or ~/.config; as root /etc is searched instead.
        data_home: $XDG_DATA_HOME or ~/.local/share, as root /var/lib.
        tmp: $TMPDIR or /var/tmp – for big temporary files.
        rootless: works with an ordinary user's rights.
    """

    __slots__ = (
        "config_home",
        "data_home",
        "gid",
        "home",
        "rootless",
        "runtime_dir",
        "tmp",
        "uid",
        "username",
    )

    def __init__(
        self,
        *,
        uid: int,
        gid: int,
        username: str,
        home: str,
        runtime_dir: str,
        config_home: str,
        data_home: str,
        tmp: str,
        rootless: bool,
    ) -> None:
        self.uid = uid
        self.gid = gid
        self.username = username
        self.home = home
        self.runtime_dir = runtime_dir
        self.config_home = config_home
        self.data_home = data_home
        self.tmp = tmp
        self.rootless = rootless


def user_paths(environ: Mapping[str, str]) -> UserPaths:
    """The paths of the calling user; makes nothing but a private fall-back for a missing runtime directory."""
    uid = _number(environ.get("_CONTAINERS_ROOTLESS_UID"), os.geteuid())
    gid = _number(environ.get("_CONTAINERS_ROOTLESS_GID"), os.getegid())
    rootless = uid != 0
    home = environ.get("HOME") or ""
    username = ""
    if not os.path.isabs(home) or not environ.get("USER"):
        import pwd

        try:
            entry = pwd.getpwuid(uid)
            username = entry.pw_name
            home = home if os.path.isabs(home) else entry.pw_dir
        except KeyError:
            username = str(uid)
            home = home if os.path.isabs(home) else "/"
    else:
        username = environ["USER"]
    tmp = environ.get("TMPDIR") or "/var/tmp"
    config_home = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    if rootless:
        data_home = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local/share")
        runtime_dir = _runtime_dir(environ, uid, home)
    else:
        data_home = "/var/lib"
        runtime_dir = "/run"
    return UserPaths(
        uid=uid,
        gid=gid,
        username=username,
        home=home,
        runtime_dir=runtime_dir,
        config_home=config_home,
        data_home=data_home,
        tmp=tmp,
        rootless=rootless,
    )


def _runtime_dir(environ: Mapping[str, str], uid: int, home: str) -> str:
    """$XDG_RUNTIME_DIR, else /run/user/UID, else a private directory in /tmp, else in the home."""
    given = environ.get("XDG_RUNTIME_DIR")
    if given:
        # Mounts and namespaces' files below it are looked for by other processes, from where links may lead elsewhere.
        return os.path.realpath(given)
    # In the user namespace this user is root, and the directory looks like root's.
    owners = (uid, os.geteuid())
    usual = f"/run/user/{uid}"
    if _is_private(usual, owners):
        return usual
    fallback = os.path.join(environ.get("TMPDIR") or "/tmp", f"storage-run-{uid}")
    for path in (fallback, os.path.join(home, "rundir")):
        try:
            os.mkdir(path, 0o700)
        except OSError:
            pass
        if _is_private(path, owners):
            return path
    return fallback


def _is_private(path: str, owners: tuple[int, int]) -> bool:
    """A real directory of ours that others cannot write into (somebody else may have made it in /tmp)."""
    import stat

    try:
        st = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(st.st_mode) and st.st_uid in owners and not st.st_mode & 0o022


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default
