"""--restart POLICY[:MAX]."""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class RestartPolicy(TypedDict):
        """name: "" | no | always | on-failure | unless-stopped; max_retries: 0 is without limit."""

        name: str
        max_retries: int


def check_removal(text: str) -> None:
    """A user cannot ask for --rm as well. Raises InvalidInput.

    Kubernetes YAML can: such a container is removed once it is no longer restarted.
    """
    if read(text)["name"] not in ("", "no"):
        raise InvalidInput(
            'the --rm option conflicts with --restart, when the restartPolicy is not "" and "no"'
        )


def read(text: str) -> RestartPolicy:
    """The policy. Raises InvalidInput in podman's words."""
    name, colon, count = text.partition(":")
    if name == "never":
        name = "no"
    if name not in ("", "no", "always", "on-failure", "unless-stopped"):
        raise InvalidInput(f'"{text}" is not a valid restart policy: invalid argument')
    if colon and name != "on-failure":
        raise InvalidInput(
            'if restart policy is not "on-failure" a maximum retry count cannot be set: invalid argument'
        )
    if colon and not count.isdigit():
        raise InvalidInput(
            f"parsing restart policy retry count {count!r}: it must be a number of at least 0: invalid argument"
        )
    return {"name": name, "max_retries": int(count) if colon else 0}
