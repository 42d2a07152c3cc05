"""The root of every error this suite reports on purpose.

An error is one lower-case message ("doing what: which thing: why"), an optional
hint (what the user can do about it) and an optional exit status. Sub-classes
live beside the code that raises them; only `cli` turns one into text.
"""

from __future__ import annotations


class Error(Exception):
    """A failure with a cause a user can act on.

    Args:
        message: cause, lower case, no trailing full stop, one line.
        hint: remedy, lower case, one line, or None where there is none.
        status: exit status when it must differ from the program's own default
            (125 for pypod and pybuildah, 1 for pyskopeo).
    """

    #: Class-wide exit status; None means "the program's default".
    exit_status: int | None = None
    #: The peers print this message as it is, without "Error: " before it.
    bare = False

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if status is not None:
            self.exit_status = status

    def __str__(self) -> str:
        return self.message


class NotFound(Error):
    """A named thing does not exist."""


class InUse(Error):
    """A named thing cannot be removed or replaced because something needs it."""


class Conflict(Error):
    """A name or an identifier is already taken."""


class InvalidInput(Error):
    """The user's input is malformed; the message says where."""


class Unsupported(Error):
    """What was asked for cannot be done on this host or by this version."""


class Corrupted(Error):
    """Bytes do not have the digest, size or form that was promised."""


class MissingProgram(Error):
    """A helper program is not installed; the hint names the package."""
