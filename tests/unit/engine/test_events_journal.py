"""Events on their way to the journal: what reaches its socket."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ocicore.engine import events_journal


@pytest.mark.parametrize(
    ("event", "environ", "priority"),
    [
        ({"Status": "died"}, {}, "6"),
        # Services of health checks let nothing below "notice" through: not their checks, not what follows from them.
        ({"Status": "health_status", "HealthStatus": "healthy"}, {}, "5"),
        ({"Status": "died"}, {events_journal.TERSE_UNIT: "x"}, "5"),
    ],
)
def test_priority(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    event: dict[str, Any],
    environ: dict[str, str],
    priority: str,
) -> None:
    place = str(tmp_path / "journal")
    monkeypatch.setattr(events_journal, "_SOCKET", place)
    engine = cast(Any, SimpleNamespace(environ=environ, debug=pytest.fail))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(place)
        journal.settimeout(10)
        events_journal.write(engine, {"Type": "container", "ID": "1d", "Name": "web", **event})
        text = journal.recv(65536).decode()
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert fields["PRIORITY"] == priority
    assert fields["PODMAN_EVENT"] == event["Status"]
    assert fields["MESSAGE"] == f"container {event['Status']} 1d web"
