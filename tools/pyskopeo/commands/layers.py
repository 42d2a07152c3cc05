"""pyskopeo layers (an old command: saves layers into a new directory below the current one)."""

from __future__ import annotations

from ocicore.cli.completers import TRANSPORTS
from ocicore.cli.declare import Argument, Command
from pyskopeo.options import RETRY, image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.types import ImageDestination, ImageSource, SystemContext
    from ocicore.oci.descriptor import Descriptor

COMMAND = Command(
    "Get layers of IMAGE-NAME",
    options=(*RETRY, *image()),
    arguments=(
        Argument("image", metavar="IMAGE-NAME", completer=TRANSPORTS),
        Argument("layers", min=0, max=None, metavar="[LAYER...]"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    """Save layers (all, or those named by digest) as a dir: directory, and print where."""
    from pyskopeo.session import enter_namespace, system_context

    ctx.warn("pyskopeo layers is deprecated; use pyskopeo copy IMAGE dir:DIRECTORY")
    enter_namespace(ctx, args.image)
    with system_context(ctx, args) as context:
        ctx.print(_save(args, context))
    return 0


def _save(args: Args, context: SystemContext) -> str:
    """The directory the layers were saved in."""
    import os
    import tempfile

    from ocicore.errors import Error, InvalidInput
    from ocicore.image import transport
    from ocicore.image.directory import DirectoryReference
    from ocicore.oci import digest as digests
    from ocicore.oci.manifest import Manifest, parse_manifest

    source = transport.parse(args.image).source(context)
    folder = tempfile.mkdtemp(prefix="layers-", dir=".")
    destination = DirectoryReference(folder).destination(context)
    done = False
    try:
        data, media_type = source.manifest()
        parsed = parse_manifest(data, media_type)
        if not isinstance(parsed, Manifest):
            data, media_type = source.manifest(parsed.choose(context.wanted_platform()).digest)
            parsed = parse_manifest(data, media_type)
        assert isinstance(parsed, Manifest)
        stored = source.layers_for_copy() or parsed.layers
        wanted = [item if ":" in item else f"sha256:{item}" for item in args.layers]
        for item in wanted:
            digests.validate(item)
        for layer in stored:
            if wanted and layer.digest not in wanted:
                continue
            _save_layer(source, destination, layer)
        missing = set(wanted) - {layer.digest for layer in stored}
        if missing:
            raise InvalidInput(f"the image has no layer {min(missing)}")
        destination.put_manifest(data, media_type)
        done = True
    except OSError as exc:
        raise Error(f"saving layers to {folder}: {(exc.strerror or str(exc)).lower()}") from exc
    finally:
        source.close()
        if not done:
            destination.discard()
            if os.path.isdir(folder):
                os.rmdir(folder)
    return os.path.relpath(folder)


def _save_layer(source: ImageSource, destination: ImageDestination, layer: Descriptor) -> None:
    from ocicore.image.watched_blob import WatchedBlob

    blob = WatchedBlob(lambda offset: source.open_blob(layer, offset), layer, lambda done: None)
    size = layer.size if layer.size >= 0 else None
    destination.put_blob(blob, digest=layer.digest, size=size, layer_index=0, media_type=layer.media_type)
    blob.close()
