"""`pybuildah version`: what this is and what it is compatible with."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command("Display version information", options=(Option("json", help="Output in JSON format"),))


def run(args: Args, ctx: Context) -> int:
    """Print name: value lines, or JSON."""
    import platform

    from ocicore.oci import platform as platforms
    from pybuildah.program import VERSION

    here = platforms.host()
    values = {
        "version": VERSION,
        "pythonVersion": platform.python_version(),
        "imageSpec": "1.1.0",
        "runtimeSpec": "1.2.0",
        "compatibleWith": _compatible(),
        "osArch": f"{here.os}/{here.architecture}",
        "buildPlatform": str(here),
    }
    if args.json:
        from ocicore.cli import gojson

        ctx.print(gojson.dumps(values, indent="    "))
        return 0
    titles = {
        "version": "Version",
        "pythonVersion": "Python Version",
        "imageSpec": "Image Spec",
        "runtimeSpec": "Runtime Spec",
        "compatibleWith": "Compatible With",
        "osArch": "OS/Arch",
        "buildPlatform": "BuildPlatform",
    }
    for key, title in titles.items():
        ctx.print(f"{title + ':':<16} {values[key]}")
    return 0


def _compatible() -> str:
    from ocicore.build.commit import COMPATIBLE_VERSION

    return f"buildah {COMPATIBLE_VERSION}"
