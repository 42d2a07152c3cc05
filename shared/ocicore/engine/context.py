"""One engine: the store, the state and the configuration a program works with, each opened when first needed.

The program makes it (see pypod/session.py); verbs are functions that take it as their first argument.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ocicore.config.containers_conf import ContainersConfig
    from ocicore.config.paths import UserPaths
    from ocicore.config.storage_conf import StorageConfig
    from ocicore.engine.locks import Lock, Locks
    from ocicore.engine.paths import EnginePaths
    from ocicore.engine.state import State
    from ocicore.image.local import LocalImages
    from ocicore.runtime.oci import OCIRuntime
    from ocicore.runtime.types import HostFacts
    from ocicore.storage.store import Store


class EngineOptions:
    """What the command line decides for the whole engine; "" and () leave it to containers.conf.

    Slots:
        runtime: name or path of the OCI runtime; runtime_flags: words for it.
        cdi_dirs: directories with CDI specifications.
        conmon: path of the monitor.
        default_mounts_file: in place of the usual mounts.conf files.
        cgroup_manager: cgroupfs or systemd.
        hooks_dirs, network_config_dir, events_backend, log_level, modules, network_command, syslog.
        global_words: the global options as words, for the clean-up program that conmon starts.
    """

    __slots__ = (
        "cdi_dirs",
        "cgroup_manager",
        "conmon",
        "default_mounts_file",
        "events_backend",
        "global_words",
        "hooks_dirs",
        "log_level",
        "modules",
        "network_command",
        "network_config_dir",
        "runtime",
        "runtime_flags",
        "syslog",
    )

    def __init__(
        self,
        *,
        runtime: str = "",
        runtime_flags: Sequence[str] = (),
        cdi_dirs: Sequence[str] = (),
        conmon: str = "",
        default_mounts_file: str = "",
        cgroup_manager: str = "",
        hooks_dirs: Sequence[str] = (),
        network_config_dir: str = "",
        network_command: str = "",
        events_backend: str = "",
        log_level: str = "warning",
        modules: Sequence[str] = (),
        syslog: bool = False,
        global_words: Sequence[str] = (),
    ) -> None:
        self.runtime = runtime
        self.runtime_flags = tuple(runtime_flags)
        self.cdi_dirs = tuple(cdi_dirs)
        self.conmon = conmon
        self.default_mounts_file = default_mounts_file
        self.cgroup_manager = cgroup_manager
        self.hooks_dirs = tuple(hooks_dirs)
        self.network_config_dir = network_config_dir
        self.network_command = network_command
        self.events_backend = events_backend
        self.log_level = log_level
        self.modules = tuple(modules)
        self.syslog = syslog
        self.global_words = tuple(global_words)


class Engine:
    """See the module.

    Args:
        user: whose engine it is.
        environ: the caller's environment.
        storage: settings of the store.
        paths: the engine's own places.
        options: what the command line decided.
        config: containers.conf where the caller has read it already.
        self_command: words that start this program (for conmon's exit command).
        warn, debug: receive one line each; notice: a remark that is no log line.
    """

    __slots__ = (
        "_boot_id",
        "_config",
        "_host",
        "_images",
        "_locks",
        "_runtimes",
        "_state",
        "_store",
        "debug",
        "environ",
        "notice",
        "options",
        "paths",
        "self_command",
        "storage",
        "user",
        "warn",
    )

    def __init__(
        self,
        *,
        user: UserPaths,
        environ: Mapping[str, str],
        storage: StorageConfig,
        paths: EnginePaths,
        options: EngineOptions,
        self_command: Sequence[str],
        warn: Callable[[str], None],
        debug: Callable[[str], None],
        notice: Callable[[str], None] | None = None,
        config: ContainersConfig | None = None,
    ) -> None:
        self.user = user
        self.environ = environ
        self.storage = storage
        self.paths = paths
        self.options = options
        self.self_command = tuple(self_command)
        self.warn = warn
        self.debug = debug
        self.notice = notice or warn
        self._boot_id = ""
        self._config = config
        self._host: HostFacts | None = None
        self._images: LocalImages | None = None
        self._locks: Locks | None = None
        self._runtimes: dict[str, OCIRuntime] = {}
        self._state: State | None = None
        self._store: Store | None = None

    @property
    def rootless(self) -> bool:
        """The caller is an ordinary user."""
        return self.user.rootless

    @property
    def config(self) -> ContainersConfig:
        """containers.conf with its drop-ins and modules."""
        if self._config is None:
            from ocicore.config import containers_conf

            self._config = containers_conf.load(self.user, self.environ, self.options.modules)
        return self._config

    @property
    def store(self) -> Store:
        """containers/storage."""
        if self._store is None:
            from ocicore.storage.store import Store

            self._store = Store(self.storage, rootless=self.rootless, warn=self.warn)
        return self._store

    @property
    def state(self) -> State:
        """The database."""
        if self._state is None:
            from ocicore.engine.state import State

            self._state = State(self.paths.state_file)
        return self._state

    @property
    def images(self) -> LocalImages:
        """Images of the store."""
        if self._images is None:
            from ocicore.engine import short_names
            from ocicore.image.local import LocalImages

            self._images = LocalImages(self.store, short_names.lookup(self))
        return self._images

    @property
    def host(self) -> HostFacts:
        """Facts about this machine."""
        if self._host is None:
            from ocicore.runtime import host

            self._host = host.probe(self.rootless, self.warn)
        return self._host

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot: records of another boot speak of processes that are gone."""
        if not self._boot_id:
            from ocicore.linux import process

            self._boot_id = process.boot_id()
        return self._boot_id

    def lock(self, name: str) -> Lock:
        """The lock of a container (its id), "volume-NAME" or "pod-ID"."""
        return self.locks.get(name)

    @property
    def locks(self) -> Locks:
        """All locks."""
        if self._locks is None:
            from ocicore.engine.locks import Locks

            self._locks = Locks(self.paths.locks_dir)
        return self._locks

    def runtime(self, requested: str = "") -> OCIRuntime:
        """The OCI runtime: `requested` (a container's), else the command line's, else the best that works here."""
        wanted = requested or self.options.runtime
        found = self._runtimes.get(wanted)
        if found is None:
            from ocicore.engine import runtime_choice

            if requested.startswith("/"):
                # What a container was made with needs neither containers.conf nor facts of the host.
                found = runtime_choice.at(self, requested)
            else:
                found = runtime_choice.choose(self, wanted)
            self._runtimes[wanted] = found
        return found

    @property
    def cdi_dirs(self) -> list[str]:
        """Where CDI devices are described, the least important first."""
        return list(self.options.cdi_dirs or self.config.engine.cdi_spec_dirs)

    @property
    def cgroup_manager(self) -> str:
        """cgroupfs or systemd."""
        return self.options.cgroup_manager or self.config.engine.cgroup_manager

    def close(self) -> None:
        """Close database and store; the engine can be used again."""
        if self._state is not None:
            self._state.close()
            self._state = None
        if self._store is not None:
            self._store.close()
            self._store = None
