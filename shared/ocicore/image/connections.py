"""Registries one process speaks to: one client each, with the credentials and certificates that apply."""

from __future__ import annotations

from _thread import allocate_lock

from ocicore.config import certs_d
from ocicore.registry.client import Registry
from ocicore.registry.direct import DirectTransport
from ocicore.registry.retry import RetryPolicy
from ocicore.registry.tls import TlsContexts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocicore.config.auth import Credentials
    from ocicore.image.types import SystemContext
    from ocicore.registry.http import Transport

_DOCKER_HUB = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


class Connections:
    """Clients by registry, credentials and TLS settings; safe for threads."""

    def __init__(self) -> None:
        self._clients: dict[tuple[object, ...], Registry] = {}
        #: Blobs moved from, and to, one registry at a time; 0 is no limit. Set before the first client is made.
        self.limit = 0
        self._lock = allocate_lock()

    def registry(self, context: SystemContext, host: str, repository: str, *, insecure: bool) -> Registry:
        """The client for a repository.

        Args:
            host: as in names; Docker Hub's real host is filled in.
            repository: credentials may depend on it.
            insecure: what registries.conf says; `context.tls_verify` overrules it.

        Raises:
            InvalidInput: the file of --authfile does not exist or is malformed.
        """
        verify = context.tls_verify if context.tls_verify is not None else not insecure
        credentials = self._credentials(context, host, repository)
        identity = (
            (credentials.username, credentials.password, credentials.identity_token) if credentials else ()
        )
        key = (host, verify, context.cert_dir, identity, context.registry_token)
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                client = self._connect(context, host, verify, credentials)
                client.limit_transfers(self.limit)
                self._clients[key] = client
            return client

    def quotas(self) -> dict[str, dict[str, str]]:
        """What registries said last of how much may still be fetched, by host; without those that said nothing."""
        with self._lock:
            clients = list(self._clients.values())
        return {client.host: dict(client.session.quota) for client in clients if client.session.quota}

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()

    @staticmethod
    def _credentials(context: SystemContext, host: str, repository: str) -> Credentials | None:
        if context.no_creds:
            return None
        if context.credentials is not None:
            return context.credentials
        if context.authfile_must_exist:
            context.auth_files.require_file()
        return context.auth_files.credentials_for(f"{host}/{repository}" if repository else host)

    @staticmethod
    def _connect(
        context: SystemContext, host: str, verify: bool, credentials: Credentials | None
    ) -> Registry:
        real_host = _DOCKER_HUB.get(host, host)

        def directories(name: str) -> Sequence[str]:
            if context.cert_dir:
                return [context.cert_dir]
            own = f"{host}:443" if ":" not in host else host
            return certs_d.directories(own, context.paths) if name.startswith(real_host) else []

        contexts = TlsContexts(verify=verify, directories=directories, details=context.tls_details)
        transport: Transport
        proxy = proxy_for("https", real_host, context.environ)
        if proxy:
            from ocicore.registry.proxied import ProxiedTransport

            transport = ProxiedTransport(contexts, proxy)
        else:
            transport = DirectTransport(contexts)
        return Registry(
            real_host,
            transport=transport,
            insecure=not verify,
            credentials=credentials,
            retry=RetryPolicy(
                attempts=context.retry_times + 1, fixed_delay=context.retry_delay, warn=context.warn
            ),
            user_agent=context.user_agent,
            registry_token=context.registry_token,
        )


def proxy_for(scheme: str, host: str, environ: Mapping[str, str]) -> str:
    """URL of the proxy for a host, "" for a straight connection; the rules are those of Go's programs.

    Args:
        host: "host[:port]".
        environ: HTTPS_PROXY, HTTP_PROXY, NO_PROXY in either case.
    """
    name = f"{scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name) or ""
    if not proxy:
        return ""
    bare = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host
    bare = bare.strip("[]").lower()
    import ipaddress

    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        address = None
    if bare == "localhost" or (address is not None and address.is_loopback):
        return ""
    for entry in (environ.get("NO_PROXY") or environ.get("no_proxy") or "").split(","):
        entry = entry.strip().lower()
        if not entry:
            continue
        if entry == "*" or entry in (bare, host.lower()):
            return ""
        if address is not None and "/" in entry:
            try:
                if address in ipaddress.ip_network(entry, strict=False):
                    return ""
            except ValueError:
                continue
        if address is None and bare.endswith("." + entry.lstrip("*").lstrip(".")):
            return ""
    return proxy if "://" in proxy else f"http://{proxy}"
