"""Lock files: those that protect nothing any more, and those that are held."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine


def remove_unused(engine: Engine) -> list[str]:
    """Remove the lock files of containers, pods and volumes that are gone; returns their names.

    They stay behind when a program is killed, and when one had waited for the lock of what another removed. A file is
    removed with its lock held, so that whoever waits for it takes the new one; what somebody holds is in use.
    """
    removed = []
    for name in sorted(_names(engine.paths.locks_dir)):
        if not _is_unused(engine, name):
            continue
        lock = engine.lock(name)
        if not lock.acquire(wait=False):
            continue
        unused = _is_unused(engine, name)  # it may have come while we took the lock
        lock.release(discard=unused)
        if unused:
            removed.append(name)
    return removed


def held(engine: Engine) -> list[str]:
    """Names of the locks that other processes hold at the moment."""
    found = []
    for name in sorted(_names(engine.paths.locks_dir)):
        lock = engine.lock(name)
        if lock.acquire(wait=False):
            lock.release()
        else:
            found.append(name)
    return found


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _is_unused(engine: Engine, name: str) -> bool:
    state = engine.state
    if name.startswith("volume-"):
        return state.volumes.get(name.removeprefix("volume-")) is None
    if name.startswith("pod-"):
        return state.pods.get(name.removeprefix("pod-")) is None
    # Others ("secrets" …) are not named after something that comes and goes.
    return len(name) == 64 and state.containers.get(name) is None
