"""The text of a container's /etc/resolv.conf (resolv.conf(5)), made from the host's as podman does.

A resolver on the host's loopback cannot be reached from another network namespace: such entries are dropped, and where
only a local stub is left (systemd-resolved, NetworkManager) the file with the real servers is used.
"""

from __future__ import annotations

import os

from ocicore.network import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

HOST_FILE = "/etc/resolv.conf"
_STUBS = {
    "127.0.0.53": "/run/systemd/resolve/resolv.conf",
    "127.0.0.1": "/run/NetworkManager/no-stub-resolv.conf",
}
_PUBLIC_4 = ("8.8.8.8", "8.8.4.4")
_PUBLIC_6 = ("2001:4860:4860::8888", "2001:4860:4860::8844")


def text(
    *,
    kind: str,
    network_servers: Sequence[str] = (),
    network_search: Sequence[str] = (),
    servers: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
    ipv6: bool = False,
    netns_name: str = "",
    host_file: str = HOST_FILE,
) -> str:
    """A resolv.conf.

    Args:
        kind: of the network mode; "host" keeps the host's resolver as it is.
        network_servers, network_search: what the network itself brought (aardvark-dns, pasta's forwarder).
        servers, search, options: wanted ones; "." as a search domain means none at all.
        ipv6: the container has an IPv6 address.
        netns_name: name below /etc/netns of a namespace made by ip-netns(8), which may have a resolv.conf of its own.
    """
    own_netns = kind != "host"
    host_servers, host_searches, host_options = parse(_host_content(own_netns, netns_name, host_file))
    if own_netns:
        host_servers = _reachable(host_servers, ipv6=ipv6)
    if kind == "bridge" and network_servers:
        # aardvark-dns alone: it forwards to the wanted servers itself.
        chosen = list(network_servers)
    elif servers:
        chosen = list(servers)
    else:
        chosen = [*network_servers, *host_servers]
    domains = list(search) or [*network_search, *host_searches]
    lines = []
    if domains and "." not in domains:
        lines.append(f"search {' '.join(dict.fromkeys(domains))}\n")
    lines += [f"nameserver {server}\n" for server in dict.fromkeys(chosen)]
    words = list(options) or host_options
    if words:
        lines.append(f"options {' '.join(words)}\n")
    return "".join(lines)


def parse(content: str) -> tuple[list[str], list[str], list[str]]:
    """(name servers, search domains, options); the last search and options lines count."""
    servers: list[str] = []
    searches: list[str] = []
    words: list[str] = []
    for line in content.split("\n"):
        fields = line.partition("#")[0].split()
        if len(fields) < 2:
            continue
        if fields[0] == "nameserver" and addresses.is_address(fields[1].partition("%")[0]):
            servers.append(fields[1])
        elif fields[0] == "search":
            searches = fields[1:]
        elif fields[0] == "options":
            words = fields[1:]
    return servers, searches, words


def _host_content(own_netns: bool, netns_name: str, host_file: str) -> str:
    path = host_file
    if netns_name and os.path.exists(f"/etc/netns/{netns_name}/resolv.conf"):
        path = f"/etc/netns/{netns_name}/resolv.conf"
    content = _read(path)
    if own_netns:
        servers = parse(content)[0]
        if len(servers) == 1 and servers[0] in _STUBS:
            content = _read(_STUBS[servers[0]]) or content
    return content


def _reachable(servers: Sequence[str], *, ipv6: bool) -> list[str]:
    kept = [
        server
        for server in servers
        if not server.startswith("127.")
        and server != "::1"
        and "%" not in server
        and (ipv6 or ":" not in server)
    ]
    if kept:
        return kept
    return [*_PUBLIC_4, *(_PUBLIC_6 if ipv6 else ())]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        return ""
