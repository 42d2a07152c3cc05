"""The host's ps(1) for one container: run in the container's pid namespace with its own /proc, outside its root.

Images often have no ps, or one with fewer options; the host's sees the same processes by the same numbers.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FOLDERS = ("/usr/bin", "/bin", "/usr/local/bin")
#: What the child exits with when it could not even start ps.
_FAILED = 255


def run(pid: int, words: Sequence[str], env: Mapping[str, str]) -> tuple[int, str] | None:
    """(exit status, output with errors) of `ps WORDS`; None when the host has no ps or the namespace cannot be used.

    Args:
        pid: the container's first process.
    """
    from ocicore.linux import spawn

    program = spawn.find("ps", _FOLDERS)
    if not program:
        return None
    output = os.memfd_create("ps", os.MFD_CLOEXEC)
    try:
        child = os.fork()
        if child == 0:
            os._exit(_enter(pid, [program, *words], env, output))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == _FAILED:
            return None
        text = os.pread(output, os.fstat(output).st_size, 0).decode("utf-8", "replace")
    finally:
        os.close(output)
    return code, text


def _enter(pid: int, argv: list[str], env: Mapping[str, str], output: int) -> int:
    """In a child: a mount namespace of our own, the container's pid namespace for a grandchild; its status."""
    from ocicore.errors import Error
    from ocicore.linux import mount, namespaces

    try:
        target = namespaces.open_ns(pid, "pid")
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.make_private("/", recursive=True)
        namespaces.setns(target, "pid")
        grandchild = os.fork()
        if grandchild == 0:
            mount.mount("proc", "/proc", "proc", mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.execve(argv[0], argv, dict(env))
        _, status = os.waitpid(grandchild, 0)
        return max(os.waitstatus_to_exitcode(status), 0)
    except (Error, OSError):
        return _FAILED
