"""Describe a file tree completely, for comparison: types, modes, owners, times, links, devices, xattrs, contents.

Also runs as a script (`python3 tree.py ROOT`, inside a user namespace for rootless stores) and prints JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys


def describe(root: str, *, times: bool = True, ignore: tuple[str, ...] = ()) -> dict[str, dict[str, object]]:
    """Every path below `root` (relative, surrogateescaped) to its attributes; hard links name their first path."""
    result: dict[str, dict[str, object]] = {}
    first: dict[tuple[int, int], str] = {}
    for folder, names, files in os.walk(root):
        names.sort()
        for name in sorted([*names, *files, *([""] if folder == root else [])]):
            path = os.path.join(folder, name) if name else root
            relative = os.path.relpath(path, root)
            if relative in ignore:
                continue
            status = os.lstat(path)
            entry: dict[str, object] = {
                "mode": oct(status.st_mode),
                "owner": f"{status.st_uid}:{status.st_gid}",
                "xattrs": _xattrs(path),
            }
            # The root directory's own time is the mount's affair.
            if times and relative != ".":
                entry["mtime"] = status.st_mtime_ns
            if stat.S_ISLNK(status.st_mode):
                entry["target"] = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                entry["digest"] = _digest(path)
                if status.st_nlink > 1:
                    entry["same as"] = first.setdefault((status.st_dev, status.st_ino), relative)
            elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
                entry["device"] = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
            result[relative] = entry
    return result


def _xattrs(path: str) -> dict[str, str]:
    names = [
        name
        for name in os.listxattr(path, follow_symlinks=False)
        if not name.startswith(("trusted.overlay", "user.overlay"))
    ]
    return {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in sorted(names)}


def _digest(path: str) -> str:
    hasher = hashlib.sha256()
    with open(path, "rb") as handle:
        while chunk := handle.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


def differences(left: dict[str, dict[str, object]], right: dict[str, dict[str, object]]) -> list[str]:
    """One line for each path or attribute that is not the same."""
    lines = []
    for path in sorted(left.keys() | right.keys()):
        if left.get(path) != right.get(path):
            lines.append(f"{path!r}: {left.get(path)} / {right.get(path)}")
    return lines


if __name__ == "__main__":
    json.dump(describe(sys.argv[1]), sys.stdout)
