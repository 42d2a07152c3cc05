"""Asking for a password."""

from __future__ import annotations

import os
import sys

from ocicore.errors import InvalidInput


def ask_password(prompt: str) -> str:
    """Read a line from the terminal without echo; from standard input where there is no terminal.

    Raises InvalidInput at its end.
    """
    line = ask_on_terminal(prompt)
    if line is not None:
        return line
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise InvalidInput("getting username and password: standard input ended", hint="use --password-stdin")
    return line.rstrip("\n")


def ask_on_terminal(prompt: str) -> str | None:
    """Read a line from the terminal without echo; None where there is no terminal.

    Raises InvalidInput at its end.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return None
    import getpass

    try:
        return getpass.getpass(prompt)
    except EOFError:
        raise InvalidInput("getting username and password: the terminal ended") from None
