"""`pybuildah mkcw`: confidential workloads, for which this system has no launcher."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Convert a conventional container image to a confidential workload image",
    description="Makes an image that runs in an encrypted virtual machine. Needs krun-sev's firmware and cryptsetup; where they are absent it says so and changes nothing.",
    options=(
        Option("attestation-url", "u", kind="string", metavar="URL", help="Attestation server"),
        Option("base-image", "b", kind="string", help="Image that gets the encrypted disk added (scratch)"),
        Option("add-file", kind="stringArray", metavar="SOURCE:DESTINATION", help="File to add to the disk"),
        Option("cpus", "c", kind="int", help="Number of CPUs to expect"),
        Option("firmware-library", "f", kind="path", help="Location of libkrunfw-sev.so or libkrunfw-tdx.so"),
        Option("ignore-attestation-errors", hidden=True, help="Go on when registering the workload fails"),
        Option("memory", "m", kind="int", help="Amount of memory to expect, megabytes"),
        Option("passphrase", "p", kind="string", help="Passphrase of the encrypted disk"),
        Option("slop", "s", kind="string", default="25%", help="Extra space on the disk"),
        Option("type", "t", kind="string", help="Type of trusted execution environment: SEV or SNP"),
        Option("workload-id", "w", kind="string", help="Identifier of the workload"),
    ),
    arguments=(Argument("source"), Argument("target", completer="file")),
)


def run(args: Args, ctx: Context) -> int:
    """Raises Unsupported: the parts such an image is made of are not there."""
    from ocicore.build import confidential

    confidential.require(args.firmware_library)
    return 0
