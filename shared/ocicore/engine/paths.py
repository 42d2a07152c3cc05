"""Where the engine keeps its own files, beside those of containers/storage.

Persistent: <graph root>/pypod (state.sqlite, volumes, secrets). Volatile: /run/pypod or $XDG_RUNTIME_DIR/pypod (locks,
exit files, events). podman's counterparts are <graph root>/libpod and /run/libpod; we share neither, see README.md.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.config.paths import UserPaths
    from ocicore.config.storage_conf import StorageConfig


class EnginePaths:
    """Absolute paths, none of them made yet.

    Attributes:
        static_dir: persistent files of the engine.
        tmp_dir: volatile files; gone after a reboot.
        state_file: the database (in the run root with a transient store).
        locks_dir, exits_dir, persist_dir: below tmp_dir; exits_dir is conmon's --exit-dir.
        events_file: log of events, JSON lines.
        volumes_dir: one directory for each named or anonymous volume.
        secrets_dir: the file driver's secrets.
    """

    __slots__ = (
        "events_file",
        "exits_dir",
        "locks_dir",
        "persist_dir",
        "secrets_dir",
        "state_file",
        "static_dir",
        "tmp_dir",
        "volumes_dir",
    )

    def __init__(
        self,
        user: UserPaths,
        storage: StorageConfig,
        *,
        tmp_dir: str = "",
        volumes_dir: str = "",
        static_dir: str = "",
        events_file: str = "",
    ) -> None:
        self.static_dir = static_dir or f"{storage.graph_root}/pypod"
        self.tmp_dir = tmp_dir or f"{user.runtime_dir}/pypod"
        state_dir = f"{storage.run_root}/pypod" if storage.transient else self.static_dir
        self.state_file = f"{state_dir}/state.sqlite"
        self.locks_dir = f"{self.tmp_dir}/locks"
        self.exits_dir = f"{self.tmp_dir}/exits"
        self.persist_dir = f"{self.tmp_dir}/persist"
        self.events_file = events_file or f"{self.tmp_dir}/events/events.log"
        self.volumes_dir = volumes_dir or f"{self.static_dir}/volumes"
        self.secrets_dir = f"{self.static_dir}/secrets"
