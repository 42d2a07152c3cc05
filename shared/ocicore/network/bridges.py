"""What hangs on a bridge of this host, or of the namespace that an ordinary user's bridges live in."""

from __future__ import annotations

from ocicore.linux import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Run = Callable[[list[str], Mapping[str, str], bytes], Any]

#: Seconds for the kernel to take down a namespace nobody uses any more; it does so behind everybody's back.
_PATIENCE = 2.0
_STEP = 0.02


def members(bridge: str, run: Run, env: Mapping[str, str]) -> int:
    """How many interfaces a bridge has; 0 when there is no such bridge, or no `ip` (package iproute2) to ask.

    Args:
        run: runs a command where the bridge is: (argv, environment, standard input) -> status and stdout.
    """
    program = spawn.find("ip", ("/usr/sbin", "/usr/bin", "/sbin", "/bin"))
    if not program:
        return 0
    done = run([program, "-o", "link", "show", "master", bridge], env, b"")
    return done.stdout.count(b"\n") if done.status == 0 else 0


def wait_for_at_most(limit: int, bridge: str, run: Run, env: Mapping[str, str]) -> bool:
    """Wait until a bridge has no more than `limit` interfaces: those of lost namespaces vanish by themselves.

    Returns whether it came to that; a namespace that some process still uses keeps its interface.
    """
    import time

    deadline = time.monotonic() + _PATIENCE
    while members(bridge, run, env) > limit:
        if time.monotonic() > deadline:
            return False
        time.sleep(_STEP)
    return True
