"""Quadlet files where they are installed: put there, found, taken away.

What was installed together (a folder, or a file with what belongs to it) is an application: `.NAME.app` lists the files.
"""

from __future__ import annotations

import os

from ocicore.errors import Conflict, Error, InvalidInput, NotFound
from ocicore.files import atomic
from ocicore.systemd.quadlet.keys import KEYS, SECTIONS
from ocicore.systemd.quadlet.source import Source
from ocicore.systemd.unit_file import UnitFileError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes of a file that is installed.
_LARGEST_FILE = 4 << 20
_NAME_COMMENT = "# FileName="


def kind_of(name: str) -> str:
    """What a Quadlet file's name ends with.

    Raises:
        InvalidInput: it is none.
    """
    base, dot, kind = name.rpartition(".")
    if not base or kind not in SECTIONS:
        raise InvalidInput(f'"{dot}{kind}" is not a supported Quadlet file type')
    return kind


def find(name: str, folders: list[str]) -> str:
    """Path of a file by its name.

    Raises:
        InvalidInput, NotFound
    """
    kind_of(name)
    if "/" in name:
        raise InvalidInput(f'"{name}" is a path: give the name of a Quadlet file')
    for folder in folders:
        path = f"{folder}/{name}"
        if os.path.lexists(path):
            return path
    raise NotFound(f'could not locate quadlet "{name}" in any supported quadlet directory')


class Installation:
    """The folder for new files."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def add(self, name: str, data: bytes, application: str, *, replace: bool) -> str:
        """Puts a file there and enters it in its application; returns its path.

        Raises:
            Conflict: it is there already.
            Error: it cannot be written.
        """
        if not name or "/" in name or name.startswith(".") or len(data) > _LARGEST_FILE:
            raise InvalidInput(f"{name!r} cannot be installed: the name is none, or the file is too large")
        path = f"{self.folder}/{name}"
        if os.path.lexists(path) and not replace:
            raise Conflict(
                f"a Quadlet with name {name} already exists, refusing to overwrite", hint="use --replace"
            )
        try:
            os.makedirs(self.folder, exist_ok=True)
            atomic.write(path, data, mode=0o644)
            listed = self.members(application)
            if name not in listed:
                self._list(application, [*listed, name])
        except OSError as error:
            raise Error(f"installing {path}: {error.strerror}")
        return path

    def members(self, application: str) -> list[str]:
        """Names of an application's files."""
        try:
            with open(f"{self.folder}/{application}", encoding="utf-8") as file:
                lines = [line.strip() for line in file]
        except (OSError, UnicodeDecodeError):
            return []
        return [line for line in lines if line and "/" not in line and line not in (".", "..")]

    def applications(self) -> dict[str, list[str]]:
        """Files by application."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError:
            return {}
        return {
            name: self.members(name)
            for name in names
            if name.startswith(".") and name.endswith((".app", ".asset"))
        }

    def application_of(self, name: str) -> str:
        """The application that a file belongs to, or ""."""
        return next((app for app, members in self.applications().items() if name in members), "")

    def forget(self, application: str, name: str) -> None:
        """Takes a file out of an application; what no Quadlet file needs any more goes with the last of them."""
        rest = [member for member in self.members(application) if member != name]
        if any(member.rpartition(".")[2] in SECTIONS for member in rest):
            self._list(application, rest)
            return
        for member in (*rest, application):
            try:
                os.unlink(f"{self.folder}/{member}")
            except FileNotFoundError:
                pass

    def _list(self, application: str, names: list[str]) -> None:
        atomic.write(
            f"{self.folder}/{application}", "".join(f"{name}\n" for name in names).encode(), mode=0o644
        )


def check(name: str, data: bytes, path: str) -> None:
    """Refuses what the generator would refuse for its form alone, and names that no unit can have.

    Raises:
        UnitFileError: with file and line.
    """
    section = SECTIONS[kind_of(name)]
    try:
        unit = parse(data.decode(), path, glue="")
    except UnicodeDecodeError as error:
        raise UnitFileError(path, data.count(b"\n", 0, error.start) + 1, "not UTF-8")
    for entry in unit:
        if entry.section in (section, "Quadlet") and entry.key not in KEYS[entry.section]:
            raise UnitFileError(path, entry.line, f"unsupported key '{entry.key}' in group '{entry.section}'")
    # A bundle, or what was fetched, has another name than the file it becomes.
    Source(path if os.path.basename(path) == name else name, unit).set_names()


def split_bundle(text: str, path: str) -> Iterator[tuple[str, str]]:
    """(name, text) of the files in a `.quadlets` bundle: parts between `---` lines, each with `# FileName=NAME`.

    Raises:
        UnitFileError: a part has no name, or no section that tells what it is.
    """
    start = 1
    found = False
    for part in ("\n" + text).replace("\r\n", "\n").split("\n---\n"):
        lines = part.split("\n")
        number, start = start, start + len(lines)
        if not part.strip():
            continue
        name = next(
            (line[len(_NAME_COMMENT) :].strip() for line in lines if line.startswith(_NAME_COMMENT)), ""
        )
        if not name or "/" in name:
            raise UnitFileError(path, number, f"a part without a line {_NAME_COMMENT}NAME")
        kinds = [
            kind for kind, section in SECTIONS.items() if f"[{section}]" in (line.strip() for line in lines)
        ]
        if not kinds:
            raise UnitFileError(path, number, f"no section tells what {name} is, [Container] or the like")
        found = True
        yield f"{name}.{kinds[0]}", part.strip("\n") + "\n"
    if not found:
        raise UnitFileError(path, 1, "no Quadlet file in it")
