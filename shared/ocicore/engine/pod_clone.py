"""Making a copy of a pod with all its containers."""

from __future__ import annotations

from ocicore.engine import container_clone, pod_verbs, pods

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.create import Resolve
    from ocicore.engine.pod_table import Pod

_OWN = frozenset(("name", "pod_name", "pod_id_file", "replace", "infra_name", "infra_conmon_pidfile"))


def clone(
    engine: Engine, pod: Pod, changes: dict[str, Any], *, create_command: list[str], resolve: Resolve
) -> Pod:
    """A new pod like this one, its containers named NAME-clone; nothing is started.

    Args:
        changes: options of `pod create` by attribute name that differ.

    Raises:
        Error: nothing is left behind.
    """
    asked = {key: value for key, value in pod.config["asked"].items() if key not in _OWN}
    if not pod.infra_id:
        asked["infra"] = False
    values = {**asked, **changes}
    if not values.get("name"):
        values["name"] = container_clone.next_name(engine, pod.name)
    new = pods.create(engine, pods.PodOptions(values), create_command=create_command, resolve=resolve)
    try:
        for container in pod_verbs.members(engine, pod):
            if not container.is_infra:
                container_clone.clone(
                    engine, container, {}, pod=new, create_command=create_command, resolve=resolve
                )
    except BaseException:
        pod_verbs.remove(engine, new, force=True)
        raise
    return new
