"""The working containers of one build: each is noted and leased, so that it is removed however the build ends."""

from __future__ import annotations

import os
import threading

from ocicore.build import leases
from ocicore.errors import Error, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.build.options import BuildOptions
    from ocicore.build.working import WorkingContainer
    from ocicore.image.local import LocalImage
    from ocicore.storage.store import Store


class BuildContainers:
    """What a build has, and what of it stays.

    Args:
        stopped: whether a signal came.
        warn: told what could not be removed.

    Attributes:
        keep_steps: each step's container stays for whoever wants to look at it (--rm=false); one without layers never does.
        step_failed: a step failed, and not the way to it.
    """

    def __init__(
        self,
        store: Store,
        options: BuildOptions,
        stopped: Callable[[], bool],
        warn: Callable[[str], None],
    ) -> None:
        self._store = store
        self._options = options
        self._stopped = stopped
        self._warn = warn
        self._held: list[tuple[WorkingContainer, int]] = []
        self._lock = threading.Lock()
        self.keep_steps = options.layers and not options.remove_containers
        self.step_failed = False

    def create(self, image: LocalImage | None, **settings: Any) -> WorkingContainer:
        """A new working container, noted; its record is still to be saved.

        Args:
            settings: see `working.create`.
        """
        container, lease = leases.create(self._store, image, **settings)
        with self._lock:
            self._held.append((container, lease))
        return container

    def keeps_step(self, *, final: bool) -> bool:
        """Whether the working container of a step that succeeded stays."""
        return self.keep_steps and not (final and self._options.force_remove)

    def keeps_failed(self) -> bool:
        """Whether that of the step that failed stays: there was one, no --force-rm, and no signal came."""
        asked = self._options.layers and not self._options.force_remove
        return self.step_failed and asked and not self._stopped()

    def discard(self, container: WorkingContainer, *, mounted: bool, keep: bool = False) -> None:
        """A stage is done with its container."""
        with self._lock:
            taken = [entry for entry in self._held if entry[0] is container]
            self._held = [entry for entry in self._held if entry[0] is not container]
        for _, lease in taken:
            self._remove(container, lease, mounted=mounted, keep=keep)

    def close(self) -> None:
        """Remove what is left, or leave it where that was asked for."""
        with self._lock:
            held, self._held = self._held, []
        for container, lease in held:
            self._remove(container, lease, mounted=True, keep=self.keeps_failed())

    def _remove(self, container: WorkingContainer, lease: int, *, mounted: bool, keep: bool) -> None:
        try:
            if keep:
                leases.give_up(self._store, container.id)
                if mounted:
                    container.unmount()  # what is not mounted is no error there
            else:
                container.delete()
        except NotFound:
            return
        except (Error, OSError) as error:
            said = error.message if isinstance(error, Error) else str(error)
            self._warn(f"removing working container {container.name}: {said}")
        finally:
            os.close(lease)
