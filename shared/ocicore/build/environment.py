"""What a build or a working container needs from the world around it, handed in by the program.

The programs know command line, environment and configuration files; this package only sees this object.
Runtime and host facts are found when the first command runs. On the hot path.
"""

from __future__ import annotations

from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ocicore.build.run_network import NetworkPool
    from ocicore.build.scratch import Scratch
    from ocicore.config.paths import UserPaths
    from ocicore.image.local import LocalImage
    from ocicore.linux.commands import Commands
    from ocicore.runtime.oci import OCIRuntime
    from ocicore.runtime.types import HostFacts
    from ocicore.storage.store import Store


class BuildEnvironment:
    """The surroundings of a build.

    Args:
        store: where layers, images and working containers are.
        paths: the user's directories.
        rootless: an ordinary user (inside its user namespace by now).
        environ: variables of the caller.
        warn: receives one line per remark.
        find_image: (name, pull policy, platform or "") -> image; pulls when the policy says so.
        runtime: --runtime, "" for the configured or first working one; runtime_flags: --runtime-flag.
        runtimes: name -> paths, from containers.conf.
        configured_runtime: `runtime` of containers.conf.
        cgroup_manager: "cgroupfs" or "systemd".
        containers_conf: containers.conf, for networks.
        hooks_dirs: folders with OCI hooks.
        push_image: (id, destination) -> sends an image away; None where that is not offered.
        platforms_of: name -> platforms that a registry has of it.
        debug: receives one line for whoever looks for a fault.
    """

    __slots__ = (
        "_commands",
        "_facts",
        "_lock",
        "_networks",
        "_runtime",
        "_scratch",
        "cgroup_manager",
        "configured_runtime",
        "containers_conf",
        "debug",
        "environ",
        "find_image",
        "hooks_dirs",
        "network_config_dir",
        "paths",
        "platforms_of",
        "push_image",
        "quiet_pulls",
        "rootless",
        "runtime_flags",
        "runtime_name",
        "runtimes",
        "store",
        "warn",
    )

    def __init__(
        self,
        store: Store,
        *,
        paths: UserPaths,
        rootless: bool,
        environ: Mapping[str, str],
        warn: Callable[[str], None],
        find_image: Callable[[str, str, str], LocalImage],
        runtime: str = "",
        runtime_flags: Sequence[str] = (),
        runtimes: Mapping[str, Sequence[str]] | None = None,
        configured_runtime: str = "",
        cgroup_manager: str = "cgroupfs",
        containers_conf: Any = None,
        hooks_dirs: Sequence[str] = (),
        push_image: Callable[[str, str], None] | None = None,
        platforms_of: Callable[[str], Sequence[str]] | None = None,
        debug: Callable[[str], None] | None = None,
        network_config_dir: str = "",
    ) -> None:
        self.store = store
        self.paths = paths
        self.rootless = rootless
        self.environ = environ
        self.warn = warn
        self.find_image = find_image
        self.runtime_name = runtime
        self.runtime_flags = runtime_flags
        self.runtimes: Mapping[str, Sequence[str]] = runtimes or {}
        self.configured_runtime = configured_runtime
        self.cgroup_manager = cgroup_manager
        self.containers_conf = containers_conf
        self.hooks_dirs = hooks_dirs
        self.network_config_dir = network_config_dir
        self.push_image = push_image
        #: Something else is drawn where a pull would draw.
        self.quiet_pulls = False
        self.platforms_of = platforms_of
        self.debug = debug or (lambda text: None)
        self._runtime: OCIRuntime | None = None
        self._networks: NetworkPool | None = None
        self._facts: HostFacts | None = None
        self._commands: Commands | None = None
        self._scratch: Scratch | None = None
        self._lock = allocate_lock()

    def commands(self) -> Commands:
        """Runs what must not go on without us."""
        if self._commands is None:
            from ocicore.linux.commands import Commands

            self._commands = Commands()
        return self._commands

    def interrupt(self) -> None:
        """End the commands that run, and start none any more. Waits for nothing; a signal handler may call it."""
        self.commands().stop()

    def scratch(self) -> str:
        """A folder for what is temporary; `close` removes it, and prune when this process was killed."""
        with self._lock:
            if self._scratch is None:
                from ocicore.build.scratch import Scratch

                self._scratch = Scratch(self.temporary_root())
            return self._scratch.path

    def runtime(self) -> OCIRuntime:
        """The OCI runtime for RUN."""
        if self._runtime is None:
            from ocicore.runtime import oci

            env = {
                name: value
                for name, value in self.environ.items()
                if name in ("PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "TERM", "HOME", "TMPDIR")
            }
            if self.rootless:
                # Without one, a runtime that finds itself root in its namespace writes to /run.
                env.setdefault("XDG_RUNTIME_DIR", self.paths.runtime_dir)
            self._runtime = oci.choose(
                self.runtime_name,
                self.configured_runtime,
                self.runtimes,
                cgroup_mode=self.facts().cgroup_mode,
                env=env,
                flags=self.runtime_flags,
            )
            if self.runtime_flags:
                self._check_flags(self._runtime)
        return self._runtime

    def _check_flags(self, runtime: OCIRuntime) -> None:
        """A flag the runtime does not know is found before a command is blamed for it."""
        from ocicore.errors import Error
        from ocicore.linux import spawn

        done = spawn.capture(runtime.argv("--version"), runtime.env)
        if done.status:
            raise Error(f"{runtime.name}: {done.error_text()}", status=1)

    def facts(self) -> HostFacts:
        """Facts of this machine."""
        if self._facts is None:
            from ocicore.runtime import host

            self._facts = host.probe(self.rootless, self.warn)
        return self._facts

    def networks(self) -> NetworkPool:
        """Network namespaces for commands; `close` takes them down."""
        if self._networks is None:
            from ocicore.build.run_network import NetworkPool

            self._networks = NetworkPool(
                paths=self.paths,
                environ=self.environ,
                conf=self.containers_conf,
                config_dir=self.network_config_dir,
                run_root=self.store.run_root,
                scratch=self.store.run_root,
                warn=self.warn,
            )
        return self._networks

    def default_env(self) -> dict[str, str]:
        """Variables every command gets (`env` of containers.conf)."""
        if self.containers_conf is None:
            return {}
        return dict(entry.partition("=")[::2] for entry in self.containers_conf.containers.env)

    def sysctls(self, namespaces: Mapping[str, Any]) -> dict[str, str]:
        """`default_sysctls` of containers.conf, as far as the command has the namespaces they belong to."""
        if self.containers_conf is None:
            return {}

        def own(kind: str) -> bool:
            return (namespaces.get(kind) or {}).get("mode") not in ("host", "none", None)

        result = {}
        for entry in self.containers_conf.containers.default_sysctls:
            name, _, value = entry.partition("=")
            kind = "net" if name.startswith("net.") else "ipc"
            if own(kind):
                result[name] = value
        return result

    def host_address(self) -> str | None:
        """`host_containers_internal_ip` of containers.conf: "" for no entry in /etc/hosts, None to choose."""
        if self.containers_conf is None:
            return None
        configured = self.containers_conf.containers.host_containers_internal_ip
        return {"": None, "none": ""}.get(configured, configured)

    def mounts_files(self, given: str) -> list[str]:
        """The mounts.conf files in force that exist; a given one alone."""
        from os.path import exists

        from ocicore.config import mounts_conf

        return [name for name in mounts_conf.files(self.paths, given) if exists(name)]

    def cdi_dirs(self) -> list[str]:
        """Where CDI specifications are (`cdi_spec_dirs` of containers.conf)."""
        if self.containers_conf is None:
            return []
        return list(self.containers_conf.engine.cdi_spec_dirs)

    def close(self) -> None:
        """Take down what commands needed."""
        if self._networks is not None:
            self._networks.close()
            self._networks = None
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None

    def temporary_root(self) -> str:
        """Where big things go that outlive us: $TMPDIR, else /var/tmp."""
        return self.environ.get("TMPDIR") or "/var/tmp"
