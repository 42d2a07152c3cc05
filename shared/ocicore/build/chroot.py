"""Isolation "chroot": a command without an OCI runtime, for where none works (containers in containers).

The command shares PID, IPC, cgroup and network namespaces with us and has no seccomp filter; mounts, masked paths,
capabilities, limits and identity are those of the specification. `chroot_child` does it in a process of its own.
"""

from __future__ import annotations

import os
import sys

from ocicore.errors import Error, InvalidInput, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ocicore.build.run import RunOptions
    from ocicore.linux.commands import Commands


def check(mode: str, *, own_users: bool) -> None:
    """Whether a command can run like that.

    Args:
        mode: network mode ("host", "private" …); own_users: the container has id maps.

    Raises:
        InvalidInput, Unsupported
    """
    if mode != "host":
        raise InvalidInput("cannot set --network other than host with --isolation chroot")
    if own_users:
        raise Unsupported(
            "isolation chroot: has no user namespace of its own",
            hint="use --isolation oci, or no --userns options",
        )


def run(spec: Mapping[str, Any], root: str, options: RunOptions, commands: Commands) -> int:
    """Run the specification's process; its exit status (128 + number after a signal)."""
    from ocicore.files import quick_json

    request = quick_json.dumps({"path": list(sys.path), "root": root, "spec": dict(spec)}).encode()
    descriptor = os.memfd_create("chroot-request")
    try:
        os.write(descriptor, request)
        os.lseek(descriptor, 0, os.SEEK_SET)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chroot_child.py")
        argv = [sys.executable, "-ISXutf8", script]
        fds = {0: options.stdin, 1: options.stdout, 2: options.stderr, 3: descriptor}
        return commands.run(argv, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, fds)
    except OSError as error:
        raise Error(f"isolation chroot: {(error.strerror or '').lower()}") from error
    finally:
        os.close(descriptor)
