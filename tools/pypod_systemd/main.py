"""The entry point of `pypod-systemd`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process; ends the process in the ordinary case."""
    from ocicore.cli.main import entry
    from pypod_systemd.program import PROGRAM

    entry(PROGRAM)


if __name__ == "__main__":
    sys.exit(main())
