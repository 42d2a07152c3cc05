"""--preserve-fd and --preserve-fds of run and exec."""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args


def passed_on(args: Args) -> tuple[int, ...]:
    """Descriptors for the container's 3, 4, …; -1 where it gets none. Raises InvalidInput."""
    wanted = args.preserve_fd or range(3, 3 + args.preserve_fds)
    option = "preserve-fd" if args.preserve_fd else "preserve-fds"
    for number in wanted:
        try:
            ours = not os.get_inheritable(number)  # what was passed to us is not closed by exec
        except (OSError, OverflowError):
            ours = True
        if ours:
            raise InvalidInput(
                f"file descriptor {number} is not available - the {option} option requires that file "
                "descriptors must be passed"
            )
    numbers = range(3, max(wanted, default=2) + 1)
    for number in numbers:
        if number not in wanted:
            try:
                os.set_inheritable(number, False)  # our caller's: the container must not see it
            except OSError:
                continue
    return tuple(number if number in wanted else -1 for number in numbers)
