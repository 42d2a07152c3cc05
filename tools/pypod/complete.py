"""What completes arguments: names of containers, images and volumes in the local store."""

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
