"""kube down: what `kube play` made of a file is taken away again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocicore.engine import pod_verbs, secrets, volumes
from ocicore.errors import Error, NotFound
from ocicore.kube import documents, service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ocicore.engine.context import Engine

    Json = dict[str, Any]


class Taken:
    """What was stopped and removed (ids, names), with the errors of each step."""

    __slots__ = ("errors", "removed", "secrets", "stopped", "volumes")

    def __init__(self) -> None:
        self.stopped: list[str] = []
        self.removed: list[str] = []
        self.secrets: list[str] = []
        self.volumes: list[str] = []
        self.errors: list[Error] = []


def down(engine: Engine, objects: Sequence[Json], *, text: bytes, force: bool = False) -> Taken:
    """Stop and remove the pods of the objects, then their secrets; what is gone already is no error.

    Args:
        text: the file, whose hash names the service container.
        force: volumes go too.
    """
    taken = Taken()
    names = [
        _pod_name(value) for value in objects if value["kind"] in ("Pod", "Deployment", "DaemonSet", "Job")
    ]
    for name in names:
        _step(taken, lambda n=name: _stop(engine, n), taken.stopped)  # type: ignore[misc]
    for name in names:
        _step(taken, lambda n=name: _remove(engine, n), taken.removed)  # type: ignore[misc]
    holder = service.find(engine, text)
    if holder is not None:
        service.remove(engine, holder)
    for value in objects:
        if value["kind"] == "Secret":
            name = documents.name_of(value, "secret")
            _step(taken, lambda n=name: secrets.remove(engine, n), taken.secrets)  # type: ignore[misc]
    if force:
        for name in _volumes(objects):
            _step(taken, lambda n=name: _remove_volume(engine, n), taken.volumes)  # type: ignore[misc]
    return taken


def _step(taken: Taken, action: Callable[[], str], into: list[str]) -> None:
    try:
        into.append(action())
    except NotFound:
        pass
    except Error as error:
        taken.errors.append(error)


def _pod_name(value: Json) -> str:
    name = documents.name_of(value, value["kind"].lower())
    return name if value["kind"] == "Pod" else f"{name}-pod"


def _stop(engine: Engine, name: str) -> str:
    pod = engine.state.pods.find(name)
    pod_verbs.stop(engine, pod)
    return pod.id


def _remove(engine: Engine, name: str) -> str:
    pod = engine.state.pods.find(name)
    pod_verbs.remove(engine, pod, force=True)
    return pod.id


def _remove_volume(engine: Engine, name: str) -> str:
    volumes.remove(engine, engine.state.volumes.find(name))
    return name


def _volumes(objects: Sequence[Json]) -> list[str]:
    """Volumes that the objects describe: claims, and those of ConfigMaps and Secrets."""
    found = []
    for value in objects:
        if value["kind"] in ("PersistentVolumeClaim", "ConfigMap", "Secret"):
            found.append(documents.name_of(value, value["kind"]))
            continue
        template = value
        if value["kind"] != "Pod":
            template = documents.mapping(documents.mapping(value, "spec", "object"), "template", "object")
        spec = documents.mapping(template, "spec", "pod")
        for entry in documents.objects(spec, "volumes", "pod"):
            for key, name in (
                ("persistentVolumeClaim", "claimName"),
                ("configMap", "name"),
                ("secret", "secretName"),
            ):
                if key in entry:
                    found.append(documents.text(documents.mapping(entry, key, "volume"), name, "volume"))
            if "emptyDir" in entry:
                found.append(documents.text(entry, "name", "volume"))
    return [name for name in dict.fromkeys(found) if name]
