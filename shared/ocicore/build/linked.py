"""`copy --link` and `add --link`: content kept beside a working container until it is committed, as layers of its own.

The container's record lists them, oldest first: the folder below the container's directory, and the history entry.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ocicore.build.working import WorkingContainer

_KEY = "LinkedLayers"


class Linked:
    """The root that one command fills; `keep` makes it part of the container's record."""

    __slots__ = ("_container", "_name", "root")

    def __init__(self, container: WorkingContainer) -> None:
        self._container = container
        self._name = f"linked-{os.urandom(6).hex()}"
        self.root = os.path.join(container.store.container_dir(container.id), self._name)
        os.mkdir(self.root, 0o755)

    def keep(self, created_by: str) -> None:
        """Note the root in the record, which the caller saves."""
        entries = list(self._container.raw.get(_KEY) or ())
        entries.append({"folder": self._name, "created_by": created_by})
        self._container.raw[_KEY] = entries


def roots(raw: Mapping[str, Any], folder: str) -> list[tuple[str, str]]:
    """(path, history entry) of a container's linked layers, the lowest first."""
    return [
        (os.path.join(folder, str(entry["folder"])), str(entry["created_by"]))
        for entry in raw.get(_KEY) or ()
    ]
