"""`pypod import`, `pypod image import`: a root file system's tar becomes an image."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.registry import SIGNATURE_POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Import a tarball to create a filesystem image",
    description="Create a container image from the contents of the specified tarball (.tar, .tar.gz, .tgz, .bzip, .tar.xz, .txz). Note remote tar balls can be specified, via web address.",
    options=(
        Option(
            "arch",
            kind="string",
            help="Set the architecture of the imported image",
            completer="=386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
        ),
        Option(
            "change",
            "c",
            kind="stringArray",
            help="Apply the following possible instructions to the created image (default []): CMD | ENTRYPOINT | ENV | EXPOSE | LABEL | ONBUILD | STOPSIGNAL | USER | VOLUME | WORKDIR",
            completer="=CMD ENTRYPOINT ENV EXPOSE LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR :nospace",
        ),
        Option("message", "m", kind="string", help="Set commit message for imported image"),
        Option("os", kind="string", help="Set the OS of the imported image", completer="=linux windows"),
        Option("quiet", "q", help="Suppress output"),
        Option("variant", kind="string", help="Set the variant of the imported image"),
        SIGNATURE_POLICY,
    ),
    arguments=(
        Argument("path", metavar="PATH", completer="file"),
        Argument("reference", min=0, metavar="[REFERENCE]"),
    ),
    examples=(
        ("pypod import rootfs.tar myimage", "a file"),
        ("cat rootfs.tar | pypod import - myimage", "standard input"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import image_import
    from pypod.session import open_engine

    engine = open_engine(ctx)
    image = image_import.import_tar(
        engine,
        args.path,
        args.reference or "",
        changes=args.change,
        message=args.message,
        os_name=args.os,
        architecture=args.arch,
        variant=args.variant,
        stdin=ctx.stdin_bytes,
        signature_policy=args.signature_policy,
    )
    ctx.print(f"sha256:{image.id}")
    return 0
