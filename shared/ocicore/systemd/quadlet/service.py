"""The service that a Quadlet file becomes: its sections, and command lines that remember which line made which word."""

from __future__ import annotations

from ocicore.systemd.quadlet.disk import DISK
from ocicore.systemd.quadlet.keys import DEPENDENCY_KEYS, KEYS, SECTIONS
from ocicore.systemd.quoting import quote
from ocicore.systemd.unit_file import assignment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.systemd.quadlet.disk import Disk
    from ocicore.systemd.quadlet.source import Source
    from ocicore.systemd.unit_file import Entry

#: Users' managers know no network-online.target; this unit waits for the system's.
USER_NETWORK_UNIT = "podman-user-wait-network-online.service"
SYSTEM_NETWORK_UNIT = "network-online.target"


class Host:
    """What the conversion needs to know of where it runs.

    Slots:
        program: absolute path of the engine that the services start.
        is_user: for a user's manager.
        disk: tells what devices there are.
    """

    __slots__ = ("disk", "is_user", "program")

    def __init__(self, program: str, *, is_user: bool, disk: Disk = DISK) -> None:
        self.disk = disk
        self.program = program
        self.is_user = is_user


class Target:
    """What another file refers to.

    Slots:
        source: the file.
        unit: name of its service, with ".service".
        resource: name of what it makes.
    """

    __slots__ = ("resource", "source", "unit")

    def __init__(self, source: Source, unit: str, resource: str) -> None:
        self.source = source
        self.unit = unit
        self.resource = resource


class Command:
    """A command line.

    Slots:
        words: as they reach the program, but for specifiers and variables, which systemd replaces.
        origins: for each word the assignment it comes from, or None.
    """

    __slots__ = ("origins", "words")

    def __init__(self, source: Source, host: Host, *verbs: str) -> None:
        self.words = [host.program]
        self.origins: list[Entry | None] = [None]
        for entry in source.all("ContainersConfModule"):
            self.add(f"--module={entry.value}", origin=entry)
        for word, entry in source.args("GlobalArgs"):
            self.add(word, origin=entry)
        self.add(*verbs)

    def add(self, *words: str, origin: Entry | None = None) -> None:
        self.words += words
        self.origins += [origin] * len(words)

    def flag(self, option: str, value: bool, origin: Entry | None) -> None:
        self.add(option if value else f"{option}=false", origin=origin)

    def take(self, source: Source, *keys: str) -> None:
        """Adds the options of keys that become one as they are; the table says how each is read."""
        present = source.present
        for key in keys:
            if key not in present:
                continue
            kind, option, _ = KEYS[source.section][key]
            if kind == "text":
                text = source.text(key)
                if text:
                    self.add(option, text, origin=source.last(key))
            elif kind == "texts":
                for entry in source.all(key):
                    self.add(option, entry.value, origin=entry)
            elif kind == "flag":
                flag = source.flag(key)
                if flag is not None:
                    self.flag(option, flag, source.last(key))
            elif kind == "words":
                for word, entry in source.words(key):
                    self.add(option, word, origin=entry)
            elif kind == "args":
                for word, entry in source.args(key):
                    self.add(option, word, origin=entry)
            elif kind == "pairs":
                for word, entry in source.pairs(key):
                    self.add(option, word, origin=entry)

    def take_arguments(self, source: Source) -> None:
        """Adds the words of PodmanArgs=."""
        for word, entry in source.args("PodmanArgs"):
            self.add(word, origin=entry)

    def text(self) -> str:
        """One line of a unit file."""
        return " ".join([quote(word, specifiers=False, variables=False) for word in self.words])


class Service:
    """A service under construction.

    Slots:
        source: the file it is made from.
        sections: name -> assignments, in order.
        commands: (key, command line) pairs that were added.
        needs: (file, assignment) pairs: which it cannot start without, and starts after.
    """

    __slots__ = ("commands", "needs", "sections", "source")

    def __init__(self, source: Source, host: Host, sources: dict[str, Source]) -> None:
        self.source = source
        self.commands: list[tuple[str, Command]] = []
        self.needs: list[tuple[Source, Entry | None]] = []
        for entry in source.unknown_keys():
            raise source.error(f"unsupported key '{entry.key}' in group '{entry.section}'", entry)
        self.sections: dict[str, list[tuple[str, str]]] = {}
        for header, _ in source.unit.headers():
            self.sections.setdefault(self._renamed(header), [])
        for entry in source.unit:
            self.sections[self._renamed(entry.section)].append((entry.key, entry.value))
        self._translate_dependencies(sources)
        if source.flag("DefaultDependencies", "Quadlet") is not False:
            # An image may have to be pulled.
            network = USER_NETWORK_UNIT if host.is_user else SYSTEM_NETWORK_UNIT
            self.sections.setdefault("Unit", [])[:0] = [("Wants", network), ("After", network)]
        self.add("Unit", "SourcePath", source.path.replace("%", "%%"))
        # The engine's own files.
        self.add("Unit", "RequiresMountsFor", "%t/containers")

    def _renamed(self, section: str) -> str:
        """systemd passes over sections that begin with "X-"."""
        return f"X-{section}" if section in (self.source.section, "Quadlet") else section

    def _translate_dependencies(self, sources: dict[str, Source]) -> None:
        """Names of Quadlet files among those of units become the names of their services."""
        for key in DEPENDENCY_KEYS:
            if not self.source.last(key, "Unit"):
                continue
            names = self.source.words(key, "Unit")
            if not any(name.rpartition(".")[2] in SECTIONS for name, _ in names):
                continue
            units = []
            for name, entry in names:
                if name.rpartition(".")[2] not in SECTIONS:
                    units.append(name)
                    continue
                target = self.find(name, entry, sources, f"unable to translate dependency for {name}")
                units.append(target.unit)
                if key == "After":
                    self.needs.append((target.source, entry))
            unit = self.sections["Unit"]
            unit[:] = [pair for pair in unit if pair[0] != key] + [(key, " ".join(units))]

    def add(self, section: str, key: str, value: str) -> None:
        self.sections.setdefault(section, []).append((key, value))

    def get(self, section: str, key: str) -> str | None:
        """The last value of a key."""
        found = [value for name, value in self.sections.get(section, ()) if name == key]
        return found[-1] if found else None

    def set(self, section: str, key: str, value: str) -> None:
        """Replaces the last assignment of a key, or adds one."""
        pairs = self.sections.setdefault(section, [])
        for position in range(len(pairs) - 1, -1, -1):
            if pairs[position][0] == key:
                pairs[position] = (key, value)
                return
        pairs.append((key, value))

    def default(self, section: str, key: str, value: str) -> None:
        """Adds an assignment that the file does not have."""
        if self.get(section, key) is None:
            self.add(section, key, value)

    def run(self, key: str, command: Command, *, may_fail: bool = False) -> None:
        """Adds a command line to [Service]."""
        self.commands.append((key, command))
        self.add("Service", key, ("-" if may_fail else "") + command.text())

    def mounts_for(self, path: str) -> None:
        """The file systems of a path must be mounted."""
        self.add("Unit", "RequiresMountsFor", quote(path, specifiers=False, variables=False))

    # -- other files ------------------------------------------------------------------------------------------------

    def find(self, name: str, entry: Entry | None, sources: dict[str, Source], missing: str) -> Target:
        """The file of a name. `data@a.volume` is also found in `data@.volume`; a template that refers to a template
        means the instance of its own.

        Raises:
            QuadletError: there is none (`missing` says so), or a template is named without an instance.
        """
        source = sources.get(name)
        base, _, kind = name.rpartition(".")
        prefix, at, instance = base.partition("@")
        if source is None and instance:
            source = sources.get(f"{prefix}@.{kind}")
        if source is None:
            raise self.source.error(missing, entry)
        unit, resource = source.service, source.resource
        if source.is_template and at:
            if not instance and not self.source.is_template:
                raise self.source.error(
                    f"{name} is a template: name an instance, {prefix}@NAME.{kind}", entry
                )
            instance = instance or "%i"
            if unit.endswith("@"):
                unit += instance
            resource = resource.replace("%i", instance)
            if kind == "container" and not resource:
                text = (
                    source.container_name().replace("%p", source.service.rstrip("@")).replace("%i", instance)
                )
                resource = "" if "%" in text.replace("%i", "") else text
        return Target(source, unit + ".service", resource)

    def require(self, target: Target, entry: Entry | None, *, binding: bool = False) -> None:
        """The service of another file must run, and be started before."""
        self.add("Unit", "BindsTo" if binding else "Requires", target.unit)
        self.add("Unit", "After", target.unit)
        self.needs.append((target.source, entry))

    # -- the end ----------------------------------------------------------------------------------------------------

    @property
    def file_name(self) -> str:
        return self.source.service + ".service"

    def text(self, program: str) -> str:
        """The unit file; `program` is named as its maker."""
        lines = [f"# Automatically generated by {program}", ""]
        for section, pairs in self.sections.items():
            lines.append(f"[{section}]")
            lines += [assignment(key, value) for key, value in pairs]
            lines.append("")
        return "\n".join(lines)
