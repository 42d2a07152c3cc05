"""`pypod pull`, `pypod image pull`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.registry import PLATFORM, REGISTRY, RETRY, SIGNATURE_POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Pull an image from a registry",
    description="Pulls an image from a registry and stores it locally. An image can be pulled by tag or digest; if neither is given, the image tagged 'latest' is pulled.",
    options=(
        Option("all-tags", "a", help="All tagged images in the repository will be pulled"),
        *PLATFORM,
        *REGISTRY,
        *RETRY,
        Option(
            "decryption-key",
            kind="strings",
            help="Key needed to decrypt the image (e.g. /path/to/key.pem)",
            completer="file",
        ),
        Option("disable-content-trust", help="This is a Docker specific option and is a NOOP"),
        Option(
            "policy",
            kind="string",
            default="always",
            help='Pull image policy ("always"|"missing"|"never"|"newer")',
        ),
        Option("quiet", "q", help="Suppress output information when pulling images"),
        SIGNATURE_POLICY,
    ),
    arguments=(Argument("images", max=None, metavar="IMAGE [IMAGE...]", completer="pypod.complete:images"),),
    examples=(
        ("pypod pull quay.io/library/alpine:3.20", "one image"),
        ("pypod pull --all-tags quay.io/me/app", "every tag"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import progress
    from ocicore.engine import image_choice
    from ocicore.errors import Error
    from pypod.options.select import report
    from pypod.session import open_engine

    engine = open_engine(ctx)
    wanted = image_choice.platform(args)
    policy = image_choice.check_policy(args.policy)
    errors: list[Error] = []
    for name in args.images:
        try:
            with progress.shown(ctx.stderr, quiet=args.quiet) as shown:
                images = image_choice.pull(
                    engine, name, args, policy=policy, wanted=wanted, progress=shown, all_tags=args.all_tags
                )
        except Error as error:
            errors.append(error)
            continue
        for image_id in dict.fromkeys(image.id for image in images):
            ctx.print(image_id)
    return report(ctx, errors)
