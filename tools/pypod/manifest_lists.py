"""What the `pypod manifest` commands share: TLS options, annotations, and which image a word means."""

from __future__ import annotations

from ocicore.cli.declare import Option
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.engine.context import Engine
    from ocicore.image.types import ImageReference, SystemContext

INSECURE = Option(
    "insecure",
    hidden=True,
    help="Neither require HTTPS nor verify certificates when accessing the registry",
)
TLS_VERIFY = Option(
    "tls-verify",
    kind="tristate",
    default_text="true",
    help="Require HTTPS and verify certificates when contacting registries",
)

#: What an entry can be given.
ENTRY = (
    Option(
        "annotation",
        kind="stringArray",
        metavar="annotation",
        help="Set an annotation for the specified image or artifact",
    ),
    Option(
        "arch",
        kind="string",
        metavar="architecture",
        help="Override the architecture of the specified image or artifact",
        completer="=386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
    ),
    Option(
        "features",
        kind="strings",
        metavar="features",
        help="Override the features of the specified image or artifact",
    ),
    Option(
        "os",
        kind="string",
        metavar="OS",
        help="Override the OS of the specified image or artifact",
        completer="=linux windows",
    ),
    Option(
        "os-version",
        kind="string",
        metavar="version",
        help="Override the OS version of the specified image or artifact",
    ),
    Option(
        "variant",
        kind="string",
        metavar="Variant",
        help="Override the variant of the specified image or artifact",
    ),
)


def registry_context(engine: Engine, args: Args) -> SystemContext:
    """How to talk to registries, with --insecure. Raises InvalidInput."""
    from ocicore.engine import registry_context as contexts

    context = contexts.make(engine, args)
    if args.given("insecure"):
        if args.given("tls-verify"):
            raise InvalidInput("--insecure may not be used with --tls-verify")
        context.tls_verify = not args.insecure
    return context.with_(open_store=lambda location: engine.store)


def read_annotations(texts: list[str]) -> dict[str, str]:
    """--annotation. Raises InvalidInput."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f'expected --annotation "{text}" to be in key=value format')
        found[key] = value
    return found


def entry_changes(args: Args) -> dict[str, Any]:
    """The options of ENTRY, as `ManifestList.change` takes them."""
    values = args.as_dict()
    return {
        "arch": args.arch,
        "os": args.os,
        "variant": args.variant,
        "os_version": args.os_version,
        "os_features": values.get("os_features") or [],
        "features": list(args.features),
        "annotations": read_annotations(args.annotation),
    }


def reference(engine: Engine, name: str, context: SystemContext, what: str) -> ImageReference:
    """The image a word means; see `list_members.locate`."""
    from ocicore.image import list_members

    return list_members.locate(engine.images, name, context, what)
