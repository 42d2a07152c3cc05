"""The container that stands for all pods of a file towards a service manager (kube play --service-container)."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from ocicore.engine import create as creation
from ocicore.engine import pause_image, start, stop
from ocicore.engine.create_options import CreateOptions
from ocicore.errors import Error, NotFound

if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.image.local import LocalImage


def name_of(text: bytes) -> str:
    """The name that belongs to a file's content."""
    return f"{hashlib.sha256(text).hexdigest()[:12]}-service"


def create(engine: Engine, text: bytes, exit_codes: str) -> Container:
    """Make and start it; `exit_codes` is one of service_container.POLICIES. Raises Error."""

    def resolve(name: str, options: CreateOptions | None = None) -> LocalImage:
        return engine.images.find(name)

    image = pause_image.find(engine, "", resolve)
    options = {
        "name": name_of(text),
        "network": ["host"],
        "sdnotify": "ignore",
        "replace": True,
        "log_driver": "none",
    }
    container = creation.create(
        engine,
        CreateOptions(options),
        image,
        [],
        create_command=[],
        resolve=resolve,
    )
    try:
        config = {**container.config, "is_service": True, "exit_codes": exit_codes}
        engine.state.containers.update(container, config=config)
        start.start(engine, container)
    except BaseException:
        remove(engine, container)
        raise
    return container


def remove(engine: Engine, container: Container) -> None:
    """Take it away; failures are warnings."""
    from ocicore.engine import remove as removal

    try:
        removal.remove(engine, container, force=True, timeout=0)
    except Error as error:
        engine.warn(f"removing service container {container.id}: {error.message}")


def announce(engine: Engine, container: Container, *, started: bool, stay: bool = False) -> int:
    """Tell the service manager which process stands for the pods; without any the container ends.

    Args:
        stay: this program does, until the container has ended: it holds the sockets of the pods' containers.

    Returns the exit status of the container when this program has stayed, else 0.
    """
    if not started:
        stop.stop(engine, container, timeout=0)
        return 0
    from ocicore.engine import sd_notify, waiting

    if stay:
        sd_notify.send(engine, f"MAINPID={os.getpid()}\nREADY=1")
        return waiting.wait(engine, container.id, frozenset(), 250_000_000, ignore=True)
    engine.state.containers.refresh(container)
    sd_notify.send(engine, f"MAINPID={container.conmon_pid}\nREADY=1")
    return 0


def find(engine: Engine, text: bytes) -> Container | None:
    """The one that belongs to a file's content, if there is one."""
    try:
        return engine.state.containers.find(name_of(text))
    except NotFound:
        return None
