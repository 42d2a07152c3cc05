"""Making a copy of a container: the options it was created with, changed where asked."""

from __future__ import annotations

from ocicore.engine import create
from ocicore.engine.create_options import CreateOptions
from ocicore.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.create import Resolve
    from ocicore.engine.pod_table import Pod
    from ocicore.engine.records import Container

#: What belongs to one container alone.
_OWN = frozenset(("name", "cidfile", "pidfile", "conmon_pidfile", "replace", "pod", "pod_id_file"))


def clone(
    engine: Engine,
    container: Container,
    changes: dict[str, Any],
    *,
    image: str = "",
    pod: Pod | None = None,
    create_command: list[str],
    resolve: Resolve,
) -> Container:
    """A new container like this one; nothing is copied of its root file system, as with podman.

    Args:
        changes: options of `create` by attribute name that differ; "name" is chosen here when missing.
        image: another image, "" for the same.
        pod: the copy is in, None for none (or the original's pod when `changes` do not name another).

    Raises:
        NameTaken, NotFound, Error.
    """
    values = {**options_of(engine, container), **changes}
    if not values.get("name"):
        values["name"] = next_name(engine, container.name)
    config = container.config
    named = image or config.get("rootfs") or config["image"]["id"]
    target = pod
    if pod is None and container.pod_id and "pod" not in changes:
        target = engine.state.pods.get(container.pod_id)
    options = CreateOptions(values)
    if target is not None:
        from ocicore.engine import pod_joining

        options = pod_joining.options_in(engine, options, target, made=False)
    command = [] if image else list(config["cmd"])
    return create.create(
        engine, options, named, command, create_command=create_command, resolve=resolve, pod=target
    )


def options_of(engine: Engine, container: Container) -> dict[str, Any]:
    """The options it was created with, without what its pod or its own files added."""
    asked = {key: value for key, value in container.config["asked"].items() if key not in _OWN}
    pod = engine.state.pods.get(container.pod_id) if container.pod_id else None
    if pod is None:
        return asked
    joined = f"container:{pod.infra_id}"
    for key in ("ipc", "pid", "uts", "userns", "cgroupns"):
        if asked.get(key) == joined:
            del asked[key]
    if asked.get("network") == [joined]:
        del asked["network"]
    if asked.get("cgroup_parent") == pod.config["cgroup"]:
        asked.pop("cgroup_parent", None)
    if "volumes_from" in asked:
        asked["volumes_from"] = [name for name in asked["volumes_from"] if name != pod.infra_id]
    if pod.config["devices"] and "device" in asked:
        asked["device"] = [text for text in asked["device"] if text not in pod.config["devices"]]
    return asked


def next_name(engine: Engine, name: str) -> str:
    """NAME-clone, or the first of NAME-clone1, NAME-clone2 … that is free."""
    base, separator, number = name.rpartition("-clone")
    stem = f"{base}-clone" if separator and (not number or number.isdigit()) else f"{name}-clone"
    candidate, count = stem, 0
    while engine.state.containers.name_holder(candidate) is not None:
        count += 1
        candidate = f"{stem}{count}"
    return candidate


def replaced(engine: Engine, container: Container, *, force: bool) -> None:
    """--destroy: remove the original. Raises WrongState when it runs and `force` was not given."""
    from ocicore.engine import remove

    try:
        remove.remove(engine, container, force=force, timeout=0)
    except NotFound:
        pass
