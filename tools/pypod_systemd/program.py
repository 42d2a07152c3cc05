"""The table of pypod-systemd's commands; nothing is imported until one is chosen."""

from __future__ import annotations

from ocicore import __version__
from ocicore.cli.declare import Option, Program

PROGRAM = Program(
    "pypod-systemd",
    version=__version__,
    summary="Run containers as systemd services",
    description=(
        "Writes systemd units for containers that pypod manages, so that they start at boot and are restarted when "
        "they fail. No daemon of ours is involved: systemd runs pypod, and conmon stays with the container."
    ),
    options=(
        Option("debug", hidden=True, help="Log at level debug"),
        Option(
            "log-level",
            kind="string",
            default="warn",
            help="Log messages above specified level (trace, debug, info, warn, warning, error, fatal, panic)",
        ),
        Option("root", kind="path", help="Root directory of the store"),
        Option("runroot", kind="path", help="Directory of the store's volatile files"),
        Option("storage-driver", kind="string", help="Storage driver"),
        Option("storage-opt", kind="stringArray", help="Option of the storage driver"),
        Option("tmpdir", kind="path", help="Directory of the engine's volatile files"),
    ),
    commands={
        "check": ("pypod_systemd.commands.check", "Look for mistakes in Quadlet files"),
        "diff": ("pypod_systemd.commands.diff", "Show what a reload would change"),
        "explain": ("pypod_systemd.commands.explain", "Show which line of a Quadlet file made which option"),
        "from-container": ("pypod_systemd.commands.from_container", "Write a Quadlet file from a container"),
        "generate": ("pypod_systemd.commands.generate", "Generate systemd units"),
        "completion": ("ocicore.cli.completion", "Generate shell completion"),
    },
)
