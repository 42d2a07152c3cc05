"""Network namespaces for RUN: made when the first command needs one, kept for those after it.

Setting up a bridge or pasta takes longer than most commands, so a namespace goes back to a pool when its command has
ended; two commands at the same time never share one.
"""

from __future__ import annotations

import os
import threading

from ocicore.errors import Error
from ocicore.network import modes, netns, networks, setup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ocicore.config.paths import UserPaths


class OpenNetwork:
    """A namespace that is set up.

    Attributes:
        path: the namespace's file.
        kind: of the mode ("bridge", "pasta" …), for hosts and resolv.conf.
        status: netavark's blocks by network.
    """

    __slots__ = ("_mode_text", "_pool", "kind", "path", "request", "status")

    def __init__(
        self,
        pool: NetworkPool,
        text: str,
        kind: str,
        path: str,
        request: setup.NetworkRequest,
        status: dict[str, Any],
    ) -> None:
        self._pool = pool
        self._mode_text = text
        self.kind = kind
        self.path = path
        self.request = request
        self.status = status

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
    ) -> None:
        table = conf.network
        self._environment = setup.NetworkEnvironment(
            config_dir=networks.default_dir(paths, table.network_config_dir),
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
        self._rootless = paths.rootless
        self._folder = netns.directory(paths.runtime_dir, rootless=paths.rootless)
        self._default = table.default_network
        self._command = table.default_rootless_network_cmd
        self._scratch = scratch
        self._warn = warn
        self._idle: dict[str, list[OpenNetwork]] = {}
        self._all: list[OpenNetwork] = []
        self._lock = threading.Lock()

    def open(self, text: str) -> OpenNetwork:
        """A namespace for a --network value: an idle one, or a new one. Raises Error."""
        with self._lock:
            idle = self._idle.get(text)
            if idle:
                return idle.pop()
        mode = modes.parse(
            [text], rootless=self._rootless, default_network=self._default, rootless_command=self._command
        )
        identity = os.urandom(32).hex()
        folder = os.path.join(self._scratch, f"network-{identity[:12]}")
        os.makedirs(folder, 0o700)
        path = netns.create(self._folder)
        request = setup.NetworkRequest(
            container_id=identity,
            container_name=f"buildah-{identity[:12]}",
            netns_path=path,
            mode=mode,
            run_dir=folder,
        )
        try:
            status = setup.setup(request, env=self._environment, warn=self._warn)
        except BaseException:
            netns.remove(path)
            raise
        made = OpenNetwork(self, text, mode.kind, path, request, status)
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
            setup.teardown(network.request, env=self._environment, warn=self._warn)
            try:
                netns.remove(network.path)
                os.rmdir(network.request.run_dir)
            except (Error, OSError):
                continue
