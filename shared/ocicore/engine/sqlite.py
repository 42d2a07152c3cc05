"""SQLite's C module by itself: `from ocicore.engine.sqlite import sqlite3`.

The package `sqlite3` imports datetime and collections.abc for adapters that are not used here. Its C half asks for
`functools.lru_cache`, for the cache of prepared statements; functools in turn brings collections, operator, keyword,
reprlib and types along, which is 3 ms of a command that takes 25. The cache itself is C (`_functools`), so a stand-in
with that one name is shown to `_sqlite3` while it is imported. Where anything is different from what is expected, the
import goes the ordinary way.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["sqlite3"]


def _load() -> ModuleType:
    if not sys.modules.keys().isdisjoint(("functools", "threading", "_sqlite3")):
        # Nothing to gain, or another thread might import functools just then and get the stand-in.
        import _sqlite3

        return _sqlite3
    try:
        from _functools import _lru_cache_wrapper  # type: ignore[import-not-found]
    except ImportError:  # another implementation of Python
        import _sqlite3

        return _sqlite3
    functools = type(sys)("functools")
    functools.lru_cache = lambda size: lambda call: _lru_cache_wrapper(call, size, False, tuple)  # type: ignore[attr-defined]
    sys.modules["functools"] = functools
    try:
        import _sqlite3
    finally:
        del sys.modules["functools"]
    return _sqlite3


if TYPE_CHECKING:
    import _sqlite3 as sqlite3
else:
    sqlite3 = _load()
