"""What is wrong with a Quadlet file, or hardly meant, at which line and column; before systemd gets to see it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ocicore.systemd.quadlet import paths
from ocicore.systemd.quadlet.convert import convert_all, load_all
from ocicore.systemd.quadlet.keys import INSTALL_KEYS, KEYS, SECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.systemd.quadlet.service import Command, Host
    from ocicore.systemd.quadlet.source import Source
    from ocicore.systemd.unit_file import Entry, UnitFileError

    Judge = Callable[[str, str, str, str], str]

#: The podman whose keys every user of Quadlet has by now; younger ones are worth a note.
_COMMON_VERSION = (5, 4)
#: Keys that [Service] or [Unit] know too.
_SHARED = frozenset(
    ("Environment", "EnvironmentFile", "User", "Group", "Type", "Image", "Volume", "Driver", "Network")
)
#: Sections of services that are not ours.
_UNIT_SECTIONS = ("Unit", "Service", "Install", "Quadlet")


@dataclass(frozen=True)
class Finding:
    """
    Attributes:
        line, column: from 1.
        level: error, warning or note.
    """

    path: str
    line: int
    column: int
    level: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.level}: {self.message}"


def check(
    path: str, host: Host, *, version: tuple[int, ...] | None = None, judge: Judge | None = None
) -> list[Finding]:
    """Everything about a file, in the order of its lines. The files in its folder are those it may refer to.

    Args:
        version: of podman, whose keys alone are allowed; None allows all and notes the young ones.
        judge: what the engine thinks of a value: its command, option ("" for the image), value and folder -> what is wrong.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if name.rpartition(".")[2] not in SECTIONS:
        kinds = ", ".join(f".{kind}" for kind in SECTIONS)
        return [Finding(path, 1, 1, "error", f"not a Quadlet file: the name ends with none of {kinds}")]
    files = [file for file in paths.quadlet_files([folder], SECTIONS) if os.path.basename(file) != name]
    sources, problems = load_all([f"{folder}/{name}", *files], paths.DropIns([folder]))
    findings = []
    source = sources.get(name)
    if source is not None:
        findings = _sections(source) + _keys(source, version)
        findings += _conversion(source, sources, host)
        if judge is not None:
            findings += _values(source, sources, host, judge)
        for problem in problems:
            if problem.winner == name:
                reason = f"{source.service}.service is made from {problem.name}, too"
                findings.append(_of_error(source.error(reason, source.last("ServiceName")), source))
    findings += [_of_error(problem.error, source) for problem in problems if problem.name == name]
    findings.sort(
        key=lambda finding: (finding.path != f"{folder}/{name}", finding.path, finding.line, finding.column)
    )
    shown = {f"{folder}/{name}": path}
    return [
        Finding(shown.get(f.path, f.path), f.line, f.column, f.level, f.message)
        for f in dict.fromkeys(findings)
    ]


def _conversion(source: Source, sources: dict[str, Source], host: Host) -> list[Finding]:
    """Everything that the conversion complains of: what it stops at is taken out, and it goes on."""
    for entry in source.unknown_keys():
        source.drop(entry)
    found: list[Finding] = []
    while True:
        _, problems = convert_all(sources, host)
        new = next((problem for problem in problems if problem.name == source.name), None)
        if new is None:
            return found
        found.append(_of_error(new.error, source))
        at = (new.error.path, new.error.line)
        wrong = [entry for entry in source.unit if (entry.path, entry.line) == at]
        if not wrong:
            return found
        for entry in wrong:
            source.drop(entry)


def _values(source: Source, sources: dict[str, Source], host: Host, judge: Judge) -> list[Finding]:
    """What the engine would refuse of what the file hands on to it."""
    services, _ = convert_all(sources, host)
    folder = os.path.dirname(source.path)
    found = []
    for service in services:
        if service.source is not source:
            continue
        for _, command in service.commands:
            verb = next(
                word
                for word, origin in zip(command.words[1:], command.origins[1:], strict=True)
                if origin is None and not word.startswith("-")
            )
            for option, value, entry in _options(command):
                reason = judge(verb, option, value, folder)
                if reason:
                    at = (entry.path or source.path, entry.line, _value_column(entry))
                    found.append(Finding(*at, "error", f"{entry.key}: {reason}"))
    return found


def _options(command: Command) -> list[tuple[str, str, Entry]]:
    """(option, value, assignment) of what comes from the file; the image's option is "". PodmanArgs are not taken apart:
    which of their words are values only the engine knows."""
    found = []
    words = list(zip(command.words, command.origins, strict=True))
    for position, (word, entry) in enumerate(words):
        if entry is None or entry.key in ("PodmanArgs", "GlobalArgs", "Exec"):
            continue
        if not word.startswith("-"):
            before = words[position - 1]
            if entry.key in ("Image", "ImageTag") and not (before[1] is entry and before[0].startswith("-")):
                found.append(("", word, entry))
            continue
        option, equals, value = word.partition("=")
        if equals:
            found.append((option, value, entry))
        elif position + 1 < len(words) and words[position + 1][1] is entry:
            found.append((option, words[position + 1][0], entry))
    return found


def _of_error(error: UnitFileError, source: Source | None) -> Finding:
    column = 1
    if source is not None:
        for entry in source.unit:
            if (entry.path, entry.line) == (error.path, error.line):
                column = _value_column(entry)
    reason = error.message.removeprefix(f"{error.path}:{error.line}: ")
    return Finding(error.path, error.line, column, "error", reason)


def _key_column(entry: Entry) -> int:
    return len(entry.raw) - len(entry.raw.lstrip(" \t")) + 1


def _value_column(entry: Entry) -> int:
    """Where the value begins (in the first line of the assignment)."""
    at = entry.raw.find("=") + 1
    rest = entry.raw[at:]
    return at + len(rest) - len(rest.lstrip(" \t")) + 1


def _sections(source: Source) -> list[Finding]:
    findings = []
    known = (*_UNIT_SECTIONS, source.section)
    for section, line in source.unit.headers():
        if section in known or section.startswith("X-"):
            continue
        if section in KEYS:
            message = f"[{section}] is of .{section.lower()} files; this one has [{source.section}]"
        else:
            message = (
                f"unknown section [{section}], which systemd passes over{_meant(section, known, '[{}]')}"
            )
        findings.append(Finding(source.path, line, 1, "error", message))
    return findings


def _keys(source: Source, version: tuple[int, ...] | None) -> list[Finding]:
    findings = []
    seen: dict[tuple[str, str], Entry] = {}
    own = KEYS[source.section]
    for entry in source.unit:
        at = (entry.path, entry.line, _key_column(entry))
        if entry.section in (source.section, "Quadlet"):
            known = KEYS[entry.section]
            if entry.key not in known:
                findings.append(Finding(*at, "error", _unknown(entry, known)))
                continue
            kind, _, since = known[entry.key]
            needed = tuple(int(part) for part in since.split("."))
            if version is not None and needed > version:
                findings.append(Finding(*at, "error", f"{entry.key} needs podman {since}"))
            elif version is None and needed > _COMMON_VERSION:
                findings.append(Finding(*at, "note", f"{entry.key} needs podman {since}; pypod has it"))
            earlier = seen.get((entry.section, entry.key))
            if (
                kind in ("text", "flag", "uint")
                and earlier is not None
                and entry.path == earlier.path
                and entry.value
            ):
                findings.append(
                    Finding(
                        *at, "warning", f"{entry.key} is set in line {earlier.line} already: this one counts"
                    )
                )
            seen[(entry.section, entry.key)] = entry
        elif entry.section == "Install":
            known_install = (*INSTALL_KEYS, "Also", "DefaultInstance")
            if entry.key not in known_install:
                findings.append(
                    Finding(
                        *at,
                        "error",
                        f"unknown key {entry.key} in [Install]{_meant(entry.key, known_install, '{}')}",
                    )
                )
        elif entry.section in ("Unit", "Service") and entry.key in own and entry.key not in _SHARED:
            findings.append(Finding(*at, "error", f"{entry.key} belongs in [{source.section}]"))
        elif entry.section == "Service" and entry.key in ("User", "Group", "DynamicUser"):
            findings.append(
                Finding(
                    *at, "warning", f"{entry.key} in [Service] changes who runs the engine, not the container"
                )
            )
    return findings


def _unknown(entry: Entry, known: dict[str, tuple[str, str, str]]) -> str:
    text = f"unsupported key {entry.key} in [{entry.section}]{_meant(entry.key, tuple(known), '{}')}"
    others = [section for section, keys in KEYS.items() if entry.key in keys and section != entry.section]
    if others and "did you mean" not in text:
        text += f": it is a key of {', '.join(f'[{section}]' for section in others)}"
    return text


def _meant(word: str, known: tuple[str, ...], form: str) -> str:
    """ ", did you mean X?" when something near is known."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f", did you mean {form.format(by_lower[near[0]])}?" if near else ""
