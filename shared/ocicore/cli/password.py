"""Asking for a password."""

from __future__ import annotations

import os
import sys

from ocicore.errors import InvalidInput


def ask_password(prompt: str) -> str:
    """Read a line from the terminal without echo; from standard input where there is no terminal.

    Raises InvalidInput at its end.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
    else:
        import getpass

        try:
            return getpass.getpass(prompt)
        except EOFError:
            line = ""
    if not line:
        raise InvalidInput("getting username and password: standard input ended", hint="use --password-stdin")
    return line.rstrip("\n")
