"""User namespaces: becoming root in one without privileges, and keeping it alive for the next command.

Follows user_namespaces(7), subuid(5), newuidmap(1). The process that holds the namespace is podman's pause
process by contract: its pid is in $XDG_RUNTIME_DIR/libpod/tmp/pause.pid, decimal without newline, written by
whoever comes first; it stands in a user and a mount namespace, and has _PODMAN_PAUSE=1 in its environment.
"""

from __future__ import annotations

import os

from ocicore.errors import Error, MissingProgram
from ocicore.linux import namespaces, process
from ocicore.native._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    #: (container_id, host_id, size), as in /proc/PID/uid_map.
    IdMap = tuple[int, int, int]

_PROGRAM_DIRS = ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/run/wrappers/bin")
_RENAME_NOREPLACE = 1
_EEXIST = 17


class UserNamespaceError(Error):
    """A user namespace cannot be made or entered; the hint says what the administrator can do."""


class Ensured:
    """What `ensure` did: pause_pid, and whether this call created the namespace."""

    __slots__ = ("created", "pause_pid")

    def __init__(self, pause_pid: int, created: bool) -> None:
        self.pause_pid = pause_pid
        self.created = created


def read_subids(
    user: str, uid: int, *, subuid: str = "/etc/subuid", subgid: str = "/etc/subgid"
) -> tuple[list[IdMap], list[IdMap]]:
    """The subordinate ids of a user as maps for a rootless namespace, without id 0 (which is the user's own).

    Container ids count from 1 in the order of the file, as podman maps them. Both lists are empty when the user
    has no ranges. With "subid:" in nsswitch.conf the ranges come from getsubids(1).

    Raises:
        UserNamespaceError: a line for the user is malformed, or only one of the files has ranges.
    """
    uid_map = _read_ranges(subuid, user, uid, group=False)
    gid_map = _read_ranges(subgid, user, uid, group=True)
    if bool(uid_map) != bool(gid_map):
        lacking = subgid if uid_map else subuid
        raise UserNamespaceError(
            f"reading subordinate ids of {user}: no range in {lacking}",
            hint=f"add one with: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
        )
    return uid_map, gid_map


def pause_pid(pid_file: str) -> int:
    """The pid in a pause.pid file, 0 when there is none, it is unreadable, or that process is not usable."""
    pid = _recorded(pid_file)
    return pid if _holds_namespace(pid) else 0


def end_pause(pid_file: str) -> None:
    """End the pause process and forget it, also from within its namespaces; what comes next makes them anew."""
    pid = _recorded(pid_file)
    if pid > 1 and _is_pause_process(pid):
        process.end(pid)
    try:
        os.unlink(pid_file)
    except FileNotFoundError:
        pass


def join(pid: int) -> None:
    """Enter that process's user and mount namespaces and become root there.

    Only for a process with one thread, before anything else is opened. The working directory is kept by path,
    supplementary groups are left alone (they show as the overflow group), the process is dumpable again.

    Raises:
        UserNamespaceError: the process is gone, or belongs to somebody else.
    """
    try:
        cwd = os.getcwd()
    except FileNotFoundError:
        cwd = "/"
    try:
        user_fd = namespaces.open_ns(pid, "user")
        try:
            mount_fd = namespaces.open_ns(pid, "mnt")
        except Error:
            os.close(user_fd)
            raise
    except Error as error:
        raise UserNamespaceError(f"joining namespaces of pause process {pid}: {error}") from None
    try:
        namespaces.setns(user_fd, namespaces.CLONE_NEWUSER)
        namespaces.setns(mount_fd, namespaces.CLONE_NEWNS)
    except Error as error:
        raise UserNamespaceError(
            f"joining namespaces of pause process {pid}: {error}",
            hint="the process must belong to the same user; stop the containers and remove the pause.pid file",
        ) from None
    finally:
        os.close(user_fd)
        os.close(mount_fd)
    become_root()
    try:
        os.chdir(cwd)
    except OSError:
        os.chdir("/")


def become_root() -> None:
    """Take ids 0 of the user namespace this process has just entered."""
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # Changing ids made /proc/self root's outside; children and id maps need it to be ours.
    process.set_dumpable(True)


def create_pause(pid_file: str, uid_maps: Sequence[IdMap], gid_maps: Sequence[IdMap]) -> int:
    """Make a pause process in a new user and mount namespace, and record it.

    `uid_maps`/`gid_maps` as from `read_subids`; empty maps only the caller's own id to 0. When another process
    records its pause process first, ours ends and that one's pid is returned.

    Raises:
        MissingProgram: newuidmap or newgidmap is not installed.
        UserNamespaceError: the kernel or a policy forbids user namespaces, or the ranges are not allowed.
    """
    sync, pid = _start_child(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)
    try:
        _write_maps(pid, uid_maps, gid_maps)
        _finish_child(sync)
    finally:
        os.close(sync)  # an unfinished child reads end of file and ends
    return _record(pid_file, pid)


def _finish_child(sync: int) -> None:
    error = ffi.new("struct oci_error *")
    if lib.oci_namespace_child_finish(sync, error) < 0:
        raise _creation_failure(error)


def ensure(pause_pid_file: str, user: str, uid: int, gid: int, warn: Callable[[str], None]) -> Ensured:
    """Join the user's shared namespaces, making them when there are none: the first thing a rootless program does.

    `uid` and `gid` are the caller's own (real) ids. The folder of the pid file is created (0700). Afterwards this
    process is root in the namespace; the program keeps the original ids itself (for its children in
    _CONTAINERS_ROOTLESS_UID/_GID and _CONTAINERS_USERNS_CONFIGURED).

    Raises: as `create_pause` and `join`.
    """
    del gid
    for _ in range(8):
        pid = pause_pid(pause_pid_file)
        created = inside = False
        if not pid:
            try:
                pid, created, inside = _create_locked(pause_pid_file, user, uid, warn)
            except OSError as error:
                raise UserNamespaceError(
                    f"creating user namespace: {error.filename or pause_pid_file}: {(error.strerror or '').lower()}",
                    hint="XDG_RUNTIME_DIR must be a folder of the user's own: loginctl enable-linger makes one",
                ) from None
        try:
            if not inside:
                join(pid)
        except UserNamespaceError:
            if _holds_namespace(pid):
                raise
            continue  # it ended between our look and the join
        return Ensured(pid, created)
    raise UserNamespaceError(f"joining pause process of {pause_pid_file}: it keeps ending")


def namespace_with(uid_map: Sequence[IdMap], gid_map: Sequence[IdMap]) -> int:
    """A descriptor of a new user namespace with these maps, for id-mapped mounts; nobody runs in it.

    Raises:
        UserNamespaceError: not privileged to map these ids.
    """
    sync, pid = _start_child(namespaces.CLONE_NEWUSER)
    try:
        _write(f"/proc/{pid}/uid_map", _lines(uid_map), "writing uid map")
        _write(f"/proc/{pid}/gid_map", _lines(gid_map), "writing gid map")
        return namespaces.open_ns(pid, "user")
    finally:
        os.close(sync)


def parse_map(text: str) -> list[IdMap]:
    """The content of /proc/PID/uid_map."""
    maps: list[IdMap] = []
    for line in text.splitlines():
        first, second, size = line.split()
        maps.append((int(first), int(second), int(size)))
    return maps


def own_maps() -> tuple[list[IdMap], list[IdMap]]:
    """The uid and gid maps of the namespace this process is in."""
    with (
        open("/proc/self/uid_map", encoding="utf-8") as uids,
        open("/proc/self/gid_map", encoding="utf-8") as gids,
    ):
        return parse_map(uids.read()), parse_map(gids.read())


def _create_locked(pid_file: str, user: str, uid: int, warn: Callable[[str], None]) -> tuple[int, bool, bool]:
    """One creator at a time among our own programs; podman's may still be faster, which `_record` settles.

    Returns the pid of the pause process, whether this call made it, whether this process stands in its namespaces already.
    """
    import fcntl

    folder = os.path.dirname(pid_file)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    lock = os.open(os.path.join(folder, "pause.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pid = pause_pid(pid_file)
        if pid:
            return pid, False, False
        try:
            os.unlink(pid_file)  # left by a process that is gone
        except FileNotFoundError:
            pass
        if _join_monitor(uid, os.path.dirname(os.path.dirname(folder))):
            sync, pid = _start_child(0)
            try:
                _finish_child(sync)
            finally:
                os.close(sync)
            return _record(pid_file, pid), True, True
        uid_maps, gid_maps = read_subids(user, uid)
        if not uid_maps:
            warn(
                "using rootless single mapping into the namespace. This might break some images. "
                "Check /etc/subuid and /etc/subgid for adding sub*ids if not using a network user"
            )
        pid = create_pause(pid_file, uid_maps, gid_maps)
        return pid, True, False
    finally:
        os.close(lock)


def _join_monitor(uid: int, runtime_dir: str) -> bool:
    """Enter the namespaces that a container's monitor of this user still holds, where the pause process was ended.

    In others its container could be neither seen mounted nor removed. Monitors are known by their name, their user and
    the runtime directory in their environment.
    """
    wanted = b"XDG_RUNTIME_DIR=" + os.fsencode(runtime_dir)
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if os.stat(f"/proc/{name}").st_uid != uid:
                continue
            with open(f"/proc/{name}/comm", "rb") as stream:
                if stream.read().strip() != b"conmon":
                    continue
            with open(f"/proc/{name}/environ", "rb") as stream:
                if wanted not in stream.read().split(b"\0"):
                    continue
            with open(f"/proc/{name}/uid_map", encoding="utf-8") as text:
                if parse_map(text.read())[:1] != [(0, uid, 1)]:
                    continue  # not the shared namespace
            if namespaces.ns_id(int(name), "user") == namespaces.ns_id("self", "user"):
                continue
            join(int(name))
        except (Error, OSError, ValueError):
            continue  # it has ended, or is none of ours
        return True
    return False


def _recorded(pid_file: str) -> int:
    try:
        with open(pid_file, encoding="utf-8") as stream:
            return int(stream.read(16).strip())
    except (OSError, ValueError):
        return 0


def _is_pause_process(pid: int) -> bool:
    """A recycled pid may belong to a browser's sandbox, which stands in a user namespace too."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            if b"_PODMAN_PAUSE=" in stream.read():
                return True
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as name:
            return name.read().strip() in ("catatonit", "podman pause")
    except OSError:
        return False


def _holds_namespace(pid: int) -> bool:
    """Whether a live pause process of ours stands in another user namespace than this one."""
    if pid <= 1 or not process.alive(pid) or not _is_pause_process(pid):
        return False
    try:
        return namespaces.ns_id(pid, "user") != namespaces.ns_id("self", "user")
    except Error:
        return False


def _record(pid_file: str, pid: int) -> int:
    folder, name = os.path.split(pid_file)
    temporary = os.path.join(folder, f"{name}.{os.getpid()}.{pid}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.write(fd, str(pid).encode("ascii"))
    os.close(fd)
    at_cwd = -100
    # Never over another's: the loser of the race joins the winner, as podman does.
    if (
        lib.oci_renameat2(at_cwd, os.fsencode(temporary), at_cwd, os.fsencode(pid_file), _RENAME_NOREPLACE)
        >= 0
    ):
        return pid
    number = ffi.errno
    os.unlink(temporary)
    winner = pause_pid(pid_file) if number == _EEXIST else 0
    process.kill_process(pid, process.SIGNALS["SIGKILL"])
    if winner:
        return winner
    raise UserNamespaceError(f"recording pause process in {pid_file}: {os.strerror(number).lower()}")


def _start_child(flags: int) -> tuple[int, int]:
    error = ffi.new("struct oci_error *")
    sync = ffi.new("int *")
    pid: int = lib.oci_namespace_child(flags, sync, error)
    if pid < 0:
        raise _creation_failure(error)
    return sync[0], pid


def _creation_failure(error: object) -> UserNamespaceError:
    import errno

    number: int = error.number  # type: ignore[attr-defined]
    what = ffi.string(error.what).decode()  # type: ignore[attr-defined]
    hint = None
    if number in (errno.EPERM, errno.EACCES):
        hint = (
            "user namespaces are forbidden here: see sysctl kernel.unprivileged_userns_clone and "
            "kernel.apparmor_restrict_unprivileged_userns, the container's seccomp profile, and whether this is a chroot"
        )
    elif number in (errno.ENOSPC, errno.EUSERS):
        hint = "raise /proc/sys/user/max_user_namespaces"
    elif number in (errno.EINVAL, errno.ENOSYS):
        hint = "this kernel has no user namespaces"
    return UserNamespaceError(f"creating user namespace: {what}: {os.strerror(number).lower()}", hint=hint)


def _write_maps(pid: int, uid_maps: Sequence[IdMap], gid_maps: Sequence[IdMap]) -> None:
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0 and not uid_maps:
        # Root without capabilities over its ids (a nested container): the same ids, split in two ranges, because
        # OCI runtimes take one whole range for "no user namespace".
        uids, gids = own_maps()
        split = [(0, 0, 1), (1, 1, 4294967294)]
        whole = [(0, 0, 4294967295)]
        same = [(inside, inside, size) for inside, _, size in uids]
        _write(f"/proc/{pid}/uid_map", _lines(split if uids == whole else same), "writing uid map")
        same = [(inside, inside, size) for inside, _, size in gids]
        _write(f"/proc/{pid}/gid_map", _lines(split if gids == whole else same), "writing gid map")
        return
    if not uid_maps:
        _write(f"/proc/{pid}/setgroups", "deny\n", "denying setgroups")
        _write(f"/proc/{pid}/uid_map", f"0 {uid} 1\n", "writing uid map")
        _write(f"/proc/{pid}/gid_map", f"0 {gid} 1\n", "writing gid map")
        return
    for program, own, maps, where in (
        ("newuidmap", uid, uid_maps, "/etc/subuid"),
        ("newgidmap", gid, gid_maps, "/etc/subgid"),
    ):
        for _, host, size in maps:
            if host <= own < host + size:
                raise UserNamespaceError(
                    f"creating user namespace: the range {host}:{size} in {where} includes the user's own id {own}"
                )
        _run_mapping_program(program, pid, [(0, own, 1), *maps], where)


def _run_mapping_program(program: str, pid: int, maps: Sequence[IdMap], where: str) -> None:
    path = _find(program)
    if path is None:
        raise MissingProgram(f"creating user namespace: {program} not found", hint="install uidmap")
    arguments = [program, str(pid)]
    for entry in maps:
        arguments += [str(number) for number in entry]
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
        child = os.posix_spawn(path, arguments, {}, file_actions=actions)
    except OSError as error:
        os.close(reader)
        raise UserNamespaceError(
            f"creating user namespace: running {path}: {(error.strerror or '').lower()}"
        ) from None
    finally:
        os.close(writer)
    output = b""
    while chunk := os.read(reader, 4096):
        output += chunk
    os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        return
    said = " ".join(output.decode("utf-8", "replace").split()) or f"exit status {status}"
    hint = f"the ranges must be the user's in {where}"
    if not os.stat(path).st_mode & 0o4000 and not _has_file_caps(path):
        hint = f"{path} should be setuid root or have file capabilities: chmod u+s {path}"
    raise UserNamespaceError(f"creating user namespace: {said}", hint=hint)


def _has_file_caps(path: str) -> bool:
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError:
        return False


def _find(program: str) -> str | None:
    for folder in _PROGRAM_DIRS:
        path = f"{folder}/{program}"
        if os.access(path, os.X_OK):
            return path
    return None


def _read_ranges(path: str, user: str, uid: int, *, group: bool) -> list[IdMap]:
    ranges = _ranges_by_service(user, group=group)
    if ranges is None:
        ranges = _ranges_in_file(path, user, uid)
    maps: list[IdMap] = []
    inside = 1
    for host, size in ranges:
        maps.append((inside, host, size))
        inside += size
    return maps


def _ranges_in_file(path: str, user: str, uid: int) -> list[tuple[int, int]]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserNamespaceError(f"reading {path}: {(error.strerror or '').lower()}") from None
    ranges = []
    for line in lines:
        owner, _, rest = line.partition(":")
        if owner not in (user, str(uid)) or line.startswith("#"):
            continue
        start, _, count = rest.partition(":")
        if not (start.isdecimal() and count.strip().isdecimal()):
            raise UserNamespaceError(f"reading {path}: malformed line: {line}")
        if int(count):
            ranges.append((int(start), int(count)))
    return ranges


def _ranges_by_service(user: str, *, group: bool) -> list[tuple[int, int]] | None:
    """Ranges from the name service's "subid" database; None when it is the files, as nearly always."""
    try:
        with open("/etc/nsswitch.conf", encoding="utf-8", errors="replace") as stream:
            sources = [line.partition(":")[2].split() for line in stream if line.startswith("subid:")]
    except OSError:
        return None
    program = _find("getsubids")
    if not sources or sources[0] in ([], ["files"]) or program is None:
        return None
    reader, writer = os.pipe2(os.O_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, writer, 1)]
    child = os.posix_spawn(program, [program, *(["-g"] if group else []), user], {}, file_actions=actions)
    os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as stream:
        lines = stream.read().splitlines()
    os.waitpid(child, 0)
    found = []
    for line in lines:
        fields = line.split()
        if len(fields) == 4 and fields[2].isdecimal() and fields[3].isdecimal():
            found.append((int(fields[2]), int(fields[3])))
    return found


def _lines(maps: Sequence[IdMap]) -> str:
    return "".join(f"{inside} {outside} {size}\n" for inside, outside, size in maps)


def _write(path: str, text: str, doing: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode("ascii"))
        finally:
            os.close(fd)
    except OSError as error:
        raise UserNamespaceError(
            f"creating user namespace: {doing}: {(error.strerror or '').lower()}",
            hint="the ids must be this process's own, or it needs CAP_SETUID and CAP_SETGID",
        ) from None
