"""What systemd's unit of a container depends on, read from the engine's state (see `systemd.generate`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocicore.engine.errors import NoSuchContainer
from ocicore.errors import NotFound

if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.systemd.generate import ContainerFacts, PodFacts


def container_facts(engine: Engine, name_or_id: str) -> ContainerFacts:
    """Facts about one container.

    Raises:
        NotFound: no such container.
    """
    try:
        container = engine.state.containers.find(name_or_id)
    except NoSuchContainer as error:
        raise NotFound(f"{name_or_id} does not refer to a container or pod: {error.message}") from error
    return _facts(engine, container)


def pod_facts(engine: Engine, name_or_id: str) -> PodFacts:
    """Facts about a pod and its containers.

    Raises:
        NotFound: no such pod.
    """
    pod = engine.state.pods.find(name_or_id)
    infra, others = None, []
    for container in engine.state.containers.all(pod_id=pod.id):
        if container.id == pod.infra_id:
            infra = _facts(engine, container)
        else:
            others.append(_facts(engine, container))
    return {
        "id": pod.id,
        "name": pod.name,
        "create_command": pod.config["create_command"] or None,
        "infra": infra,
        "containers": others,
    }


def _facts(engine: Engine, container: Container) -> ContainerFacts:
    config = container.config
    run_dir = engine.store.container_run_dir(container.id)
    environment = config["runtime"]["env"]
    return {
        "id": container.id,
        "name": container.name,
        "create_command": config["create_command"] or None,
        "conmon_pid_file": config["conmon_pidfile"] or f"{run_dir}/conmon.pid",
        "stop_timeout": config["stop_timeout"],
        "restart_policy": config["restart"]["name"],
        "env": [f"{key}={value}" for key, value in environment.items()],
        "run_root": engine.storage.run_root,
        "depends_on": engine.state.containers.dependencies(container.id),
        "is_init": bool(config["asked"].get("init_ctr")),
    }
