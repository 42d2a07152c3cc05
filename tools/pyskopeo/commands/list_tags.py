"""pyskopeo list-tags."""

from __future__ import annotations

from ocicore.cli.completers import TRANSPORTS
from ocicore.cli.declare import Argument, Command
from pyskopeo.options import RETRY, registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.types import ImageReference, SystemContext

COMMAND = Command(
    "List tags in the transport/repository specified by the SOURCE-IMAGE",
    description="Return the list of tags from the transport/repository (docker://, docker-archive:) as JSON.",
    options=(*RETRY, *registry()),
    arguments=(Argument("image", metavar="SOURCE-IMAGE", completer=TRANSPORTS),),
    too_few="Exactly one non-option argument expected",
    too_many="Exactly one non-option argument expected",
    examples=(("pyskopeo list-tags docker://registry.example.com/fedora", "all its tags"),),
)


def run(args: Args, ctx: Context) -> int:
    """Print tags as JSON."""
    from ocicore.image import transport
    from ocicore.image.go_json import pretty
    from pyskopeo.session import system_context

    reference = transport.parse(args.image)
    with system_context(ctx, args) as context:
        value = _value(args.image, reference, context)
    ctx.stdout.write(pretty(value) + "\n")
    return 0


def _value(text: str, reference: ImageReference, context: SystemContext) -> dict[str, object]:
    from ocicore.errors import Error, InvalidInput
    from ocicore.image.docker import DockerReference

    if isinstance(reference, DockerReference):
        if _has_tag(text):
            raise InvalidInput(f"No tag or digest allowed in reference: {text}")
        client, repository = reference.connect(context)
        try:
            tags = client.tags(repository)
        except Error as exc:
            exc.message = f"Error listing repository tags: {exc.message}"
            raise
        return {"Repository": reference.named.name, "Tags": tags}
    if reference.transport == "docker-archive":
        return {"Tags": _archive_tags(reference, context.tmp)}
    raise InvalidInput(
        f"Unsupported transport '{reference.transport}' for tag listing. Only supported: docker, docker-archive"
    )


def _has_tag(text: str) -> bool:
    last = text.rpartition("/")[2]
    return ":" in last or "@" in last


def _archive_tags(reference: object, tmp: str) -> list[str]:
    from ocicore.image.docker_archive import DockerArchiveFile, DockerArchiveReference
    from ocicore.oci.reference import parse_normalized

    assert isinstance(reference, DockerArchiveReference)
    archive = DockerArchiveFile(reference.path, tmp)
    try:
        tags = [str(tag) for item in archive.images() for tag in item.get("RepoTags") or []]
    finally:
        archive.close()
    if reference.named is not None:
        tags = [tag for tag in tags if str(parse_normalized(tag)) == str(reference.named)]
    return tags
