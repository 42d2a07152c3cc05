"""The compiled code of all modules in one file, which `dev/bundle` writes when the programs are installed.

A short command imports a hundred small modules. For each the ordinary way lists folders, compares names with five
suffixes, and opens, checks and reads a .pyc: as much work as the commands themselves do. Here it is one stat of the
source and one read. The rule of .pyc files holds: code whose source has another time or size, or an interpreter with
another magic number, is not used, and the module is imported the ordinary way; so it is where anything else is amiss.

Files:
    modules.TAG         marshal: (magic number, name of the data file, folders, {module: entry}, {extension module: file});
        TAG as in .pyc files. An entry is ENTRY_SIZE bytes, numbers with the lowest byte first: the folder's number (1),
        is it a package (1), seconds of the source's time (8), its size (4), offset (4) and length (4) of the code.
    modules.TAG.HASH    the code objects, marshalled. Never changed under its name: who has read the index of an
        earlier one finds the file it was made for, or none.
"""

from __future__ import annotations

import marshal
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, ExtensionFileLoader
from posix import O_CLOEXEC, O_RDONLY, close, open, pread, stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

ENTRY_SIZE = 22
_INDEX_MAXIMUM = 1 << 20


class Bundle:
    """Finds and loads the modules of one bundle (PEP 451)."""

    __slots__ = ("_code", "_data", "_entries", "_extensions", "_folders")

    def __init__(
        self, data: str, folders: Sequence[str], entries: dict[str, bytes], extensions: dict[str, str]
    ) -> None:
        self._data = data
        self._folders = folders
        self._entries = entries
        self._extensions = extensions
        self._code: dict[str, CodeType] = {}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """How to load a module; None where the ordinary way has to."""
        entry = self._entries.get(name)
        if entry is None:
            return self._extension(name)
        package = bool(entry[1])
        origin = self._folders[entry[0]] + name.replace(".", "/") + ("/__init__.py" if package else ".py")
        try:
            found = stat(origin)
            if int(found.st_mtime) != _number(entry[2:10]) or found.st_size != _number(entry[10:14]):
                return None
            descriptor = open(self._data, O_RDONLY | O_CLOEXEC)
            try:
                code = pread(descriptor, _number(entry[18:22]), _number(entry[14:18]))
            finally:
                close(descriptor)
            self._code[name] = marshal.loads(code)
        except (OSError, ValueError, EOFError, TypeError):
            return None
        spec = ModuleSpec(name, self, origin=origin, is_package=package)  # type: ignore[arg-type] # no load_module
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [origin.rpartition("/")[0]]
        return spec

    def _extension(self, name: str) -> ModuleSpec | None:
        origin = self._extensions.get(name)
        if origin is None:
            return None
        try:
            stat(origin)
        except OSError:
            return None
        spec = ModuleSpec(name, ExtensionFileLoader(name, origin), origin=origin)
        spec.has_location = True
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The ordinary module object will do."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        exec(self._code.pop(module.__name__), module.__dict__)  # noqa: S102 – that is what a loader does


def use(stem: str) -> None:
    """Import from the bundle `{stem}.{tag}` where there is one for this interpreter."""
    path = f"{stem}.{sys.implementation.cache_tag}"
    try:
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        try:
            magic, data, *rest = marshal.loads(pread(descriptor, _INDEX_MAXIMUM, 0))
        finally:
            close(descriptor)
    except (OSError, ValueError, EOFError, TypeError):
        return
    if magic == MAGIC_NUMBER:
        sys.meta_path.insert(0, Bundle(f"{path.rpartition('/')[0]}/{data}", *rest))


def _number(text: bytes) -> int:
    return int.from_bytes(text, "little")
