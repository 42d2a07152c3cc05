"""What can go wrong with containers, volumes and secrets, in podman's words.

Scripts match on these texts and on the exit statuses, so each wording is a class (or function) of its own.
"""

from __future__ import annotations

from ocicore.errors import Conflict, Error, InUse, NotFound


class NoSuchContainer(NotFound):
    """No container has this name, id or id prefix."""

    def __init__(self, name: str) -> None:
        super().__init__(f'no container with name or ID "{name}" found: no such container')
        self.name = name


class NoSuchVolume(NotFound):
    """No volume has this name or prefix."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no volume with name {quoted(name)} found: no such volume")
        self.name = name


class NoSuchSecret(NotFound):
    """No secret has this name, id or id prefix."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no secret with name or id {quoted(name)}: no such secret")


class NoSuchPod(NotFound):
    """No pod has this name, id or id prefix."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no pod with name or ID {name} found: no such pod")
        self.name = name


class NoSuchExec(NotFound):
    """No exec session has this id."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"no exec session with ID {session_id} found in database: no such exec session")


class NameTaken(Conflict):
    """Another container has the name, in our state or (podman's, buildah's) in the same store."""

    def __init__(self, name: str, holder: str, *, external: bool = False) -> None:
        super().__init__(
            f'creating container storage: the container name "{name}" is already in use by {holder}. '
            "You have to remove that container to be able to reuse that name: that name is already in use"
            f"{' by an external entity' if external else ''}, or use --replace to instruct Podman to do so."
        )


class WrongState(Error):
    """The container's state does not allow what was asked for."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}: container state improper")


class HasDependents(InUse):
    """Other containers need this one."""

    def __init__(self, container_id: str, dependents: list[str]) -> None:
        super().__init__(
            f"container {container_id} has dependent containers which must be removed before it: "
            f"{', '.join(dependents)}: container already exists"
        )


class VolumeInUse(InUse):
    """Containers use the volume; podman exits with 2."""

    exit_status = 2

    def __init__(self, name: str, users: list[str]) -> None:
        super().__init__(
            f"volume {name} is being used by the following container(s): {', '.join(users)}: volume is being used"
        )


def quoted(text: str) -> str:
    """Go's %q for ordinary text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
