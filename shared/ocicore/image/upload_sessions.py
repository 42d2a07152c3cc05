"""Addresses of unfinished uploads, kept on disk: a copy that was killed goes on where the registry has got to.

One file an upload below `containers/cache/uploads`, readable by its owner only, because the address may hold a token.
"""

from __future__ import annotations

import os
import time

from ocicore.files import quick_json
from ocicore.oci import digest as digests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.image.types import SystemContext

#: Seconds after which no registry is asked about an upload any more.
_MAX_AGE = 86400
_SYSTEM = "/var/lib/containers/cache"


class UploadSession:
    """The upload of one blob to one repository; failures to keep it are no failures of the copy."""

    def __init__(self, context: SystemContext, host: str, repository: str, digest: str) -> None:
        cache = _SYSTEM
        if context.paths.rootless:
            cache = os.path.join(context.paths.data_home, "containers", "cache")
        self._folder = os.path.join(cache, "uploads")
        self._what = f"{host}/{repository}@{digest}"
        name = digests.encoded(digests.from_bytes(self._what.encode()))
        self._path = os.path.join(self._folder, name)

    def location(self) -> str:
        """The address kept by an earlier process, "" when there is none."""
        try:
            with open(self._path, "rb") as file:
                value = quick_json.loads(file.read(1 << 16))
                age = time.time() - os.fstat(file.fileno()).st_mtime
        except (OSError, ValueError):
            return ""
        if not isinstance(value, dict) or value.get("upload") != self._what or age > _MAX_AGE:
            self.forget()
            return ""
        return str(value.get("location") or "")

    def keep(self, location: str) -> None:
        """Write the address down."""
        temporary = f"{self._path}.new"
        data = quick_json.dumps({"upload": self._what, "location": location}).encode()
        try:
            os.makedirs(self._folder, 0o700, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)
            os.rename(temporary, self._path)
            self._sweep()
        except OSError:
            return

    def _sweep(self) -> None:
        """Remove what nobody went on with."""
        oldest = time.time() - _MAX_AGE
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.stat(follow_symlinks=False).st_mtime < oldest:
                    os.unlink(entry.path)

    def forget(self) -> None:
        """The upload is done, or gone."""
        try:
            os.unlink(self._path)
        except OSError:
            return
