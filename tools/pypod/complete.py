"""What completes arguments: names and ids of containers, pods, images, volumes, networks …, and paths inside of images and
containers.

Ids are offered from their second letter on, as podman does: nobody looks for them with less. `complete_options` has the
values of options.
"""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ocicore.cli.completion import Typed
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine

#: Letters of an id that are shown, and with how many typed ones it is offered.
_SHOWN, _FROM = 12, 2


@functools.cache
def opened(ctx: Context) -> Engine:
    """The engine, once for all that an answer is put together from: a user enters the namespace only once."""
    from pypod.session import open_engine

    return open_engine(ctx)


def containers(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """All containers."""
    return of_status(incomplete, ctx)


def created(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Containers that were never started."""
    return of_status(incomplete, ctx, ("configured",))


def exited(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Containers that have ended."""
    return of_status(incomplete, ctx, ("stopped", "exited"))


def paused(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Containers that are paused."""
    return of_status(incomplete, ctx, ("paused",))


def running(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Containers that run."""
    return of_status(incomplete, ctx, ("running",))


def startable(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Containers that can be started."""
    return of_status(incomplete, ctx, ("configured", "created", "stopped", "exited"))


def of_status(
    incomplete: str,
    ctx: Context,
    statuses: Collection[str] = (),
    *,
    names: bool = True,
    ids: bool | None = None,
) -> Iterator[str]:
    """Names and ids of containers, each with its pod.

    Args:
        statuses: those of `engine.records`; empty for any.
        ids: False for none, True for all; None from the second letter on.
    """
    state = opened(ctx).state
    pods_by_id: dict[str, str] | None = None
    for container in state.containers.all():
        if statuses and container.status not in statuses:
            continue
        if container.pod_id and pods_by_id is None:
            pods_by_id = state.pods.names()
        pod = (pods_by_id or {}).get(container.pod_id, "")
        for word in _id_and_name(container.id, container.name, incomplete, names=names, ids=ids):
            yield f"{word}\t{pod}" if pod else word


def _id_and_name(
    id: str, name: str, incomplete: str, *, names: bool = True, ids: bool | None = None
) -> Iterator[str]:
    if (len(incomplete) >= _FROM if ids is None else ids) and id.startswith(incomplete):
        yield id[: max(_SHOWN, len(incomplete))]
    if names and name.startswith(incomplete):
        yield name


def pods(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """All pods."""
    return all_pods(incomplete, ctx)


def all_pods(incomplete: str, ctx: Context, *, names: bool = True, ids: bool | None = None) -> Iterator[str]:
    """Names and ids of pods; `ids` as for `of_status`."""
    for id, name in opened(ctx).state.pods.names().items():
        yield from _id_and_name(id, name, incomplete, names=names, ids=ids)


def pods_running(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Pods of which containers run."""
    return _pods_in(incomplete, ctx, ("Running", "Degraded"))


def pods_paused(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Pods that are paused, or some containers of which may be."""
    return _pods_in(incomplete, ctx, ("Paused", "Degraded"))


def _pods_in(incomplete: str, ctx: Context, states: Collection[str]) -> Iterator[str]:
    from ocicore.engine import pod_listing

    for view in pod_listing.views(opened(ctx)):
        if view.state in states:
            yield from _id_and_name(view.pod.id, view.pod.name, incomplete)


def images(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Images: their whole names; when something is typed also the ends of names ("app:1" of "quay.io/me/app:1") and ids."""
    for image in opened(ctx).images.list():
        if len(incomplete) >= _FROM and image.id.startswith(incomplete):
            yield image.id[: max(_SHOWN, len(incomplete))]
        for name in image.repo_tags:
            parts = name.split("/") if incomplete else [name]
            for index in range(len(parts)):
                end = "/".join(parts[index:])
                if end.startswith(incomplete):
                    yield end


def volumes(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of volumes."""
    for volume in opened(ctx).state.volumes.all():
        if volume.name.startswith(incomplete):
            yield volume.name


def networks(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Networks."""
    return all_networks(incomplete, ctx)


def all_networks(
    incomplete: str, ctx: Context, *, names: bool = True, ids: bool | None = None
) -> Iterator[str]:
    """Names and ids of networks; `ids` as for `of_status`."""
    from ocicore.engine import network_setup

    for network in network_setup.definitions(opened(ctx)).list():
        yield from _id_and_name(network["id"], network["name"], incomplete, names=names, ids=ids)


def secrets(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Secrets."""
    return all_secrets(incomplete, ctx)


def all_secrets(
    incomplete: str, ctx: Context, *, names: bool = True, ids: bool | None = None
) -> Iterator[str]:
    """Names and ids of secrets; `ids` as for `of_status`."""
    from ocicore.engine import secrets as recorded

    for secret in recorded.all_secrets(opened(ctx)):
        yield from _id_and_name(secret["id"], secret["name"], incomplete, names=names, ids=ids)


def artifacts(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of artifacts."""
    from ocicore.image.artifact_store import ArtifactStore

    for artifact in ArtifactStore(opened(ctx).store.graph_root).all():
        if artifact.name.startswith(incomplete):
            yield artifact.name


def registries(incomplete: str, words: list[str], ctx: Context) -> list[str]:
    """Registries that short names of images are looked for in."""
    from ocicore.config import paths, registries_conf

    return registries_conf.load(paths.user_paths(ctx.environ), ctx.environ).unqualified_search


def connections(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Destinations of remote clients, with their addresses."""
    from ocicore.config import connections as recorded
    from ocicore.config import paths

    for connection in recorded.load(paths.user_paths(ctx.environ), ctx.environ):
        yield f"{connection.name}\t{connection.uri}"


def quadlets(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of the files that systemd makes services from."""
    from ocicore.systemd.quadlet import paths
    from ocicore.systemd.quadlet.keys import SECTIONS
    from pypod.commands import quadlet

    for path in paths.quadlet_files(quadlet.folders(ctx), SECTIONS):
        yield path.rpartition("/")[2]


def containers_and_images(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """All containers and images."""
    yield from of_status(incomplete, ctx)
    yield from images(incomplete, words, ctx)


def containers_and_pods(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """All containers and pods."""
    yield from of_status(incomplete, ctx)
    yield from all_pods(incomplete, ctx)


def for_kube(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """What a kube file can be made from."""
    yield from containers_and_pods(incomplete, words, ctx)
    yield from volumes(incomplete, words, ctx)


def anything(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """What `inspect` knows: containers, images, pods, networks, volumes."""
    yield from containers_and_images(incomplete, words, ctx)
    yield from all_pods(incomplete, ctx)
    yield from all_networks(incomplete, ctx)
    yield from volumes(incomplete, words, ctx)


def command_in_running(incomplete: str, words: list[str], ctx: Typed) -> Iterable[str]:
    """A container that runs, unless --latest is it; then a command and its arguments."""
    return (":file",) if words or "latest" in ctx.given else running(incomplete, words, ctx)


def image_or_folder(incomplete: str, words: list[str], ctx: Typed) -> Iterable[str]:
    """The image of a new container; the folder when --rootfs says that it is one."""
    return (":dir",) if "rootfs" in ctx.given else images(incomplete, words, ctx)


def container_columns(incomplete: str, words: list[str], ctx: Typed) -> Iterable[str]:
    """A container; then (or with --latest at once) the columns of `top`."""
    named = words or "latest" in ctx.given
    return columns(incomplete, words, ctx) if named else containers(incomplete, words, ctx)


def pod_columns(incomplete: str, words: list[str], ctx: Typed) -> Iterable[str]:
    """A pod; then (or with --latest at once) the columns of `top`."""
    named = words or "latest" in ctx.given
    return columns(incomplete, words, ctx) if named else pods(incomplete, words, ctx)


def columns(incomplete: str, words: list[str], ctx: Context) -> list[str]:
    """Columns of `top`."""
    from ocicore.engine.process_table import list_descriptors

    return list_descriptors()


def container_port(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """A container; then one of the ports it publishes."""
    if not words:
        yield from containers(incomplete, words, ctx)
        return
    from ocicore.engine import inspect_host_config

    yield from inspect_host_config.port_bindings(opened(ctx).state.containers.find(words[0]))


def list_members(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Digests of the images in the manifest list that the first word names."""
    from ocicore.image import manifest_list

    for member in manifest_list.load(opened(ctx).images, words[0]).inspected()["manifests"]:
        yield member["digest"]


def copy_over_ssh(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """`image scp`: an image here, or "connection::image"; then "connection::", or an image when the first was a place only."""
    place, colons, name = incomplete.partition("::")
    if words and "::" in words[0]:
        if words[0].endswith("::"):
            yield from images(incomplete, words, ctx)
        return
    if colons:
        yield from (f"{place}::{image}" for image in images(name, words, ctx))
        return
    for connection in connections(incomplete, words, ctx):
        word, _, address = connection.partition("\t")
        yield f"{word}::\t{address}"
        yield ":nospace"
    if not words:
        yield from images(incomplete, words, ctx)


def commands(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Commands of the program, below those that the words name."""
    from ocicore.cli.completion import complete

    return (f"{word}\t{note}" for word, note in complete(ctx.program, [*words, incomplete]))


def image_paths(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Files of the image that the first word names; the host's where none fits."""
    yield ":file"  # also when the image is not here
    engine = opened(ctx)
    image = engine.images.find(words[0])
    root = engine.store.mount_image(image.id)
    try:
        yield from _paths(root, incomplete)
    finally:
        engine.store.unmount_image(image.id)


def copy_places(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Containers with a colon, the files of the one that is typed already, or the host's files."""
    yield ":file"
    name, colon, path = incomplete.partition(":")
    if colon and "/" not in name:
        engine = opened(ctx)
        container = engine.state.containers.find(name)
        root = container.config.get("rootfs") or engine.store.mount(container.id)
        try:
            for found in _paths(root, path):
                yield found if found == ":nospace" else f"{name}:{found}"
        finally:
            if not container.config.get("rootfs"):
                engine.store.unmount(container.id)
        return
    for found in containers(incomplete, words, ctx):
        word, _, pod = found.partition("\t")
        yield f"{word}:\t{pod}"
        yield ":nospace"


def _paths(root: str, typed: str) -> Iterator[str]:
    """What a path inside a root may become; directories end with a slash. Nothing outside of the root is looked at.

    ":nospace" is among the answers when the path is not at its end yet.
    """
    import os

    from ocicore.linux.resolve import resolve_in_root

    typed = typed or "/"
    folder, base = typed, ""
    where = resolve_in_root(root, "/" + typed, missing_ok=True)
    if not os.path.isdir(where):
        folder, base = typed[: typed.rfind("/") + 1], typed[typed.rfind("/") + 1 :]
        where = resolve_in_root(root, "/" + folder, missing_ok=True)
    lead = folder if not folder or folder.endswith("/") else f"{folder}/"
    entries = sorted(os.scandir(where), key=lambda entry: entry.name)
    found = [
        f"{lead}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if entry.name.startswith(base)
    ]
    if not entries and not base:
        found = [lead]
    yield from found
    if len(found) > 1 or any(path.endswith("/") for path in found):
        yield ":nospace"
