"""The process that becomes a command under isolation "chroot": a program of its own, started by `chroot`.

It reads one JSON object from descriptor 3: {"path": sys.path, "root": …, "spec": runtime specification}. In a mount (and
UTS, and perhaps user) namespace of its own it mounts what the specification says, changes its root, drops
capabilities and replaces itself. No OCI runtime is needed, so it works where none does: in nested containers.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

_FLAGS = {
    "ro": 1,
    "nosuid": 2,
    "nodev": 4,
    "noexec": 8,
    "noatime": 1024,
    "nodiratime": 2048,
    "relatime": 1 << 21,
    "strictatime": 1 << 24,
}
#: What /dev has, bound from the host's.
_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
_FAILED, _NOT_FOUND, _NOT_RUNNABLE = 1, 127, 126


def main() -> int:
    """Become the command; returns only when that fails."""
    import json

    with os.fdopen(3, "rb") as stream:
        request: Json = json.load(stream)
    sys.path[:] = request["path"]
    _import_all()
    spec: Json = request["spec"]
    try:
        _enter(request["root"], spec)
        _become(spec["process"])
    except OSError as error:
        return _report(f"{error.filename or 'chroot isolation'}: {(error.strerror or '').lower()}")
    except Exception as error:  # noqa: BLE001 – whatever it is, the caller gets one line
        return _report(getattr(error, "message", None) or str(error))
    return _exec(spec["process"])


def _import_all() -> None:
    """Everything that is used later: after the root was changed nothing can be imported."""
    import codecs
    import resource
    import socket

    from ocicore.linux import caps, mount, namespaces, process, resolve

    codecs.lookup("ascii")
    del caps, mount, namespaces, process, resolve, resource, socket


def _report(text: str) -> int:
    sys.stderr.write(f"chroot isolation: {text}\n")
    sys.stderr.flush()
    return _FAILED


def _enter(root: str, spec: Json) -> None:
    from ocicore.linux import mount, namespaces

    namespaces.unshare(namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS)
    mount.make_rslave("/")
    mount.bind(root, root, recursive=True)
    os.chdir(root)
    for entry in spec.get("mounts") or ():
        _mount(root, entry)
    _devices(root, spec)
    _hide(root, spec.get("linux") or {})
    if spec.get("root", {}).get("readonly"):
        mount.remount(root, mount.MS_RDONLY)
    hostname = spec.get("hostname")
    if hostname:
        import socket

        socket.sethostname(hostname)
    os.chroot(root)
    os.chdir("/")


def _target(root: str, path: str, *, folder: bool) -> str:
    """The place to mount on, made when it is missing."""
    from ocicore.linux import resolve

    target = resolve.resolve_in_root(root, path, missing_ok=True)
    if not os.path.lexists(target):
        os.makedirs(target if folder else os.path.dirname(target), 0o755, exist_ok=True)
        if not folder:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    return target


def _mount(root: str, entry: Json) -> None:
    from ocicore.linux import mount

    options = list(entry.get("options") or ())
    destination, kind = entry["destination"], entry.get("type") or "bind"
    if destination == "/proc":
        kind, options, source = "bind", ["rbind"], "/proc"  # the host's: there is no PID namespace
    elif destination == "/sys":
        kind, options, source = "bind", ["rbind", "ro", "nosuid", "nodev", "noexec"], "/sys"
    elif kind in ("cgroup", "cgroup2", "mqueue"):
        return  # part of the host's /sys; queues need an IPC namespace
    else:
        source = entry.get("source") or kind
    bound = kind == "bind" or bool({"bind", "rbind"} & set(options))
    target = _target(root, destination, folder=not bound or os.path.isdir(source))
    flags = 0
    for word in options:
        flags |= _FLAGS.get(word, 0)
    if not bound:
        data = [
            word
            for word in options
            if word not in _FLAGS
            and word not in ("rw", "suid", "dev", "exec", "private", "rprivate", "tmpcopyup")
        ]
        mount.mount(source, target, kind, flags, ",".join(data) or None)
        return
    mount.bind(source, target, recursive="rbind" in options)
    if flags:
        mount.remount(target, flags)


def _devices(root: str, spec: Json) -> None:
    from ocicore.linux import mount, resolve

    wanted = [(f"/dev/{name}", f"/dev/{name}") for name in _DEVICES]
    wanted += [
        (f"/dev/{os.path.basename(device['path'])}", device["path"])
        for device in (spec.get("linux") or {}).get("devices") or ()
        if os.path.exists(device["path"])
    ]
    for source, destination in wanted:
        if not os.path.exists(source):
            source = destination
        if os.path.exists(source):
            target = _target(root, destination, folder=False)
            if not mount.is_mount_point(target):
                mount.bind(source, target, recursive=False)
    folder = resolve.resolve_in_root(root, "/dev")  # which an image may have as a link to anywhere
    for name, text in (
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ):
        path = os.path.join(folder, name)
        if not os.path.lexists(path):
            os.symlink(text, path)


def _hide(root: str, linux: Json) -> None:
    from ocicore.linux import mount, resolve

    for path in linux.get("maskedPaths") or ():
        target = resolve.resolve_in_root(root, path, missing_ok=True)
        if os.path.isdir(target):
            mount.mount("tmpfs", target, "tmpfs", mount.MS_RDONLY, "size=0")
        elif os.path.exists(target):
            mount.bind("/dev/null", target, recursive=False)
    for path in linux.get("readonlyPaths") or ():
        target = resolve.resolve_in_root(root, path, missing_ok=True)
        if os.path.exists(target):
            mount.bind(target, target, recursive=True)
            mount.remount(target, mount.MS_RDONLY)


def _become(process: Json) -> None:
    """Limits, identity and capabilities of the command."""
    import resource

    from ocicore.linux import caps

    for limit in process.get("rlimits") or ():
        number = getattr(resource, limit["type"], None)
        if number is not None:
            resource.setrlimit(number, (limit["soft"], limit["hard"]))
    capabilities = process.get("capabilities") or {}
    known = set(caps.known())
    keep = {name for name in capabilities.get("bounding") or () if name in known}
    caps.drop_bounding(keep)
    user = process.get("user") or {}
    os.umask(user.get("umask", 0o022))
    if _may_set_groups():
        os.setgroups(user.get("additionalGids") or [])
    os.setresgid(user["gid"], user["gid"], user["gid"])
    if user["uid"]:
        os.setresuid(user["uid"], user["uid"], user["uid"])
    else:
        effective = {name for name in capabilities.get("effective") or () if name in known}
        caps.set_all(effective & caps.permitted())
    if process.get("noNewPrivileges"):
        from ocicore.linux import process as processes

        processes.set_no_new_privileges()


def _may_set_groups() -> bool:
    try:
        with open("/proc/self/setgroups", encoding="ascii") as stream:
            return stream.read().strip() == "allow"
    except OSError:
        return True


def _exec(process: Json) -> int:
    env = dict(entry.partition("=")[::2] for entry in process.get("env") or ())
    arguments = process["args"]
    try:
        os.chdir(process.get("cwd") or "/")
    except OSError as error:
        return _report(f"changing to {process.get('cwd')}: {(error.strerror or '').lower()}")
    # By hand: os.execvpe imports modules, and those are no longer to be found.
    name = arguments[0]
    folders = [""] if "/" in name else (env.get("PATH") or "/usr/bin:/bin").split(":")
    reason = "executable file not found in $PATH"
    status = _NOT_FOUND
    for folder in folders:
        path = f"{folder}/{name}" if folder else name
        try:
            os.execve(path, arguments, env)
        except FileNotFoundError:
            continue
        except OSError as error:
            reason, status = (error.strerror or "").lower(), _NOT_RUNNABLE
    sys.stderr.write(f'exec: "{name}": {reason}\n')
    return status


if __name__ == "__main__":
    sys.exit(main())
