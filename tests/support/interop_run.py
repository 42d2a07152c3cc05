"""Running the operations of `interop_operations`: one by one, or all at once for some time."""

from __future__ import annotations

import random
import threading
import time
import traceback

from support.interop import World
from support.interop_operations import ALONE, OPERATIONS

_WORKERS = 4


def one(world: World, first: str, name: str) -> None:
    """One operation, begun by side `first`; then both programs check the store."""
    sides = (world.ours, world.theirs) if first == "ours" else (world.theirs, world.ours)
    OPERATIONS[name](world, *sides)
    world.check()


def together(world: World, seconds: float) -> int:
    """Random operations of both sides at once; returns how many there were. Raises AssertionError with all failures."""
    names = [name for name in OPERATIONS if name not in ALONE]
    end = time.monotonic() + seconds
    failures: list[str] = []
    done = 0

    def work(seed: int) -> None:
        nonlocal done
        chance = random.Random(seed)
        while time.monotonic() < end and not failures:
            name = chance.choice(names)
            sides = [world.ours, world.theirs]
            chance.shuffle(sides)
            try:
                OPERATIONS[name](world, *sides)
            except BaseException:  # noqa: BLE001 – told to the thread that waits
                failures.append(f"{name}, begun by {sides[0].name}:\n{traceback.format_exc()}")
            done += 1

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(_WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, "\n".join(failures)
    world.check()
    return done
