"""`pybuildah inspect`: the record of a working container, or of one that would be made from an image."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.build.working import WorkingContainer
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from pybuildah.session import Session

COMMAND = Command(
    "Inspect the configuration of a container or image",
    options=(
        Option("format", "f", kind="string", help="Print through a Go template"),
        Option("type", "t", kind="string", default="container", help="container, image or manifest"),
    ),
    arguments=(Argument("name", metavar="CONTAINER|IMAGE"),),
    too_few="container or image name must be specified",
    too_many="too many arguments specified",
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
)


def run(args: Args, ctx: Context) -> int:
    """Print JSON, or what a template makes of it."""
    from ocicore.build import working
    from ocicore.cli import gojson, template
    from ocicore.errors import InvalidInput, NotFound
    from pybuildah.session import Session

    session = Session(ctx)
    if args.type == "container":
        try:
            container = working.load(session.store, args.name)
        except NotFound:
            if "type" in args.given_names():
                raise
            try:
                container = _of_image(session, args.name)
            except NotFound:
                from pybuildah import manifest_lists

                # A list without an image for this machine is shown as a list.
                if args.format or not session.images.find(args.name, allow_list=True).is_manifest_list:
                    raise
                ctx.print(manifest_lists.shown(session, args.name))
                return 0
    elif args.type == "image":
        container = _of_image(session, args.name)
    elif args.type == "manifest":
        from pybuildah import manifest_lists

        ctx.print(manifest_lists.shown(session, args.name))
        return 0
    else:
        raise InvalidInput(
            f'the only recognized types are "container", "image" and "manifest", not "{args.type}"'
        )
    value = describe(container)
    if args.format:
        from pybuildah import inspect_view

        ctx.print(template.render(args.format, inspect_view.view(value)))
    else:
        ctx.print(gojson.dumps(value, indent="    "))
    return 0


def _of_image(session: Session, name: str) -> WorkingContainer:
    from ocicore.build import working
    from ocicore.oci import platform as platforms

    image = session.images.find(name)
    here = platforms.host()
    return working.describe(session.store, image, architecture=here.architecture, keep_base_annotations=True)


def describe(container: WorkingContainer) -> dict[str, Any]:
    """The record with the names `inspect` has always used (buildah's BuilderInfo)."""
    from binascii import a2b_base64

    raw = container.forms()

    def text(key: str) -> str:
        return a2b_base64(str(raw.get(key) or "")).decode("utf-8", "replace")

    return {
        "Type": raw.get("type"),
        "FromImage": container.image_name,
        "FromImageID": container.image_id,
        "FromImageDigest": raw.get("image-digest") or "",
        "GroupAdd": raw.get("GroupAdd"),
        "Config": text("config"),
        "Manifest": text("manifest"),
        "Container": container.name,
        "ContainerID": container.id,
        "MountPoint": raw.get("mountpoint") or "",
        "ProcessLabel": raw.get("process-label") or "",
        "MountLabel": raw.get("mount-label") or "",
        "ImageAnnotations": container.annotations,
        "ImageCreatedBy": raw.get("created-by") or "",
        "OCIv1": raw.get("ociv1"),
        "Docker": raw.get("docker"),
        "DefaultMountsFilePath": raw.get("defaultMountsFilePath") or "",
        "Isolation": {1: "oci", 2: "chroot", 3: "rootless"}.get(raw.get("Isolation") or 0, "default"),
        "NamespaceOptions": raw.get("NamespaceOptions"),
        "ConfigureNetwork": {1: "Disabled", 2: "Enabled"}.get(raw.get("ConfigureNetwork") or 0, "Default"),
        "CNIPluginPath": raw.get("CNIPluginPath") or "",
        "CNIConfigDir": raw.get("CNIConfigDir") or "",
        "IDMappingOptions": raw.get("IDMappingOptions"),
        "Capabilities": sorted(raw.get("Capabilities") or ()),
        "History": [
            *((raw.get("ociv1") or {}).get("history") or ()),
            *(raw.get("PrependedEmptyLayers") or ()),
            *(raw.get("AppendedEmptyLayers") or ()),
        ],
        "Devices": raw.get("Devices"),
        "DeviceSpecs": raw.get("DeviceSpecs"),
        "CDIConfigDir": raw.get("CDIConfigDir") or "",
    }
