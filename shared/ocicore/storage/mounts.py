"""Which layers are mounted, where and how often: mountpoints.json in the run root.

The counts are shared with podman and buildah (containers/storage `layerMountPoint`). They
live on a tmpfs and vanish at boot with the mounts themselves, so nothing is synced here.
"""

from __future__ import annotations

import os

from ocicore.files import atomic, quick_json
from ocicore.files.locks import FileLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class MountTable:
    """The counts. Use it as `with table.lock.exclusive(): table.load(); …; table.save()`."""

    def __init__(self, folder: str, *, read_only: bool = False) -> None:
        self.path = os.path.join(folder, "mountpoints.json")
        self.lock = FileLock(os.path.join(folder, "mountpoints.lock"), read_only=read_only)
        self.entries: dict[str, dict[str, Any]] = {}
        self._token: bytes | None = None

    def load(self) -> None:
        """Read the counts again if somebody wrote. The lock must be held."""
        token, modified = self.lock.modified_since(self._token)
        if not modified and self._token is not None:
            return
        try:
            with open(self.path, "rb", buffering=0) as file:
                data = file.read()
        except FileNotFoundError:
            data = b""
        try:
            parsed = quick_json.loads(data) if data else None
            self.entries = {entry["id"]: entry for entry in parsed or () if entry.get("path")}
        except (ValueError, TypeError, KeyError, AttributeError):
            # Written without a sync, as by podman: on a run root that is no tmpfs a power cut leaves any bytes. The
            # mounts they told of have gone with it.
            self.entries = {}
        self._token = token

    def get(self, layer_id: str) -> tuple[str | None, int]:
        """(mount point, count) of a layer; (None, 0) when it is not mounted."""
        entry = self.entries.get(layer_id)
        return (entry["path"], entry["count"]) if entry else (None, 0)

    def set(self, layer_id: str, path: str | None, count: int) -> None:
        """Change a layer's count and write the file. The lock must be held for writing."""
        if path and count > 0:
            self.entries[layer_id] = {"id": layer_id, "path": path, "count": count}
        else:
            self.entries.pop(layer_id, None)
        token = self.lock.touch()
        data = quick_json.dumps(list(self.entries.values())).encode("utf-8", "surrogateescape")
        try:
            atomic.write(self.path, data, 0o600, fsync=False)
        except BaseException:
            self._token = None
            raise
        self._token = token
