"""Events: what happened to containers, images and volumes, one JSON object a line.

An event has podman's keys (libpod/events): Name, ID, Image, Status, Time, Type, Attributes, ContainerExitCode. Where they
go is the business of `events_file` and `events_journal`.
"""

from __future__ import annotations

import time

from ocicore.engine.quantities import rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


def backend(engine: Engine) -> str:
    """file, journald or none: the command line's, else containers.conf's, else file."""
    return engine.options.events_backend or engine.config.engine.events_logger or "file"


def write(engine: Engine, kind: str, status: str, **fields: Any) -> None:
    """Append one event; a log that cannot be written never fails the command.

    Args:
        kind: container, image, volume, network, pod, secret or system.
        status: what happened, in podman's words ("create", "died", "remove" …).
        fields: further keys of the object (Name, ID, Image, Attributes …).
    """
    to = backend(engine)
    if to == "none":
        return
    event = {**fields, "Status": status, "Time": rfc3339(time.time_ns()), "Type": kind}
    if "Attributes" in event:
        event["Attributes"] = event.pop("Attributes")  # podman's order of keys
    if to == "journald":
        from ocicore.engine import events_journal

        events_journal.write(engine, event)
        return
    from ocicore.engine import events_file

    path = engine.paths.events_file
    try:
        events_file.append(path, event, engine.config.engine.events_logfile_max_size)
    except OSError as error:
        engine.debug(f"writing event {status}: {path}: {error.strerror}")


def container(
    engine: Engine, status: str, record: Container, *, exit_code: int | None = None, **more: Any
) -> None:
    """An event of one container, with its labels as attributes."""
    fields: dict[str, Any] = {
        "ID": record.id,
        "Image": record.image_name,
        "Name": record.name,
        "Attributes": record.labels,
        **more,
    }
    if record.pod_id:
        fields["PodID"] = record.pod_id
    if exit_code is not None:
        fields["ContainerExitCode"] = exit_code
    write(engine, "container", status, **fields)
