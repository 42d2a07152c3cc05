"""--cpu-profile and --memory-profile: what a command spends its time and its memory on, in Python's own formats."""

from __future__ import annotations

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def profiled(work: Callable[..., object], cpu: str, memory: str) -> Callable[..., object]:
    """The function, with profiles written into two files once it has ended, however it does.

    Args:
        cpu: for `python3 -m pstats`, "" for none; memory: for tracemalloc.Snapshot.load, "" for none.

    Raises:
        Error: a file cannot be written; said before anything is done.
    """
    for path, kind in ((cpu, "CPU"), (memory, "memory")):
        if path:
            try:
                open(path, "wb").close()
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise Error(f"could not create {kind} profile {path}: {reason}") from error
    measured = _measured_cpu(work, cpu) if cpu else work
    return _measured_memory(measured, memory) if memory else measured


def _measured_cpu(work: Callable[..., object], path: str) -> Callable[..., object]:
    def measured(*arguments: object) -> object:
        import cProfile

        profile = cProfile.Profile()
        try:
            return profile.runcall(work, *arguments)
        finally:
            profile.dump_stats(path)

    return measured


def _measured_memory(work: Callable[..., object], path: str) -> Callable[..., object]:
    def measured(*arguments: object) -> object:
        import tracemalloc

        tracemalloc.start()
        try:
            return work(*arguments)
        finally:
            tracemalloc.take_snapshot().dump(path)
            tracemalloc.stop()

    return measured
