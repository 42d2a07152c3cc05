"""What completes arguments and global options: names of containers, images and volumes in the local store, modules …"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocicore.cli.context import Context


def containers(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of all containers."""
    from pypod.session import open_engine

    for container in open_engine(ctx).state.containers.all():
        if container.name.startswith(incomplete):
            yield container.name


def running(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of containers that run."""
    from ocicore.engine import records
    from pypod.session import open_engine

    for container in open_engine(ctx).state.containers.all():
        if container.status in records.ALIVE and container.name.startswith(incomplete):
            yield container.name


def pods(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of pods."""
    from pypod.session import open_engine

    for name in open_engine(ctx).state.pods.names().values():
        if name.startswith(incomplete):
            yield name


def images(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of images, full and without localhost/ and :latest."""
    from pypod.session import open_engine

    for image in open_engine(ctx).images.list():
        for name in image.repo_tags:
            short = name.removeprefix("localhost/").removesuffix(":latest")
            yield from (text for text in dict.fromkeys((name, short)) if text.startswith(incomplete))


def modules(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Modules of containers.conf in the folders where --module looks; files where a path is typed."""
    import os

    from ocicore.config import containers_conf, paths

    if incomplete.startswith(("/", ".")):
        yield ":file"
        return
    for directory in containers_conf.module_directories(paths.user_paths(ctx.environ)):
        for folder, inner, names in os.walk(directory):
            inner.sort()
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), directory)


def log_levels(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Values of --log-level."""
    yield from ("trace", "debug", "info", "warn", "warning", "error", "fatal", "panic")


def cgroup_managers(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Values of --cgroup-manager."""
    yield from ("cgroupfs", "systemd")


def events_backends(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Values of --events-backend."""
    yield from ("file", "journald", "none")


def artifacts(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of artifacts."""
    from ocicore.image.artifact_store import ArtifactStore
    from pypod.session import open_engine

    for artifact in ArtifactStore(open_engine(ctx).store.graph_root).all():
        if artifact.name.startswith(incomplete):
            yield artifact.name


def volumes(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of volumes."""
    from pypod.session import open_engine

    for volume in open_engine(ctx).state.volumes.all():
        if volume.name.startswith(incomplete):
            yield volume.name


def networks(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of networks."""
    from ocicore.engine import network_setup
    from pypod.session import open_engine

    for network in network_setup.definitions(open_engine(ctx)).list():
        if network["name"].startswith(incomplete):
            yield network["name"]


def inspect_format(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Fields of what the first name means: a container where there is none."""
    from pypod.complete_fields import templates

    yield from templates(_kind(words[0], ctx) if words else "container")


def _kind(name: str, ctx: Context) -> str:
    """What begins with the name: a container before an image, a volume, a pod and a network."""
    from ocicore.engine import network_setup
    from pypod.session import open_engine

    engine = open_engine(ctx)
    tags = [tag for image in engine.images.list() for tag in image.repo_tags]
    kinds = {
        "container": [container.name for container in engine.state.containers.all()],
        "image": [*tags, *(tag.removeprefix("localhost/") for tag in tags)],
        "volume": [volume.name for volume in engine.state.volumes.all()],
        "pod": list(engine.state.pods.names().values()),
        "network": [network["name"] for network in network_setup.definitions(engine).list()],
    }
    for kind, names in kinds.items():
        if any(known.startswith(name) for known in names):
            return kind
    return "container"


def image_paths(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Files of the image that the first word names."""
    from pypod.session import open_engine

    engine = open_engine(ctx)
    image = engine.images.find(words[0])
    root = engine.store.mount_image(image.id)
    try:
        yield from _paths(root, incomplete)
    finally:
        engine.store.unmount_image(image.id)


def copy_places(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Containers with a colon, the files of the one that is typed already, or the host's files."""
    from pypod.session import open_engine

    name, colon, path = incomplete.partition(":")
    if colon and "/" not in name:
        engine = open_engine(ctx)
        container = engine.state.containers.find(name)
        root = container.config.get("rootfs") or engine.store.mount(container.id)
        try:
            yield from (f"{name}:{found}" for found in _paths(root, path))
        finally:
            if not container.config.get("rootfs"):
                engine.store.unmount(container.id)
        return
    for found in containers(incomplete, words, ctx):
        yield f"{found}:"
    yield ":file"


def _paths(root: str, typed: str) -> Iterator[str]:
    """What a path inside a root may become; directories end with a slash. Nothing outside of the root is looked at."""
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
    if not entries and not base:
        yield lead
    for entry in entries:
        if entry.name.startswith(base):
            yield f"{lead}{entry.name}{'/' if entry.is_dir() else ''}"


def connections(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Destinations of remote clients."""
    from ocicore.config import connections as recorded
    from ocicore.config import paths

    for connection in recorded.load(paths.user_paths(ctx.environ), ctx.environ):
        if connection.name.startswith(incomplete):
            yield connection.name
