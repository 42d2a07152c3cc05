"""One Quadlet file with its drop-ins, and its values read by kind. Every complaint names file and line."""

from __future__ import annotations

import os

from ocicore.systemd.quadlet.disk import DISK
from ocicore.systemd.quadlet.keys import KEYS, SECTIONS, SUFFIXES
from ocicore.systemd.quoting import QuotingError, split
from ocicore.systemd.unit_file import Entry, UnitFile, UnitFileError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.systemd.quadlet.disk import Disk

#: Letters of a unit's name, systemd.unit(5).
_NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\")
#: systemd's longest unit name, less ".service".
_LONGEST_NAME = 255 - 8
#: Bytes; a real file has a few hundred.
_LARGEST_FILE = 4 << 20
_TRUE = ("1", "yes", "true", "on")
#: An empty value switches off, as podman reads it.
_FALSE = ("0", "no", "false", "off", "")


class QuadletError(UnitFileError):
    """Something is wrong with a Quadlet file, at a line of it."""


class Source:
    """A Quadlet file.

    Slots:
        path, name, kind, section: where, the file's name, what the name ends with, the section that belongs to it.
        unit: the file with its drop-ins.
        service: name of the service without ".service".
        resource: what the engine will call the thing that the service makes; "" where that has no name or cannot be told.
        members: services of the containers that start with this pod.
        present: keys that the file's own section has.
    """

    __slots__ = (
        "_index", "kind", "members", "name", "path", "present", "resource", "section", "service", "unit",
    )  # fmt: skip

    def __init__(self, path: str, unit: UnitFile) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self.kind = self.name.rpartition(".")[2]
        self.section = SECTIONS[self.kind]
        self.unit = unit
        self._index: dict[tuple[str, str], list[Entry]] = {}
        for entry in unit:
            self._index.setdefault((entry.section, entry.key), []).append(entry)
        self.present = {key for section, key in self._index if section == self.section}
        self.service = ""
        self.resource = ""
        self.members: list[str] = []

    def drop(self, entry: Entry) -> None:
        """Takes an assignment out."""
        self.unit.drop(entry)
        self._index[(entry.section, entry.key)].remove(entry)

    # -- places -----------------------------------------------------------------------------------------------------

    def error(self, reason: str, entry: Entry | None = None) -> QuadletError:
        """A complaint about an assignment, or about the file's own section."""
        if entry is not None:
            return QuadletError(entry.path or self.path, entry.line, reason)
        return QuadletError(self.path, self.unit.section_line(self.section) or 1, reason)

    # -- values -----------------------------------------------------------------------------------------------------

    def last(self, key: str, section: str | None = None) -> Entry | None:
        """The last assignment of a key (of the file's own section, unless another is named)."""
        found = self._index.get((section or self.section, key))
        return found[-1] if found else None

    def all(self, key: str, section: str | None = None) -> list[Entry]:
        """The assignments that count: those after the last empty one."""
        found = self._index.get((section or self.section, key))
        if not found:
            return []
        for position in range(len(found) - 1, -1, -1):
            if not found[position].value:
                return found[position + 1 :]
        return found

    def text(self, key: str, section: str | None = None) -> str | None:
        """The last value, without a pair of quotes around it; None when the key is not there."""
        entry = self.last(key, section)
        return None if entry is None else unquoted(entry.value)

    def flag(self, key: str, section: str | None = None) -> bool | None:
        """A boolean; None when the key is not there.

        Raises:
            QuadletError: it is neither yes nor no.
        """
        entry = self.last(key, section)
        if entry is None:
            return None
        word = unquoted(entry.value).lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise self.error(f"{key}={entry.value}: neither yes nor no", entry)

    def uint(self, key: str) -> int | None:
        """A number below 2^32, decimal, 0x… or 0…; None when the key is not there.

        Raises:
            QuadletError
        """
        entry = self.last(key)
        if entry is None:
            return None
        word = unquoted(entry.value)
        digits = word[1:] if word.startswith("+") else word
        base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
        try:
            number = int(digits, base) if base != 8 else int(digits, 8)
        except ValueError:
            number = -1
        if not digits[:1].isdigit() or "_" in digits or not 0 <= number < 1 << 32:
            raise self.error(f"{key}={entry.value}: not a number from 0 to 4294967295", entry)
        return number

    def words(self, key: str, section: str | None = None) -> list[tuple[str, Entry]]:
        """Words of every assignment; quotes are removed, a backslash is itself.

        Raises:
            QuadletError: a quotation does not end.
        """
        return [
            (word, entry)
            for entry in self.all(key, section)
            for word in self._split(key, entry, keep_escapes=True)
        ]

    def args(self, key: str) -> list[tuple[str, Entry]]:
        """Words of every assignment, as of a command line.

        Raises:
            QuadletError: a quotation does not end, or there is no such escape.
        """
        return [(word, entry) for entry in self.all(key) for word in self._split(key, entry)]

    def last_args(self, key: str) -> list[tuple[str, Entry]]:
        """Words of the last assignment, as of a command line.

        Raises:
            QuadletError
        """
        entry = self.last(key)
        return [] if entry is None else [(word, entry) for word in self._split(key, entry)]

    def pairs(self, key: str) -> list[tuple[str, Entry]]:
        """KEY=VALUE words by key, the last of each key; a word without "=" stays as it is.

        Raises:
            QuadletError
        """
        found: dict[str, tuple[str, Entry]] = {}
        for word, entry in self.args(key):
            found[word.partition("=")[0]] = (word, entry)
        return [found[name] for name in sorted(found)]

    def _split(self, key: str, entry: Entry, *, keep_escapes: bool = False) -> list[str]:
        try:
            return split(entry.value, keep_escapes=keep_escapes)
        except QuotingError as error:
            raise self.error(f"{key}: {error.message}", entry)

    # -- names ------------------------------------------------------------------------------------------------------

    @property
    def is_template(self) -> bool:
        """`web@.container`: it is made into services when an instance is named."""
        return self.name.rpartition(".")[0].endswith("@")

    def set_names(self) -> None:
        """Finds out `service` and `resource`.

        Raises:
            QuadletError: the name is none that systemd allows.
        """
        base = self.name.rpartition(".")[0]
        given = self.last("ServiceName")
        if given is not None and unquoted(given.value):
            self.service = unquoted(given.value)
        else:
            given = None
            prefix, at, instance = base.partition("@")
            self.service = prefix + SUFFIXES[self.kind] + at + instance
        if not is_unit_name(self.service):
            raise self.error(f"no unit can be called {self.service!r}", given)
        self.resource = self._resource(base)

    def _resource(self, base: str) -> str:
        if self.kind in ("volume", "network", "pod"):
            key = {"volume": "VolumeName", "network": "NetworkName", "pod": "PodName"}[self.kind]
            prefix, at, instance = base.partition("@")
            return self.text(key) or f"systemd-{prefix}" + (f"-{instance or '%i'}" if at else "")
        if self.kind == "image":
            return self.text("ImageTag") or self.text("Image") or ""
        if self.kind == "artifact":
            return self.text("Artifact") or ""
        if self.kind == "build":
            tags = self.all("ImageTag")
            return tags[0].value if tags else ""
        if self.kind == "container":
            name = self.container_name().replace("%N", self.service)
            prefix, _, instance = self.service.partition("@")
            if instance:
                name = name.replace("%p", prefix).replace("%i", instance)
            return "" if "%" in name else name
        return ""

    def container_name(self) -> str:
        """What the container will be called; it may hold systemd's specifiers."""
        return self.text("ContainerName") or ("systemd-%p_%i" if "@" in self.name else "systemd-%N")

    def absolute(self, path: str) -> str:
        """A path relative to the file's folder; one that begins with a specifier is left to systemd."""
        if path.startswith("/") or (path.startswith("%") and not path.startswith("%%")):
            return path
        return os.path.normpath(os.path.join(os.path.dirname(self.path), path))

    def unknown_keys(self) -> list[Entry]:
        """Assignments of the file's own section, and of [Quadlet], whose key does not exist."""
        return [
            entry
            for entry in self.unit
            if (entry.section == self.section or entry.section == "Quadlet")
            and entry.key not in KEYS[entry.section]
        ]


def unquoted(value: str) -> str:
    """A value without the double quotes around it."""
    if len(value) >= 2 and value[0] == '"' and value[-1] == '"':
        return value[1:-1]
    return value


def is_unit_name(name: str) -> bool:
    """Whether systemd takes NAME.service for a unit's name."""
    return (
        0 < len(name) <= _LONGEST_NAME
        and not name.startswith("@")
        and all(letter in _NAME_LETTERS or letter == "@" for letter in name)
        and name.count("@") <= 1
        and name not in (".", "..")
    )


def load(path: str, drop_ins: list[str], report: list[UnitFileError], disk: Disk = DISK) -> Source | None:
    """Reads a Quadlet file and applies its drop-ins.

    Args:
        report: gets what is wrong with a drop-in, which is then left out.

    Returns:
        None: the file itself cannot be read; `report` says why.
    """
    try:
        unit = _read(path, disk)
    except UnitFileError as error:
        report.append(error)
        return None
    for drop_in in drop_ins:
        try:
            unit.merge(_read(drop_in, disk))
        except UnitFileError as error:
            report.append(error)
    return Source(path, unit)


def _read(path: str, disk: Disk) -> UnitFile:
    """
    Raises:
        QuadletError: there is no such file, it cannot be read, it is no text, or not a unit file.
    """
    try:
        data = disk.read(path, _LARGEST_FILE + 1)
    except OSError as error:
        raise QuadletError(path, 1, f"cannot read: {error.strerror}")
    if data is None:
        raise QuadletError(path, 1, "not a regular file")
    if len(data) > _LARGEST_FILE:
        raise QuadletError(path, 1, f"larger than {_LARGEST_FILE >> 20} MiB")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise QuadletError(path, data.count(b"\n", 0, error.start) + 1, "not UTF-8")
    if "\0" in text:
        raise QuadletError(path, text.count("\n", 0, text.index("\0")) + 1, "holds a NUL character")
    return parse(text, path, glue="")
