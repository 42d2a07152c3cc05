"""Service containers: one container that stands for all pods of a `kube play` towards a service manager.

It starts before the pods, ends when the last of them has ended, and goes when the last of them is removed. Its own exit
status tells how the pods' containers ended (`exit_codes` of its configuration): "none" always 0, "any" not 0 when one of
them failed, "all" when every one did.
"""

from __future__ import annotations

from ocicore.engine import records
from ocicore.errors import Error, InUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.pod_table import Pod
    from ocicore.engine.records import Container

_SIGINT = 2
_SIGKILL = 9
#: What --service-exit-code-propagation may be.
POLICIES = ("none", "any", "all")


def pods_of(engine: Engine, container: Container) -> list[Pod]:
    """The pods that it stands for and that are still there."""
    return [pod for pod in engine.state.pods.all() if pod.config["service"] == container.id]


def before_pod_starts(engine: Engine, pod: Pod) -> None:
    """Start the pod's service container when it has ended. Raises Error."""
    from ocicore.engine import start

    container = _of(engine, pod)
    if container is not None and container.status not in records.ALIVE:
        start.start(engine, container)


def after_pod_ended(engine: Engine, pod: Pod) -> None:
    """End the pod's service container when none of its pods has anything running. Failures are warnings."""
    from ocicore.engine import stop

    container = _of(engine, pod)
    if container is None or container.status not in records.ALIVE:
        return
    total = failed = 0
    for other in pods_of(engine, container):
        members = engine.state.containers.all(pod_id=other.id)
        own = [member for member in members if not member.is_infra]
        if any(member.status in records.ALIVE for member in members):
            return
        if own and not any(member.finished for member in own):
            return  # not started yet
        total += len(own)
        failed += sum(1 for member in own if member.exit_code)
    policy = container.config.get("exit_codes", "none")
    bad = failed and (policy == "any" or (policy == "all" and failed == total))
    try:
        # The pause program ends with 0 at SIGINT.
        stop.kill(engine, container, _SIGKILL if bad else _SIGINT)
    except Error as error:
        engine.debug(f"ending service container {container.id}: {error.message}")


def after_pod_removed(engine: Engine, pod: Pod) -> None:
    """Remove the service container with the last of its pods. Failures are warnings."""
    from ocicore.engine import remove

    container = _of(engine, pod)
    if container is None or pods_of(engine, container):
        return
    try:
        remove.remove(engine, container, force=True, timeout=0)
    except Error as error:
        engine.warn(f"removing service container {container.id}: {error.message}")


def before_removal(engine: Engine, container: Container, *, with_pods: bool, force: bool) -> None:
    """Its pods go first, with `with_pods`; raises InUse without it while there are some."""
    from ocicore.engine import pod_verbs

    pods = pods_of(engine, container)
    if pods and not with_pods:
        raise InUse(
            f"container {container.id} is the service container of pod(s) {','.join(pod.id for pod in pods)} and "
            "cannot be removed without removing the pod(s)"
        )
    for pod in pods:
        pod_verbs.remove(engine, pod, force=force)


def _of(engine: Engine, pod: Pod) -> Container | None:
    from ocicore.engine import listing

    identifier = pod.config["service"]
    container = engine.state.containers.get(identifier) if identifier else None
    if container is not None:
        listing.refresh(engine, container)
    return container
