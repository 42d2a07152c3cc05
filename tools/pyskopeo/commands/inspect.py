"""pyskopeo inspect."""

from __future__ import annotations

from ocicore.cli.completers import TRANSPORTS
from ocicore.cli.declare import Argument, Command, Option
from pyskopeo.options import RETRY, image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.types import ImageSource, SystemContext
    from ocicore.oci.manifest import Manifest

COMMAND = Command(
    "Inspect image IMAGE-NAME",
    description='Return low-level information about "IMAGE-NAME" in a registry/transport.',
    options=(
        Option("config", help="output configuration"),
        Option("format", "f", kind="string", help="Format the output to a Go template"),
        Option("manifest-digest", kind="choice", choices=("sha256", "sha512"), help="Algorithm for the manifest's digest"),
        Option("no-tags", "n", help="Do not list the available tags from the repository in the output"),
        Option("raw", help="output raw manifest or configuration"),
        *RETRY,
        *image(),
    ),
    arguments=(Argument("image", metavar="IMAGE-NAME", completer=TRANSPORTS),),
    too_few="Exactly one argument expected",
    too_many="Exactly one argument expected",
    examples=(
        ("pyskopeo inspect docker://registry.example.com/fedora", "what the image is"),
        ('pyskopeo inspect --format "Name: {{.Name}} Digest: {{.Digest}}" docker://registry.example.com/fedora', "parts of it"),
    ),
)  # fmt: skip


def run(args: Args, ctx: Context) -> int:
    """Print manifest, configuration or a summary."""
    from ocicore.errors import Error, InvalidInput
    from ocicore.image import transport
    from pyskopeo.session import enter_namespace, system_context

    if args.raw and args.format:
        raise InvalidInput("raw output does not support format option")
    enter_namespace(ctx, args.image)
    with system_context(ctx, args) as context:
        try:
            source = transport.parse(args.image).source(context)
        except Error as exc:
            exc.message = f'Error parsing image name "{args.image}": {exc.message}'
            raise
        try:
            _print(args, ctx, source, context)
        finally:
            source.close()
    return 0


def _print(args: Args, ctx: Context, source: ImageSource, context: SystemContext) -> None:
    data, media_type = source.manifest()
    if args.raw and not args.config:
        ctx.stdout_bytes.write(data)
        ctx.stdout_bytes.flush()
        return
    manifest = _single(source, context, data, media_type)
    config = _config(source, manifest)
    if args.raw:
        ctx.stdout_bytes.write(config)
        ctx.stdout_bytes.flush()
        return
    if args.config:
        _write(args, ctx, _oci_form(config))
        return
    _write(args, ctx, _summary(args, ctx, source, (data, media_type), manifest, config))


def _single(source: ImageSource, context: SystemContext, data: bytes, media_type: str) -> Manifest:
    from ocicore.errors import NotFound, Unsupported
    from ocicore.files.quick_json import loads
    from ocicore.oci.manifest import Index, Manifest, parse_manifest

    parsed = parse_manifest(data, media_type, loads)
    if isinstance(parsed, Index):
        try:
            chosen = parsed.choose(context.wanted_platform())
        except NotFound as exc:
            exc.message = f"Error parsing manifest for image: choosing image instance: {exc.message}"
            raise
        parsed = parse_manifest(*source.manifest(chosen.digest), loads)
    if not isinstance(parsed, Manifest):
        raise Unsupported("Error parsing manifest for image: the list names another list")
    return parsed


def _config(source: ImageSource, manifest: Manifest) -> bytes:
    from ocicore.image.config_blob import read_config

    if manifest.config is None:
        from ocicore.image import convert

        return convert.config_of_schema_1(manifest, [])
    return read_config(source, manifest.config)


def _oci_form(config: bytes) -> dict[str, Any]:
    """The configuration with OCI's keys only, in OCI's order."""
    from ocicore.files.quick_json import loads
    from ocicore.image import config_forms

    value = loads(config)
    diff_ids = (value.get("rootfs") or {}).get("diff_ids") or []
    formed: dict[str, Any] = loads(config_forms.oci(value, diff_ids, value.get("history") or []))
    return formed


def _summary(
    args: Args,
    ctx: Context,
    source: ImageSource,
    top: tuple[bytes, str],
    manifest: Manifest,
    config: bytes,
) -> dict[str, Any]:
    from ocicore.files.quick_json import loads
    from ocicore.image import config_forms
    from ocicore.oci import digest as digests
    from ocicore.oci.config import parse
    from ocicore.oci.manifest import manifest_digest
    from ocicore.oci.reference import parse_normalized

    data, media_type = top
    image = parse(config, loads)
    value: dict[str, Any] = {}
    named = source.reference.docker_reference
    if named is not None:
        value["Name"] = parse_normalized(named).name
    algorithm = args.manifest_digest
    value["Digest"] = digests.from_bytes(data, algorithm) if algorithm else manifest_digest(data, media_type)
    value["RepoTags"] = [] if args.no_tags else _tags(ctx, source)
    created = str(image.raw.get("created") or "")
    value["Created"] = config_forms.go_time(created) if created else None
    value["DockerVersion"] = str(image.raw.get("docker_version") or "")
    value["Labels"] = dict(sorted(image.labels.items())) or None
    value["Architecture"] = image.architecture
    if image.variant:
        value["Variant"] = image.variant
    value["Os"] = image.os
    value["Layers"] = [layer.digest for layer in manifest.layers]
    value["LayersData"] = [
        {
            "MIMEType": layer.media_type,
            "Digest": layer.digest,
            "Size": layer.size,
            "Annotations": dict(sorted(layer.annotations.items())) or None,
        }
        for layer in manifest.layers
    ]
    value["Env"] = image.env or None
    value.pop("Variant", None)
    return value


def _tags(ctx: Context, source: ImageSource) -> list[str]:
    from ocicore.image.docker import DockerSource
    from ocicore.registry.problems import RegistryError

    if not isinstance(source, DockerSource):
        return []
    try:
        return source.client.tags(source.repository)
    except RegistryError as exc:
        # Some registries forbid, or do not have, the list of tags.
        if exc.http_status not in (401, 403, 404) and "DENIED" not in exc.codes:
            exc.message = f"Error determining repository tags: {exc.message}"
            raise
        ctx.warn("Registry disallows tag list retrieval; skipping")
        return []


def _write(args: Args, ctx: Context, value: dict[str, Any]) -> None:
    if not args.format or args.format.strip() in ("json", "{{json .}}", "{{ json . }}"):
        from ocicore.image.go_json import pretty

        ctx.stdout.write(pretty(value) + "\n")
        return
    from ocicore.cli.template import print_list

    if value.get("Created"):
        import contextlib

        from ocicore.cli.gotime import Time
        from ocicore.cli.units import parse_time

        with contextlib.suppress(ValueError):
            value["Created"] = Time(parse_time(str(value["Created"])), utc=True)
    print_list(ctx.stdout, args.format, [value], name="skopeo inspect")
