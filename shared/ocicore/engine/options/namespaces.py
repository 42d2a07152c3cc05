"""--pid, --ipc, --uts, --cgroupns, --userns, --network as namespace modes.

A mode is kept as it was typed (containers' names resolved to ids), because `inspect` prints it and because the
path of another container's namespace is only known right before start.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.runtime.types import Namespace

_ALLOWED = {
    "pid": ("host", "private", "pod"),
    "ipc": ("host", "private", "none", "shareable", "pod"),
    "uts": ("host", "private", "pod"),
    "cgroup": ("host", "private", "pod"),
}


def check(kind: str, text: str, resolve: Callable[[str], str]) -> str:
    """The mode with a container's id in place of its name; "" stays. Raises InvalidInput, NoSuchContainer.

    Args:
        kind: pid, ipc, uts or cgroup.
        text: what was typed: host, private, ns:PATH, container:NAME …
        resolve: container name to full id.
    """
    if not text or text in _ALLOWED[kind]:
        return "" if text == "default" else text
    scheme, colon, value = text.partition(":")
    if colon and value:
        if scheme == "container":
            return "container:" + resolve(value)
        if scheme == "ns":
            import os

            if not os.path.exists(value):
                raise InvalidInput(f"stat {value}: no such file or directory: invalid {kind} namespace")
            return text
    if scheme == "container":
        raise InvalidInput(
            "must provide name or ID or a container when specifying --container: invalid argument"
        )
    raise InvalidInput(f"unrecognized namespace mode {text} passed")


def check_user(text: str) -> None:
    """Raises InvalidInput for a --userns that could never be; whether its ids are there is seen at creation."""
    kind, colon, rest = text.partition(":")
    if kind == "keep-id":
        keep_id(rest)
    elif kind == "auto":
        from ocicore.storage import auto_userns

        auto_userns.read(rest)
    elif kind in ("container", "ns"):
        if not rest:
            raise InvalidInput(f"unrecognized namespace mode {text} passed")
    elif kind not in ("", "host", "private", "nomap") or colon:
        raise InvalidInput(f"unrecognized namespace mode {text} passed")


def keep_id(text: str) -> dict[str, int]:
    """uid, gid and size of what stands after "keep-id:", as far as they are given. Raises InvalidInput."""
    found = {}
    for word in filter(None, text.split(",")):
        key, _, value = word.partition("=")
        if key not in ("uid", "gid", "size") or not value.isdigit():
            raise InvalidInput(f"unknown option specified: {word!r}: choose from uid=N, gid=N, size=N")
        found[key] = int(value)
    return found


def needed_container(mode: str) -> str:
    """Id of the container whose namespace is joined, or ""."""
    return mode.removeprefix("container:") if mode.startswith("container:") else ""


def resolve_mode(kind: str, mode: str, pid_of: Callable[[str], int], *, default: str) -> Namespace:
    """The mode as the runtime wants it, right before start.

    Args:
        kind: pid, ipc, uts, cgroup, user or net.
        mode: as `check` returned it.
        pid_of: process of a running container by id; raises when it does not run.
        default: mode used for "".
    """
    mode = mode or default
    if mode in ("private", "shareable", "none"):
        return {"mode": "private"}
    if mode == "host":
        return {"mode": "host"}
    scheme, _, value = mode.partition(":")
    if scheme == "container":
        return {"mode": "path", "path": f"/proc/{pid_of(value)}/ns/{kind}"}
    return {"mode": "path", "path": value}
