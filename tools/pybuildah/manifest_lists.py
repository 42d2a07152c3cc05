"""Manifest lists for the commands: the store's lists, and images fetched when they are not there."""

from __future__ import annotations

from ocicore.cli.declare import Option
from ocicore.image import manifest_list

INSECURE = Option("insecure", hidden=True, help="Neither require HTTPS nor verify certificates")
#: What an entry can be given.
ENTRY = (
    Option("annotation", kind="stringArray", metavar="KEY=VALUE", help="Set an annotation of the entry"),
    Option("arch", kind="string", help="Override the architecture of the entry"),
    Option("features", kind="strings", help="Override the features of the entry"),
    Option("os", kind="string", help="Override the operating system of the entry"),
    Option("os-features", kind="strings", help="Override the OS features of the entry"),
    Option("os-version", kind="string", help="Override the OS version of the entry"),
    Option("variant", kind="string", help="Override the variant of the entry"),
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ocicore.image.types import SystemContext
    from pybuildah.session import Session


def load(session: Session, name: str) -> manifest_list.ManifestList:
    """A list by name or ID."""
    return manifest_list.load(session.images, name)


def add_image(session: Session, name: str, image_id: str) -> None:
    """Add an image of the store to a list, making the list when it is not there."""
    manifest_list.add_image(session.images, name, session.images.find(image_id))


def registry_context(session: Session, args: Any) -> SystemContext:
    """How to talk to registries, with --insecure. Raises InvalidInput."""
    context = session.system_context(args)
    given = args.as_dict()
    if given.get("arch") or given.get("os") or given.get("variant"):
        # Of a list, the image for that platform is meant.
        from ocicore.oci import platform as platforms

        here = platforms.host()
        variant = f"/{given.get('variant')}" if given.get("variant") else ""
        wanted = f"{given.get('os') or here.os}/{given.get('arch') or here.architecture}{variant}"
        context = context.with_(platform=platforms.parse(wanted))
    if args.given("insecure"):
        if args.given("tls-verify"):
            from ocicore.errors import InvalidInput

            raise InvalidInput("--insecure may not be used with --tls-verify")
        context.tls_verify = not args.insecure
    return context


def shown(session: Session, name: str) -> str:
    """A list as `manifest inspect` prints it."""
    from ocicore.image import go_json

    return go_json.pretty(load(session, name).inspected())


def changes(args: Any) -> Mapping[str, Any]:
    """--arch, --os, --variant, --os-version, --os-features, --features and --annotation."""
    return {
        "arch": args.arch,
        "os": args.os,
        "variant": args.variant,
        "os_version": args.os_version,
        "os_features": list(args.os_features),
        "features": list(args.features),
        "annotations": manifest_list.parse_annotations(args.annotation),
    }
