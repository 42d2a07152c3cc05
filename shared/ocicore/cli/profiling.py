"""--cpu-profile and --memory-profile: what the program spends, in files that Python's own tools read.

    python3 -m pstats FILE                                      of --cpu-profile
    python3 -c "import tracemalloc as t; print(*t.Snapshot.load('FILE').statistics('lineno')[:20], sep='\\n')"

The profile of a command ends with it; what it starts (conmon, the runtime, a cleanup) is not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocicore.errors import Error

if TYPE_CHECKING:
    from typing import BinaryIO


def begin(cpu_path: str, memory_path: str) -> None:
    """Measure from now to the end of the process; "" for what is not wanted. Raises Error (status 1)."""
    import atexit

    # Opened now: a user's program enters a namespace in which the path may be somebody else's, and a file that cannot be
    # written is told before the work is done.
    cpu = _open(cpu_path) if cpu_path else None
    memory = _open(memory_path) if memory_path else None
    if memory is not None:
        import tracemalloc

        tracemalloc.start()
        atexit.register(_write_memory, memory)
    if cpu is not None:
        import cProfile

        profile = cProfile.Profile()
        atexit.register(_write_cpu, profile, cpu)
        profile.enable()


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "wb")
    except OSError as error:
        raise Error(f"opening the profile {path}: {(error.strerror or '').lower()}", status=1) from error


def _write_cpu(profile: object, file: BinaryIO) -> None:
    import cProfile
    import marshal

    assert isinstance(profile, cProfile.Profile)
    profile.create_stats()
    with file:
        marshal.dump(profile.stats, file)


def _write_memory(file: BinaryIO) -> None:
    import pickle
    import tracemalloc

    with file:
        pickle.dump(tracemalloc.take_snapshot(), file, pickle.HIGHEST_PROTOCOL)
