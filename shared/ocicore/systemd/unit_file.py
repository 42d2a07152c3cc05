"""Unit files: systemd.syntax(7). Reading keeps comments, order and line numbers; writing gives the same file back.

Lookups follow systemd: a key may repeat, an empty assignment of a list key resets what came before.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: systemd ignores longer lines.
MAX_LINE = 1 << 20
_WHITESPACE = " \t\r\n"


class UnitFileError(InvalidInput):
    """A malformed unit file.

    Slots:
        path, line: where (line from 1).
    """

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.path = path
        self.line = line


class Entry:
    """One assignment.

    Slots:
        section, key, value: value without surrounding blanks; continued lines are joined by a blank.
        line: where it starts, from 1; 0 for one that was added.
        path: the file it is from.
        raw: the lines as read, or "" for one that was added.
    """

    __slots__ = ("key", "line", "path", "raw", "section", "value")

    def __init__(
        self, section: str, key: str, value: str, *, line: int = 0, path: str = "", raw: str = ""
    ) -> None:
        self.section = section
        self.key = key
        self.value = value
        self.line = line
        self.path = path
        self.raw = raw

    def text(self) -> str:
        """The assignment as it is written, with its newline."""
        return self.raw or f"{assignment(self.key, self.value)}\n"


class _Other:
    """A comment, an empty line or a section's header (which has a line number)."""

    __slots__ = ("header", "line", "raw")

    def __init__(self, raw: str, header: str | None = None, line: int = 0) -> None:
        self.raw = raw
        self.header = header
        self.line = line


class UnitFile:
    """Sections of assignments, in order.

    Args:
        path: named in messages.
    """

    def __init__(self, path: str = "") -> None:
        self.path = path
        self._lines: list[Entry | _Other] = []

    def __iter__(self) -> Iterator[Entry]:
        return (line for line in self._lines if isinstance(line, Entry))

    def sections(self) -> list[str]:
        """Names of the sections in the order of their first appearance."""
        return list(
            dict.fromkeys(line.header for line in self._lines if isinstance(line, _Other) and line.header)
        )

    def headers(self) -> list[tuple[str, int]]:
        """(section, line) of every header, in order."""
        return [(line.header, line.line) for line in self._lines if isinstance(line, _Other) and line.header]

    def section_line(self, section: str) -> int | None:
        """Where a section begins first."""
        return next((line for header, line in self.headers() if header == section), None)

    def entries(self, section: str, key: str | None = None) -> list[Entry]:
        """All assignments of a section, or of one key in it, in order."""
        return [entry for entry in self if entry.section == section and key in (None, entry.key)]

    def get(self, section: str, key: str, default: str | None = None) -> str | None:
        """The last value of a key that is set once."""
        found = self.entries(section, key)
        return found[-1].value if found else default

    def get_all(self, section: str, key: str) -> list[str]:
        """The values of a key that repeats; an empty one resets the list."""
        values: list[str] = []
        for entry in self.entries(section, key):
            if entry.value:
                values.append(entry.value)
            else:
                values.clear()
        return values

    def add(self, section: str, key: str, value: str) -> None:
        """Appends an assignment to the section, which is made when there is none."""
        entry = Entry(section, key, escape_value(value))
        last = None
        for index, line in enumerate(self._lines):
            if isinstance(line, Entry):
                if line.section == section:
                    last = index
            elif line.header == section:
                last = index
        if last is None:
            self._end_line()
            if self._lines:
                self._lines.append(_Other("\n"))
            self._lines.append(_Other(f"[{section}]\n", section))
            last = len(self._lines) - 1
        else:
            self._end_line(last)
        self._lines.insert(last + 1, entry)

    def _end_line(self, index: int = -1) -> None:
        """Gives a line its newline, which the last one of a file may lack."""
        if self._lines:
            line = self._lines[index]
            if line.raw and not line.raw.endswith("\n"):
                line.raw += "\n"

    def set(self, section: str, key: str, value: str) -> None:
        """Makes this the only assignment of the key, in the place of the first."""
        found = self.entries(section, key)
        if not found:
            self.add(section, key, value)
            return
        found[0].value, found[0].raw = escape_value(value), ""
        self.remove(section, key, keep=found[0])

    def remove(self, section: str, key: str, *, keep: Entry | None = None) -> None:
        """Takes assignments of a key out."""
        self._lines = [
            line
            for line in self._lines
            if line is keep or not (isinstance(line, Entry) and line.section == section and line.key == key)
        ]

    def drop(self, entry: Entry) -> None:
        """Takes one assignment out."""
        self._lines = [line for line in self._lines if line is not entry]

    def rename_section(self, old: str, new: str) -> None:
        """Gives every section of a name another one."""
        for line in self._lines:
            if isinstance(line, Entry):
                if line.section == old:
                    line.section = new
            elif line.header == old:
                line.header, line.raw = new, f"[{new}]\n"

    def merge(self, other: UnitFile) -> None:
        """Appends another file's sections, as systemd applies a drop-in."""
        self._end_line()
        self._lines += other._lines

    def text(self) -> str:
        """The whole file."""
        return "".join(line.text() if isinstance(line, Entry) else line.raw for line in self._lines)


def assignment(key: str, value: str) -> str:
    """One line, without its newline. A backslash at the end of a value gets a blank after it, which is none of the value:
    the next line would be taken for the rest of this one."""
    escapes = len(value) - len(value.rstrip("\\"))
    return f"{key}={value} " if escapes % 2 else f"{key}={value}"


def escape_value(value: str) -> str:
    """A value that must stay on its line: newlines continue it, so that the reader joins them by a blank."""
    return value if "\n" not in value else value.replace("\n", " \\\n ")


def parse(text: str, path: str = "", *, glue: str = " ") -> UnitFile:
    """Reads a unit file.

    Args:
        glue: what joins a continued line and the next: systemd puts a blank there, podman nothing.

    Raises:
        UnitFileError: a line without "=", an assignment before the first section, a broken header, or too long.
    """
    unit = UnitFile(path)
    section: str | None = None
    for number, raw, content in _logical_lines(text, path, glue):
        if not content:
            unit._lines.append(_Other(raw))
        elif content.startswith("["):
            if not content.endswith("]") or len(content) < 3:
                raise UnitFileError(path, number, f"invalid section header {content!r}")
            section = content[1:-1]
            unit._lines.append(_Other(raw, section, number))
        else:
            key, equals, value = content.partition("=")
            if not equals:
                raise UnitFileError(path, number, f"missing '=' after {content.split()[0]!r}")
            key = key.rstrip(_WHITESPACE)
            if not key:
                raise UnitFileError(path, number, "missing key name before '='")
            if section is None:
                raise UnitFileError(path, number, f"assignment of {key} outside of a section")
            entry = Entry(section, key, value.strip(_WHITESPACE), line=number, path=path, raw=raw)
            unit._lines.append(entry)
    return unit


def _logical_lines(text: str, path: str, glue: str) -> Iterator[tuple[int, str, str]]:
    """(number, lines as read, content) with continued lines joined; comments and empty lines have no content."""
    start, raw, content = 0, "", ""
    continued = False
    for number, line in enumerate(_physical_lines(text), 1):
        if len(line) > MAX_LINE:
            raise UnitFileError(path, number, "the line is too long")
        body = line.rstrip("\n")
        stripped = body.strip(_WHITESPACE)
        if not continued:
            start, raw, content = number, "", ""
        raw += line
        if stripped[:1] in ("#", ";") and stripped:
            # Inside a continued assignment a comment is skipped and does not end it.
            if not continued:
                yield start, raw, ""
            continue
        # Blanks at the start of a line are none of its content; a backslash that is itself escaped continues nothing.
        body = body.lstrip(_WHITESPACE)
        escapes = len(body) - len(body.rstrip("\\"))
        if escapes % 2:
            content += body[:-1] + glue
            continued = True
            continue
        content += body
        continued = False
        yield start, raw, content.strip(_WHITESPACE)
    if continued:
        yield start, raw, content.strip(_WHITESPACE)


def _physical_lines(text: str) -> Iterable[str]:
    """Lines with their newlines; only "\\n" ends one."""
    lines = text.split("\n")
    for line in lines[:-1]:
        yield line + "\n"
    if lines[-1]:
        yield lines[-1]
