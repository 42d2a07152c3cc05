"""A folder of Quadlet files becomes services. What is wrong with one of them keeps none of the others back."""

from __future__ import annotations

from ocicore.systemd.quadlet import container, pods, resources
from ocicore.systemd.quadlet.disk import DISK
from ocicore.systemd.quadlet.keys import SECTIONS
from ocicore.systemd.quadlet.source import load
from ocicore.systemd.unit_file import UnitFileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.systemd.quadlet.disk import Disk
    from ocicore.systemd.quadlet.paths import DropIns
    from ocicore.systemd.quadlet.service import Host, Service
    from ocicore.systemd.quadlet.source import Source
    from ocicore.systemd.unit_file import Entry

_CONVERTERS = {
    "image": resources.convert_image,
    "artifact": resources.convert_artifact,
    "volume": resources.convert_volume,
    "network": resources.convert_network,
    "build": resources.convert_build,
    "container": container.convert,
    "kube": pods.convert_kube,
    "pod": pods.convert_pod,  # last: by then its containers have entered their names
}


class Problem:
    """What is wrong with one file, or worth a word.

    Slots:
        name: the file's name.
        error: says where and why.
        fatal: no service was made of the file.
        winner: name of the file from which the service is made that both are for, "" for any other reason.
    """

    __slots__ = ("error", "fatal", "name", "winner")

    def __init__(self, name: str, error: UnitFileError, *, fatal: bool = True, winner: str = "") -> None:
        self.name = name
        self.winner = winner
        self.error = error
        self.fatal = fatal

    def __str__(self) -> str:
        return f'converting "{self.name}": {self.error}' if self.fatal else str(self.error)


def load_all(
    files: list[str], drop_ins: DropIns, say: Callable[[str], None] | None = None, disk: Disk = DISK
) -> tuple[dict[str, Source], list[Problem]]:
    """Reads Quadlet files, by name, and gives each its service's name.

    Args:
        say: is told of every file that is read.
    """
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    services: dict[str, Source] = {}
    for path in files:
        name = path.rpartition("/")[2]
        further = drop_ins.files(name)
        if say is not None:
            say(f"Loading source unit file {path}")
            for drop_in in further:
                say(f"Loading source drop-in file {drop_in}")
        errors: list[UnitFileError] = []
        source = load(path, further, errors, disk)
        problems += [Problem(name, error, fatal=source is None) for error in errors]
        if source is None:
            continue
        try:
            source.set_names()
        except UnitFileError as error:
            problems.append(Problem(name, error))
            continue
        other = services.setdefault(source.service, source)
        if other is not source:
            reason = f"{source.service}.service is made from {other.path} already"
            rival = source.error(reason, source.last("ServiceName"))
            problems.append(Problem(name, rival, winner=other.name))
            continue
        sources[name] = source
    return sources, problems


def convert_all(sources: dict[str, Source], host: Host) -> tuple[list[Service], list[Problem]]:
    """Services of all the files from which one can be made, resources first."""
    services: list[Service] = []
    problems: list[Problem] = []
    order = {kind: index for index, kind in enumerate(SECTIONS)}
    for source in sorted(sources.values(), key=lambda source: order[source.kind]):
        try:
            services.append(_CONVERTERS[source.kind](source, host, sources))
        except UnitFileError as error:
            problems.append(Problem(source.name, error))
    in_ring = _rings(services)
    for service in services:
        found = in_ring.get(service.source.name)
        if found is not None:
            ring, entry = found
            reason = "needs itself: " + " -> ".join([*ring, ring[0]])
            problems.append(Problem(service.source.name, service.source.error(reason, entry)))
    return [service for service in services if service.source.name not in in_ring], problems


def _rings(services: list[Service]) -> dict[str, tuple[list[str], Entry | None]]:
    """Files that need themselves through others: name -> the ring from there, and the assignment that closes it."""
    needs = {
        service.source.name: [(source.name, entry) for source, entry in service.needs] for service in services
    }
    found: dict[str, tuple[list[str], Entry | None]] = {}
    done: set[str] = set()
    for start, first in needs.items():
        if start in done:
            continue
        # A walk without recursion: a chain may be as long as there are files.
        path: list[str] = [start]
        pending = [list(first)]
        while path:
            if not pending[-1]:
                pending.pop()
                done.add(path.pop())
                continue
            name, _ = pending[-1].pop()
            if name in path:
                ring = path[path.index(name) :]
                for index, member in enumerate(ring):
                    turned = ring[index:] + ring[:index]
                    entry = next(
                        entry for target, entry in needs[member] if target == turned[1 % len(turned)]
                    )
                    found.setdefault(member, (turned, entry))
            elif name in needs and name not in done:
                path.append(name)
                pending.append(list(needs[name]))
    return found
