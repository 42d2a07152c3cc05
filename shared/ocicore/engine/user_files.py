"""passwd(5) and group(5) for a container whose user its image does not know.

Lines are added to the files in the container's root, where its own programs may go on changing them; with a read-only root
extended copies are bound over. The lines are podman's: USERNAME:*:UID:GID:container user:HOME:/bin/sh.
"""

from __future__ import annotations

import os

from ocicore.engine.quantities import parse_unsigned
from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.prepare import Preparation


def add(work: Preparation) -> None:
    """Write extended files where they are needed. Raises InvalidInput for an unknown --hostuser."""
    passwd = _image_file(work.root, "/etc/passwd")
    group = _image_file(work.root, "/etc/group")
    config = work.config
    asked = config["asked"]
    runtime = config["runtime"]
    users = {line.split(":")[0] for line in passwd.splitlines() if line}
    uids = {line.split(":")[2] for line in passwd.splitlines() if line.count(":") > 2}
    gids = {line.split(":")[2] for line in group.splitlines() if line.count(":") > 1}
    new_users: list[str] = []
    new_groups: list[str] = []
    for name in asked.get("hostuser", ()):
        entry = _host_user(name)
        if entry.partition(":")[0] not in users:  # an earlier start has added it
            new_users.append(entry)
    text, _, group_text = (runtime.get("user") or "").partition(":")
    if text.isdigit() and text not in uids:
        uid = parse_unsigned(text, "user id")
        gid = parse_unsigned(group_text, "group id") if group_text.isdigit() else 0
        name, home = _who(work, uid)
        if name not in users:
            entry = asked.get("passwd_entry") or f"{name}:*:{uid}:{gid}:container user:{home}:/bin/sh"
            new_users.append(_filled(entry, name, uid, gid, home))
    elif asked.get("passwd_entry"):
        new_users.append(_filled(asked["passwd_entry"], text or "root", 0, 0, "/"))
    if group_text.isdigit() and group_text not in gids:
        name = _who(work, int(text))[0] if text.isdigit() else group_text
        entry = asked.get("group_entry") or f"{name}:x:{group_text}:{text}"
        new_groups.append(_filled(entry, name, 0, int(group_text), ""))
    elif asked.get("group_entry"):
        new_groups.append(_filled(asked["group_entry"], text or "root", 0, 0, ""))
    for file, text_before, lines in (("passwd", passwd, new_users), ("group", group, new_groups)):
        if lines:
            _write(work, file, text_before, lines)


def _image_file(root: str, path: str) -> str:
    from ocicore.linux import resolve

    try:
        found = resolve.resolve_in_root(root, path)
        with open(found, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (OSError, Error):
        return ""


def _who(work: Preparation, uid: int) -> tuple[str, str]:
    """Name and home for a numeric user: the caller's own with keep-id, else the number and the working directory."""
    user = work.engine.user
    if uid == user.uid and work.config["namespaces"]["user"].startswith("keep-id"):
        home = work.config["runtime"]["env"].get("HOME") or _mounted_home(work, user.home)
        return user.username, home or work.config["runtime"].get("cwd") or "/"
    return str(uid), work.config["runtime"].get("cwd") or "/"


def _mounted_home(work: Preparation, home: str) -> str:
    """The user's own home where something is mounted on it or on a directory above; else ""."""
    place = home.rstrip("/")
    while place:
        if place in work.destinations:
            return home
        place = place.rpartition("/")[0]
    return ""


def _host_user(name: str) -> str:
    import pwd

    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        raise InvalidInput(f"host user {name}: unknown user {name}") from None
    return f"{entry.pw_name}:*:{entry.pw_uid}:{entry.pw_gid}:{entry.pw_gecos}:{entry.pw_dir}:{entry.pw_shell}"


def _filled(template: str, name: str, uid: int, gid: int, home: str) -> str:
    """podman's variables of --passwd-entry and --group-entry."""
    for variable, value in (
        ("$USERNAME", name),
        ("$GROUPNAME", name),
        ("$UID", str(uid)),
        ("$GID", str(gid)),
        ("$NAME", "container user"),
        ("$HOME", home),
    ):
        template = template.replace(variable, value)
    return template


def _write(work: Preparation, name: str, before: str, lines: list[str]) -> None:
    if before and not work.config["runtime"].get("read_only") and _append(work, name, before, lines):
        return
    path = f"{work.static_dir}/{name}"
    if before and not before.endswith("\n"):
        before += "\n"
    data = before + "".join(line + "\n" for line in lines)
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(data)
    os.chmod(path, 0o644)
    work.bind_file(path, f"/etc/{name}")


def _append(work: Preparation, name: str, before: str, lines: list[str]) -> bool:
    """Add lines to the file in the root; False when it cannot be written."""
    from ocicore.linux import resolve

    data = ("" if before.endswith("\n") else "\n") + "".join(line + "\n" for line in lines)
    try:
        found = resolve.resolve_in_root(work.root, f"/etc/{name}")
        descriptor = os.open(found, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (OSError, Error):
        return False
    try:
        os.write(descriptor, data.encode("utf-8", "surrogateescape"))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
