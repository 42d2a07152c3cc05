"""Text files that nobody would write: mutations of good ones, and the loop that looks for what must not come of them."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence

#: A change of a text that is made of what the format is made of.
Change = Callable[[random.Random, str], str]


class Mutator:
    """Makes new texts of `seeds`.

    Args:
        seeds: good texts.
        pieces: what is put in anywhere.
        own: one more kind of change.
        repeats: how often a piece of 20 characters is repeated at most.
    """

    def __init__(self, seeds: Sequence[str], pieces: Sequence[str], own: Change, *, repeats: int) -> None:
        self._seeds, self._pieces, self._own, self._repeats = seeds, pieces, own, repeats

    def text(self, chance: random.Random) -> str:
        """One seed after one to eight changes."""
        text = chance.choice(self._seeds)
        for _ in range(chance.randint(1, 8)):
            at = chance.randint(0, len(text))
            kind = chance.randrange(5)
            if kind == 0:
                text = text[:at] + chance.choice(self._pieces) + text[at:]
            elif kind == 1:
                text = text[:at] + text[at + chance.randint(1, 9) :]
            elif kind == 2:
                other = chance.choice(self._seeds)
                text = text[:at] + other[chance.randint(0, len(other)) :] + text[at:]
            elif kind == 3:
                text = self._own(chance, text)
            else:
                text = text[:at] + text[at : at + 20] * chance.randint(2, self._repeats) + text[at:]
        return text


def run(
    name: str, make: Callable[[random.Random], tuple[str, str]], check: Callable[[str, str], None]
) -> None:
    """Check new texts for as long as the command line says (SECONDS [SEED]), and tell how many there were.

    Args:
        name: of the fuzzer, for what it prints.
        make: gives (text, kind).
        check: of a text of a kind; raises what should not be. The seed and the text are printed then.
    """
    seconds = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns()
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    count = 0
    slowest = 0.0
    while time.monotonic() < end:
        text, kind = make(chance)
        count += 1
        began = time.process_time()
        try:
            check(text, kind)
        except BaseException:
            print(f"{name}: seed {seed}, file {count}, {kind}:\n{text!r}", file=sys.stderr)
            raise
        slowest = max(slowest, time.process_time() - began)
    print(f"{name}: {count} files, seed {seed}, at most {slowest:.3f} s")
