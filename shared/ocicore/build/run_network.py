"""Network namespaces for RUN: made when the first command needs one, kept for those after it.

Setting up a bridge or pasta takes longer than most commands, so a namespace goes back to a pool when its command has
ended; two commands at the same time never share one.
"""

from __future__ import annotations

import os
import threading

from ocicore.errors import Error
from ocicore.files import atomic, locks, quick_json
from ocicore.linux import namespaces
from ocicore.network import modes, netns, networks, setup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from ocicore.config.paths import UserPaths


_PREFIX = "network-"
_LEASE = "lease"
_RECORD = "namespace.json"


class OpenNetwork:
    """A namespace that is set up.

    Attributes:
        path: the namespace's file.
        kind: of the mode ("bridge", "pasta" …), for hosts and resolv.conf.
        status: netavark's blocks by network.
        lease: descriptor that says the network's process lives.
    """

    __slots__ = ("_mode_text", "_pool", "kind", "lease", "path", "request", "status")

    def __init__(
        self,
        pool: NetworkPool,
        text: str,
        kind: str,
        path: str,
        request: setup.NetworkRequest,
        status: dict[str, Any],
        lease: int,
    ) -> None:
        self._pool = pool
        self._mode_text = text
        self.kind = kind
        self.path = path
        self.request = request
        self.status = status
        self.lease = lease

    def close(self) -> None:
        """Give it back."""
        self._pool.give_back(self._mode_text, self)

    def _each(self, key: str) -> list[str]:
        found: list[str] = []
        for block in self.status.values():
            for interface in (block.get("interfaces") or {}).values():
                for subnet in interface.get("subnets") or ():
                    value = str(subnet.get(key) or "").partition("/")[0]
                    if value:
                        found.append(value)
        return found

    @property
    def addresses(self) -> list[str]:
        """The namespace's own addresses."""
        return self._each("ipnet")

    @property
    def gateways(self) -> list[str]:
        """Addresses of the gateways."""
        return self._each("gateway")

    @property
    def dns_servers(self) -> list[str]:
        """Name servers of the networks."""
        return [server for block in self.status.values() for server in block.get("dns_server_ips") or ()]

    @property
    def dns_search(self) -> list[str]:
        """Search domains of the networks."""
        return [domain for block in self.status.values() for domain in block.get("dns_search_domains") or ()]


class NetworkPool:
    """The networks of one program run.

    Args:
        conf: containers.conf (`config.containers_conf.ContainersConfig`).
        config_dir: folder of the networks' definitions, "" for the configured one.
        run_root: of the store.
        scratch: folder for the helpers' files.
    """

    def __init__(
        self,
        *,
        paths: UserPaths,
        environ: Mapping[str, str],
        conf: Any,
        run_root: str,
        scratch: str,
        warn: Callable[[str], None],
        config_dir: str = "",
    ) -> None:
        self._config_dir = networks.default_dir(paths, config_dir or conf.network.network_config_dir)
        self._environment = self._environment_of(self._config_dir, paths, environ, conf, run_root)
        self._of_others: Callable[[str], setup.NetworkEnvironment] = lambda folder: self._environment_of(
            folder, paths, environ, conf, run_root
        )
        self._rootless = paths.rootless
        self._folder = netns.directory(paths.runtime_dir, rootless=paths.rootless)
        self._default = conf.network.default_network
        self._command = conf.network.default_rootless_network_cmd
        self._scratch = scratch
        self._warn = warn
        self._idle: dict[str, list[OpenNetwork]] = {}
        self._all: list[OpenNetwork] = []
        self._lock = threading.Lock()

    @staticmethod
    def _environment_of(
        config_dir: str, paths: UserPaths, environ: Mapping[str, str], conf: Any, run_root: str
    ) -> setup.NetworkEnvironment:
        table = conf.network
        return setup.NetworkEnvironment(
            config_dir=config_dir,
            run_dir=setup.run_directory(run_root, rootless=paths.rootless),
            runtime_dir=paths.runtime_dir,
            rootless=paths.rootless,
            environ={
                name: value
                for name, value in environ.items()
                if name in ("PATH", "HOME", "XDG_RUNTIME_DIR", "TMPDIR", "DBUS_SESSION_BUS_ADDRESS")
            },
            helper_dirs=conf.engine.helper_binaries_dir,
            default_network=table.default_network,
            default_subnet=table.default_subnet,
            rootless_command=table.default_rootless_network_cmd,
            firewall_driver=table.firewall_driver,
            dns_bind_port=table.dns_bind_port,
            pasta_options=table.pasta_options,
            slirp_options=conf.engine.network_cmd_options,
            slirp_path=conf.engine.network_cmd_path,
            no_pivot=conf.engine.no_pivot_root,
            plugin_dirs=table.netavark_plugin_dirs,
        )

    def open(self, text: str) -> OpenNetwork:
        """A namespace for a --network value: an idle one, or a new one. Raises Error."""
        with self._lock:
            idle = self._idle.get(text)
            if idle:
                return idle.pop()
        identity = os.urandom(32).hex()
        folder = os.path.join(self._scratch, f"{_PREFIX}{identity[:12]}")
        path = netns.new_path(self._folder)
        request = self._request(text, identity, path, folder)
        os.makedirs(folder, 0o700)
        lease = locks.new_lease(os.path.join(folder, _LEASE))
        try:
            atomic.write(
                os.path.join(folder, _RECORD),
                quick_json.dumps(
                    {"mode": text, "id": identity, "path": path, "config_dir": self._config_dir}
                ).encode(),
                fsync=False,
            )
            namespaces.new_netns(path)
            status = setup.setup(request, env=self._environment, warn=self._warn)
        except BaseException:
            self._take_down(request)
            os.close(lease)
            raise
        made = OpenNetwork(self, text, request.mode.kind, path, request, status, lease)
        with self._lock:
            self._all.append(made)
        return made

    def give_back(self, text: str, network: OpenNetwork) -> None:
        """Make a namespace available again."""
        with self._lock:
            self._idle.setdefault(text, []).append(network)

    def close(self) -> None:
        """Take every namespace down."""
        with self._lock:
            networks_ = list(self._all)
            self._all.clear()
            self._idle.clear()
        for network in networks_:
            try:
                setup.teardown(network.request, env=self._environment, warn=self._warn)
            except (Error, OSError) as error:
                self._warn(f"taking down the network of a command: {error}")
            self._take_down(network.request)
            os.close(network.lease)

    def leftovers(self) -> Iterator[str]:
        """Take down what killed builds left; paths of the namespaces."""
        try:
            names = [name for name in os.listdir(self._scratch) if name.startswith(_PREFIX)]
        except OSError:
            return
        for name in names:
            folder = os.path.join(self._scratch, name)
            try:
                lease = locks.try_lease(os.path.join(folder, _LEASE), make=False)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if lease is None:
                continue
            try:
                try:
                    with open(os.path.join(folder, _RECORD), "rb") as stream:
                        record = quick_json.loads(stream.read())
                except FileNotFoundError:
                    self._remove_folder(folder)  # killed before there was a namespace
                    continue
                request = self._request(record["mode"], record["id"], record["path"], folder)
                # The network's definition is where that build had it.
                env = self._of_others(str(record.get("config_dir") or self._config_dir))
                setup.teardown(request, env=env, warn=self._warn)
                self._take_down(request)
                yield request.netns_path
            except (OSError, ValueError, KeyError, Error) as error:
                self._warn(f"taking down the network of a killed build: {folder}: {error}")
            finally:
                os.close(lease)

    def _request(self, text: str, identity: str, path: str, folder: str) -> setup.NetworkRequest:
        mode = modes.parse(
            [text], rootless=self._rootless, default_network=self._default, rootless_command=self._command
        )
        return setup.NetworkRequest(
            container_id=identity,
            container_name=f"buildah-{identity[:12]}",
            netns_path=path,
            mode=mode,
            run_dir=folder,
        )

    def _take_down(self, request: setup.NetworkRequest) -> None:
        """Remove a namespace and the folder beside it."""
        try:
            netns.remove(request.netns_path)
            self._remove_folder(request.run_dir)
        except (Error, OSError):
            return

    def _remove_folder(self, folder: str) -> None:
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
