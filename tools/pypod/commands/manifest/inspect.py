"""`pypod manifest inspect`: a list of the store, or of a registry."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.manifest_lists import INSECURE, TLS_VERIFY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine

COMMAND = Command(
    "Display the contents of a manifest list or image index",
    description="Displays the contents of a manifest list or image index as JSON: of local storage, else of a registry.",
    options=(
        Option(
            "authfile",
            kind="path",
            metavar="string",
            help="Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override",
        ),
        INSECURE,
        TLS_VERIFY,
        Option("verbose", "v", hidden=True, help="Added for Docker compatibility"),
    ),
    arguments=(Argument("name", metavar="IMAGE", completer="pypod.complete:images"),),
    examples=(("pypod manifest inspect mylist:v1.11", "its entries"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import NotFound
    from ocicore.image import go_json, manifest_list
    from pypod.session import open_engine

    engine = open_engine(ctx)
    try:
        shown = manifest_list.load(engine.images, args.name).inspected()
    except (NotFound, manifest_list.NotAList):
        shown = _remote(engine, args, ctx)
    ctx.print(go_json.pretty(shown))
    return 0


def _remote(engine: Engine, args: Args, ctx: Context) -> dict[str, Any]:
    """The list at the first registry that has the name; of a single image its manifest, with a warning."""
    from ocicore.errors import Error
    from ocicore.image import pull, transport
    from ocicore.oci import media_types
    from ocicore.oci.manifest import parse_manifest
    from pypod import manifest_lists

    context = manifest_lists.registry_context(engine, args)
    failures: list[str] = []
    for candidate in pull.candidates(context, args.name).names:
        reference = transport.parse(f"docker://{candidate}")
        try:
            source = reference.source(context)
            try:
                data, media_type = source.manifest()
            finally:
                source.close()
        except Error as error:
            failures.insert(0, f'reading image "{reference}": {error.message}')
            continue
        parsed = parse_manifest(data, media_type)
        if media_types.is_index(parsed.media_type):
            return _list(parsed.json)
        if parsed.media_type == media_types.DOCKER_MANIFEST:
            ctx.warn(f"The manifest type {parsed.media_type} is not a manifest list but a single image.")
            return {**parsed.json, "manifests": None} if "manifests" in parsed.json else dict(parsed.json)
        raise Error(
            f'parsing manifest blob as a "{parsed.media_type}": {args.name} is a single image, not a manifest list'
        )
    raise Error("\n: tried ".join(failures))


def _list(value: dict[str, Any]) -> dict[str, Any]:
    """A list as it is, its entries in the order in which podman prints them."""
    from ocicore.image.manifest_list import ManifestList

    found = ManifestList.__new__(ManifestList)
    found.value = {**value, "manifests": value.get("manifests") or []}
    found.artifacts = {"files": {}}
    return {**found.inspected(), "mediaType": value.get("mediaType")}
