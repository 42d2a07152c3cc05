"""A command run again and again by a transient timer: NAME.timer, and NAME.service that it starts (systemd.timer(5)).

Both are gone when they are stopped, and at the next boot: nothing is written but what the manager keeps in /run.
"""

from __future__ import annotations

import os

from ocicore.linux import cgroups
from ocicore.systemd import bus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Microseconds by which a run may be late, so that the machine wakes up less often.
_ACCURACY = 1_000_000
#: Microseconds a run that is told to end may take.
_PATIENCE = 5_000_000
#: syslog(3)'s LOG_NOTICE: what a run says (at "info") would fill the journal.
_NOTICE = 5


class Place:
    """Whose manager: of the user `uid` (outside of any user namespace) with that XDG_RUNTIME_DIR, or the system's."""

    __slots__ = ("runtime_dir", "uid")

    def __init__(self, uid: int | None = None, runtime_dir: str = "") -> None:
        self.uid = uid
        self.runtime_dir = runtime_dir

    def is_there(self) -> bool:
        """Whether systemd is the init system, and this manager runs."""
        return bus.booted() and os.path.exists(bus.private_socket(self.uid, self.runtime_dir))

    def link(self, about: str) -> bus.Link:
        """A connection. Raises ManagerError."""
        return bus.Link(about, uid=self.uid, runtime_dir=self.runtime_dir)


def start(
    place: Place,
    name: str,
    command: Sequence[str],
    *,
    interval: int,
    environment: Mapping[str, str],
    harmless: Sequence[int] = (),
) -> None:
    """Run a command now, and again each time `interval` nanoseconds have passed since its end.

    Args:
        command: an absolute path and words, which arrive as they are.
        harmless: exit statuses that are no failure of the service.

    Raises:
        ManagerError
    """
    with place.link(f"{name}.timer") as link:
        request = _request(name, command, max(interval // 1000, 1), environment, harmless)
        result = link.job(link.call("StartTransientUnit", "ssa(sv)a(sa(sv))", request))
        if result != "done":
            raise bus.ManagerError(f"asking systemd for {name}.timer: its start ended as {result}")
        # Its end, which may wait for a lock that our caller holds, is not waited for.
        link.call("StartUnit", "ss", _unit(f"{name}.service"))


def stop(place: Place, name: str) -> None:
    """End the timer, and a run that goes on, unless that is this process itself. One that is not there is no error.

    Raises:
        ManagerError
    """
    with place.link(f"{name}.timer") as link:
        for unit in (f"{name}.timer", f"{name}.service"):
            if unit.endswith(".service") and is_inside(unit):
                continue
            try:
                link.job(link.call("StopUnit", "ss", _unit(unit)))
            except bus.ManagerError as error:
                if error.kind != bus.NO_SUCH_UNIT:
                    raise


def is_inside(unit: str) -> bool:
    """Whether this process belongs to a unit."""
    return any(path.endswith(f"/{unit}") for path in cgroups.own_paths().values())


def _unit(name: str) -> bus.Writer:
    body = bus.Writer()
    body.text(name)
    body.text("replace")
    return body


def _request(
    name: str, command: Sequence[str], interval: int, environment: Mapping[str, str], harmless: Sequence[int]
) -> bus.Writer:
    body = _unit(f"{name}.timer")
    properties = body.array(8)
    _texts(body, Description=" ".join(command), CollectMode="inactive-or-failed")
    body.property("TimersMonotonic", "a(st)")
    timers = body.array(8)
    body.align(8)
    body.text("OnUnitInactiveSec")
    body.large(interval)
    body.end(timers, 8)
    body.property("AccuracyUSec", "t")
    body.large(_ACCURACY)
    body.property("RemainAfterElapse", "b")
    body.number(False)
    body.end(properties, 8)
    units = body.array(8)
    body.align(8)
    body.text(f"{name}.service")
    properties = body.array(8)
    # A run that failed would otherwise stay, and be counted among the failed units, for as long as the machine runs.
    _texts(body, Description=" ".join(command), CollectMode="inactive-or-failed")
    body.property("ExecStart", "a(sasb)")
    commands = body.array(8)
    body.align(8)
    body.text(command[0])
    body.texts(*(word.replace("$", "$$") for word in command))
    body.number(False)
    body.end(commands, 8)
    body.property("Environment", "as")
    body.texts(*(f"{key}={value}" for key, value in environment.items()))
    body.property("SuccessExitStatus", "(aiai)")
    body.align(8)
    body.numbers(*harmless)
    body.numbers()
    body.property("TimeoutStopUSec", "t")
    body.large(_PATIENCE)
    body.property("LogLevelMax", "i")
    body.number(_NOTICE)
    body.end(properties, 8)
    body.end(units, 8)
    return body


def _texts(body: bus.Writer, **values: str) -> None:
    for name, value in values.items():
        body.property(name, "s")
        body.text(value)
