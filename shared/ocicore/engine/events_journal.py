"""Events in the systemd journal, with podman's fields (libpod/events/journal_linux.go names them PODMAN_*).

Writing uses the journal's own datagram socket (systemd: Native Journal Protocol); reading goes through journalctl.
"""

from __future__ import annotations

from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ocicore.engine.context import Engine

_SOCKET = "/run/systemd/journal/socket"
_FIELDS = {
    "Status": "PODMAN_EVENT",
    "Type": "PODMAN_TYPE",
    "Time": "PODMAN_TIME",
    "ID": "PODMAN_ID",
    "Name": "PODMAN_NAME",
    "Image": "PODMAN_IMAGE",
    "ContainerExitCode": "PODMAN_EXIT_CODE",
    "Error": "PODMAN_ERROR",
    "HealthStatus": "PODMAN_HEALTH_STATUS",
    "HealthLog": "PODMAN_HEALTH_LOG",
    "HealthFailingStreak": "PODMAN_HEALTH_FAILING_STREAK",
    "Network": "PODMAN_NETWORK_NAME",
    "PodID": "PODMAN_POD_ID",
    "ContainerInspectData": "PODMAN_CONTAINER_INSPECT_DATA",
}
_IDENTIFIER = "pypod"
#: A variable of services of which nothing below "notice" gets to the journal: those that start health checks.
TERSE_UNIT = "PYPOD_HEALTH_UNIT"
_IDLE_MS = 100


def write(engine: Engine, event: dict[str, Any]) -> None:
    """Send one event; a journal that does not listen never fails the command."""
    import _socket

    # Of health checks podman's are as important, for the same reason.
    notable = bool(event.get("HealthStatus")) or TERSE_UNIT in engine.environ
    words = [str(event.get(key, "")) for key in ("Type", "Status", "ID", "Name")]
    fields = {
        "MESSAGE": " ".join(word for word in words if word),
        "PRIORITY": "5" if notable else "6",
        "SYSLOG_IDENTIFIER": _IDENTIFIER,
    }
    for key, name in _FIELDS.items():
        if event.get(key) not in (None, ""):
            fields[name] = str(event[key])
    if event.get("Attributes"):
        fields["PODMAN_LABELS"] = quick_json.dumps(event["Attributes"])
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        sock.sendto(_encode(fields), _SOCKET)
    except OSError as error:
        engine.debug(f"writing event to the journal: {error.strerror}")
    finally:
        sock.close()


def _encode(fields: dict[str, str]) -> bytes:
    """NAME=value lines; values with a newline have their length (64 bit, little endian) in front."""
    out = bytearray()
    for name, value in fields.items():
        data = value.encode("utf-8", "surrogateescape")
        if b"\n" in data:
            out += name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
        else:
            out += name.encode() + b"=" + data + b"\n"
    return bytes(out)


def decode(entry: dict[str, Any]) -> dict[str, Any] | None:
    """One journal entry (journalctl -o json) as an event; None when it is none of ours."""
    if "PODMAN_EVENT" not in entry:
        return None
    event: dict[str, Any] = {key: entry[name] for key, name in _FIELDS.items() if name in entry}
    if "ContainerExitCode" in event:
        event["ContainerExitCode"] = int(event["ContainerExitCode"])
    if entry.get("PODMAN_LABELS"):
        event["Attributes"] = quick_json.loads(entry["PODMAN_LABELS"])
    return event


def read(engine: Engine, *, follow: bool, since: int | None = None) -> Iterator[dict[str, Any] | None]:
    """Events of the journal, oldest first; with `follow` None whenever nothing comes. Raises MissingProgram.

    `since` (ns since the epoch) keeps the journal from being read from its beginning; older events may come all the same.
    """
    import os
    import select
    import subprocess

    from ocicore.errors import MissingProgram

    argv = ["journalctl", "-o", "json", "--all", "-t", _IDENTIFIER, "-n", "all", "--no-pager"]
    if follow:
        argv.append("-f")
    if since is not None and since > 0:
        # An event is stamped before the journal gets it.
        argv.append(f"--since=@{since // 1_000_000_000 - 1}")
    try:
        program = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise MissingProgram("reading events: journalctl: not found", hint="install systemd") from None
    assert program.stdout is not None
    descriptor = program.stdout.fileno()
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    rest = b""
    try:
        while True:
            if follow and not poller.poll(_IDLE_MS):
                yield None
                continue
            block = os.read(descriptor, 65536)
            if not block:
                return
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                event = decode(quick_json.loads(line))
                if event is not None:
                    yield event
    finally:
        program.terminate()
        program.wait()
