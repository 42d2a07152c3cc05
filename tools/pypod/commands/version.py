"""`pypod version`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display the pypod version information",
    options=(
        Option(
            "format",
            "f",
            kind="string",
            help="Change the output format to JSON or a Go template",
            completer="pypod.complete_fields:printed",
        ),
    ),
    examples=(("pypod version --format '{{.Client.Version}}'", "the bare number"),),
)

BUILDER = Command(
    "Print build version",
    description="Prints the version of buildah that builds follow, as `pypod info` and the label of images say it.",
    handler="pypod.commands.version:builder",
    examples=(("pypod buildx version", "name and version"),),
)

#: Podman's API this program follows; scripts compare it.
API_VERSION = "5.4.2"


def run(args: Args, ctx: Context) -> int:
    facts = describe(ctx.program.version)
    if args.format:
        from ocicore.cli import template

        # Without a service the server is ourselves: scripts ask for its version.
        both: dict[str, object] = {"Client": facts, "Server": facts}
        template.print_one(ctx.stdout, args.format, both, name="version", json_value={"Client": facts})
        return 0
    rows = (
        ("Client:", "Pypod Engine"),
        ("Version:", facts["Version"]),
        ("API Version:", facts["APIVersion"]),
        ("Go Version:", "none"),
        ("Python Version:", facts["PythonVersion"]),
        ("Built:", facts["BuiltTime"]),
        ("OS/Arch:", facts["OsArch"]),
    )
    width = max(len(name) for name, _ in rows) + 2
    for name, value in rows:
        ctx.print(f"{name:<{width}}{value}")
    return 0


def builder(args: Args, ctx: Context) -> int:
    """`buildx version`."""
    from ocicore.build.commit import COMPATIBLE_VERSION

    # By the name and version that scripts compare, and that images are labelled with.
    ctx.print(f"buildah {COMPATIBLE_VERSION}")
    return 0


def describe(version: str) -> dict[str, object]:
    """The version object of `version` and `info`."""
    import os
    import sys
    import time

    from ocicore.engine import build_time
    from ocicore.oci import platform

    host = platform.host()
    built = build_time.built()
    python = ".".join(str(part) for part in sys.version_info[:3])
    return {
        "APIVersion": API_VERSION,
        "Version": version,
        "GoVersion": "",
        "PythonVersion": python,
        "GitCommit": "",
        "BuiltTime": time.ctime(built),
        "Built": built,
        "BuildOrigin": "",
        "OsArch": f"{os.uname().sysname.lower()}/{host.architecture}",
        "Os": host.os,
    }
