"""Containers as the generator sees them, for tests."""

from __future__ import annotations

from typing import Any

from ocicore.systemd.generate import ContainerFacts, Names
from ocicore.systemd.unit_file import parse

NAMES = Names(("/usr/bin/pypod",), "1.2.3")
ID = "e0472cfd858b8f5f19777fb4a3d955e6ceb28ea47f1cfad9633b3ae8f1bb98bb"
#: 2026-01-02 03:04:05 UTC
NOW = 1767323045.0


def container(*words: str, **changes: Any) -> ContainerFacts:
    """A container made by `pypod WORDS`."""
    facts: dict[str, Any] = {
        "id": ID,
        "name": "web",
        "create_command": ["pypod", *words] if words else ["pypod", "run", "-d", "--name", "web", "nginx"],
        "conmon_pid_file": f"/run/containers/storage/overlay-containers/{ID}/userdata/conmon.pid",
        "stop_timeout": 10,
        "restart_policy": "",
        "env": ["PATH=/bin", "HOME=/root"],
        "run_root": "/run/containers/storage",
        "depends_on": [],
        "is_init": False,
    }
    return {**facts, **changes}  # type: ignore[typeddict-item, return-value]


def command_of(text: str, key: str) -> str:
    """The command of a key in a unit's text, its lines joined as systemd joins them."""
    (entry,) = parse(text).entries("Service", key)
    return entry.value
