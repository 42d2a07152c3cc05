"""An ordinary user for rootless tests: made by root with subordinate ids, or the caller itself."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from support.programs import BIN, REPOSITORY, Tool

NAME = "pypodtest"


class OrdinaryUser:
    """A user with a home, a runtime directory, and the programs where the user can read them."""

    def __init__(self, name: str, programs: Path) -> None:
        entry = pwd.getpwnam(name)
        self.name, self.uid, self.gid, self.home = name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir)
        self.runtime_dir = _runtime_dir(self.uid)
        self.programs = programs

    def environment(self) -> dict[str, str]:
        """What a login would set, and nothing of the caller's."""
        return {
            "HOME": str(self.home),
            "USER": self.name,
            "LOGNAME": self.name,
            "XDG_RUNTIME_DIR": str(self.runtime_dir),
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "LC_ALL": "C.UTF-8",
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        }

    def tool(self, name: str, *options: str) -> Tool:
        """One of our programs, or a peer's, as this user."""
        path = self.programs / name
        program = str(path) if path.exists() else name
        extra = ["--runtime", "runc"] if name == "podman" else []
        return Tool([*self.become, program, *extra, *options], self.environment(), str(self.home))

    def command(self, *argv: str) -> Tool:
        """Any command as this user."""
        return Tool([*self.become, *argv], self.environment(), str(self.home))

    @property
    def become(self) -> list[str]:
        """What a command line of the user begins with."""
        if os.geteuid() == self.uid:
            return []
        return ["/usr/bin/setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups", "--"]


def tun_for_everyone(folder: Path) -> list[str]:
    """A mount namespace in which /dev/net/tun has the mode it has on ordinary hosts (0666)."""
    node = folder / "tun"
    if not node.exists():
        os.mknod(node, 0o020666, os.makedev(10, 200))
        node.chmod(0o666)
    return ["unshare", "--mount", "sh", "-c", f'mount --bind {node} /dev/net/tun && exec "$@"', "sh"]


def _runtime_dir(uid: int) -> Path:
    """What a login made; for a caller without one (su, chroot) a private folder in /tmp, as the programs take it."""
    usual = Path(f"/run/user/{uid}")
    if os.geteuid() == 0 or usual.is_dir():
        return usual
    if given := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(given)
    fallback = Path(f"/tmp/storage-run-{uid}")
    fallback.mkdir(mode=0o700, exist_ok=True)
    return fallback


def _readable(user: str, path: Path) -> bool:
    probe = [
        "setpriv",
        f"--reuid={user}",
        f"--regid={pwd.getpwnam(user).pw_gid}",
        "--clear-groups",
        "test",
        "-r",
        str(path),
    ]
    return subprocess.run(probe, check=False).returncode == 0


def ordinary_user(scratch: Path) -> OrdinaryUser:
    """The user rootless tests run as.

    Root makes one named `pypodtest` and, where the checkout lies in a folder that user may not enter, installs the
    programs below `scratch` for it.
    """
    if os.geteuid() != 0:
        return OrdinaryUser(pwd.getpwuid(os.geteuid()).pw_name, BIN)
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", NAME], check=True)
        entry = pwd.getpwnam(NAME)
    runtime = Path(f"/run/user/{entry.pw_uid}")
    runtime.mkdir(parents=True, exist_ok=True)
    os.chown(runtime, entry.pw_uid, entry.pw_gid)
    runtime.chmod(0o700)
    programs = BIN
    if not _readable(NAME, BIN / "pypod"):
        prefix = scratch / "prefix"
        if not (prefix / "bin" / "pypod").exists():
            subprocess.run(
                ["make", "-s", "-C", str(REPOSITORY), "install", f"PREFIX={prefix}", "DESTDIR="], check=True
            )
        for folder in (scratch, *scratch.parents):
            if folder.is_dir() and not _readable(NAME, folder):
                folder.chmod(folder.stat().st_mode | 0o055)
            if _readable(NAME, programs):
                break
        programs = prefix / "bin"
    return OrdinaryUser(NAME, programs)


def remove_user_data(user: OrdinaryUser) -> None:
    """Remove containers' data of the user (files of subordinate ids need root)."""
    shutil.rmtree(user.home / ".local" / "share" / "containers", ignore_errors=True)
