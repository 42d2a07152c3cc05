"""`pybuildah pull`: fetch an image."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import BLOB_CACHE, DECRYPTION_KEY, NO_OPTIONS_AFTER, QUIET, REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Pull an image from the specified location",
    options=(
        Option("all-tags", "a", help="Pull all tagged images in the repository"),
        Option("arch", kind="string", help="Architecture of the image to choose"),
        BLOB_CACHE,
        DECRYPTION_KEY,
        Option("remove-signatures", help="Do not keep signatures"),
        Option("os", kind="string", help="Operating system of the image to choose"),
        Option(
            "platform", kind="string", metavar="OS/ARCH[/VARIANT]", help="Platform of the image to choose"
        ),
        Option("policy", kind="string", default="missing", help="missing, always, newer or never"),
        Option("variant", kind="string", help="Variant of the architecture"),
        QUIET,
        *REGISTRY,
    ),
    arguments=(Argument("image", metavar="IMAGE"),),
    too_few="an image name must be specified",
    too_many="too many arguments specified",
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
)


def run(args: Args, ctx: Context) -> int:
    """Print the image's ID."""
    from ocicore.errors import InvalidInput, NotFound
    from ocicore.image import transport
    from ocicore.oci import platform as platforms
    from pybuildah import remote
    from pybuildah.commands.from_ import pull_policy
    from pybuildah.session import Session, warn_platform

    session = Session(ctx)
    platform = args.platform
    if not platform and (args.arch or args.os or args.variant):
        host = platforms.host()
        variant = f"/{args.variant}" if args.variant else ""
        platform = f"{args.os or host.os}/{args.arch or host.architecture}{variant}"
    if args.all_tags:
        _check_tags(args.image)
    try:
        policy = "always" if args.all_tags else pull_policy(args.policy)
    except InvalidInput as error:
        raise InvalidInput(f'unsupported pull policy "{args.policy}"', hint=error.hint) from error
    name = args.image.removeprefix("docker://")
    if platform and policy in ("missing", "never") and not transport.has_transport(name):
        try:
            found = session.stored_image(name, policy, platforms.parse(platform))
        except NotFound:
            if policy == "never":
                raise
            found = None
        if found is not None:
            ctx.print(found.id)
            return 0
        policy = "always"
    images = remote.pull(session, args.image, policy, platform, args, quiet=args.quiet)
    for image in images:
        if platform:
            warn_platform(image, platforms.parse(platform), ctx.warn)
        ctx.print(image.id)
    return 0


def _check_tags(name: str) -> None:
    """Raises InvalidInput: only registries have tags to pull."""
    from ocicore.errors import InvalidInput
    from ocicore.image import transport

    scheme = name.partition(":")[0]
    if transport.has_transport(name) and scheme != "docker":
        raise InvalidInput(f"pulling all tags is not supported for {scheme} transport")
