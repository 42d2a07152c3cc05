"""Processes moved to scopes of their own: StartTransientUnit of org.freedesktop.systemd1 (its man page)."""

from __future__ import annotations

import os

from ocicore.linux import cgroups
from ocicore.systemd import bus

#: Seconds in which a scope of the same name, whose processes have ended, has to be gone; and between two looks at it.
_PATIENCE, _PAUSE = 3.0, 0.01


def move(pid: int, scope: str, slice_name: str, *, uid: int | None = None, runtime_dir: str = "") -> None:
    """Start a scope with one process in it, and wait until the process is there. A scope that is there already, for its
    former process has not quite ended, takes it in.

    Args:
        pid: as the manager sees it: this process and the manager are in one pid namespace.
        scope: its name, with ".scope".
        uid: of a user's manager (the id outside of any user namespace), None for the system's.
        runtime_dir: that user's XDG_RUNTIME_DIR.

    Raises:
        ManagerError: there is no manager, or it refused.
    """
    import time

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with bus.Link(scope, uid=uid, runtime_dir=runtime_dir) as link:
                result = link.job(
                    link.call("StartTransientUnit", "ssa(sv)a(sa(sv))", _start(pid, scope, slice_name))
                )
            if result != "done":
                raise bus.ManagerError(f"asking systemd for {scope}: its start ended as {result}")
            return
        except bus.ManagerError as error:
            if error.kind != bus.UNIT_EXISTS or time.monotonic() > deadline:
                raise
        try:
            with bus.Link(scope, uid=uid, runtime_dir=runtime_dir) as link:
                link.call("AttachProcessesToUnit", "ssau", _attach(pid, scope))
            return
        except bus.ManagerError:
            time.sleep(_PAUSE)  # it has ended in between, or is about to


def leave_session(*, uid: int, runtime_dir: str) -> None:
    """Move this process, of a rootless user, to a scope of the user's manager, unless its group is the user's already.

    From a login session's group, which is root's, no process may be moved into a container's group.

    Raises:
        ManagerError
    """
    if not bus.booted() or owns_group():
        return
    move(os.getpid(), f"podman-{os.getpid()}.scope", "user.slice", uid=uid, runtime_dir=runtime_dir)


def keep_pause(pid: int, *, uid: int, runtime_dir: str) -> None:
    """Give a rootless user's new pause process a scope of its own, so that it outlives the session that made it.

    Without a manager it stays where it is.
    """
    if not bus.booted():
        return
    try:
        move(pid, f"podman-pause-{os.urandom(4).hex()}.scope", "user.slice", uid=uid, runtime_dir=runtime_dir)
    except bus.ManagerError:
        return


def owns_group() -> bool:
    """Whether the group of this process, where systemd looks, belongs to this user."""
    own = cgroups.own_paths()
    for tree, key in (("", ""), ("systemd", "name=systemd"), ("unified", "")):
        if key not in own:
            continue
        try:
            info = os.stat(f"{cgroups.ROOT}/{tree}{own[key]}/cgroup.procs")
        except OSError:
            continue
        return info.st_uid == os.geteuid()
    return False


def _start(pid: int, scope: str, slice_name: str) -> bus.Writer:
    body = bus.Writer()
    body.text(scope)
    body.text("replace")
    properties = body.array(8)
    body.property("PIDs", "au")
    body.numbers(pid)
    for name, value in (("Slice", slice_name), ("Description", scope)):
        body.property(name, "s")
        body.text(value)
    for name, flag in (("Delegate", True), ("DefaultDependencies", False)):
        body.property(name, "b")
        body.number(flag)
    body.end(properties, 8)
    body.end(body.array(8), 8)  # no other units with it
    return body


def _attach(pid: int, scope: str) -> bus.Writer:
    body = bus.Writer()
    body.text(scope)
    body.text("")  # of the groups below it none
    body.numbers(pid)
    return body
