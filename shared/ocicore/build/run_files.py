"""Texts of the files every command sees: /etc/hosts, /etc/resolv.conf, /run/.containerenv.

Formats: hosts(5), resolv.conf(5), and podman's container information file.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.build.working import WorkingContainer

_LOOPBACK = ("127.", "::1")
_FALLBACK_SERVERS = ("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844")


def hosts(entries: Sequence[str], *, hostname: str, address: str, host_file: bool) -> str:
    """The text of /etc/hosts.

    Args:
        entries: "NAME[;NAME]:ADDRESS" of --add-host, first.
        hostname: the container's own name, "" when it shares the host's.
        address: its address, "" without a network of its own.
        host_file: start from the host's own file.
    """
    lines = []
    for entry in entries:
        names, separator, target = entry.partition(":")
        if not separator or not names or not target:
            raise InvalidInput(f'unable to parse add-host "{entry}"', hint="expected HOST:ADDRESS")
        lines.append(f"{target}\t{' '.join(names.split(';'))}")
    if host_file:
        lines += [line for line in _read("/etc/hosts").splitlines() if line.strip()]
    else:
        lines += ["127.0.0.1\tlocalhost localhost.localdomain", "::1\tlocalhost localhost.localdomain"]
    if hostname:
        lines.append(f"{address or '127.0.0.1'}\t{hostname}")
    return "\n".join(lines) + "\n"


def resolv_conf(
    servers: Sequence[str], search: Sequence[str], options: Sequence[str], *, keep_loopback: bool
) -> str:
    """The text of /etc/resolv.conf: what was asked for, the rest from the host.

    Args:
        keep_loopback: servers on the loopback interface can be reached (the host's network is shared).
    """
    host_servers: list[str] = []
    host_search: list[str] = []
    host_options: list[str] = []
    for line in _read("/etc/resolv.conf").splitlines():
        words = line.split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver":
            host_servers.append(words[1])
        elif words[0] in ("search", "domain"):
            host_search = words[1:]
        elif words[0] == "options":
            host_options += words[1:]
    if not keep_loopback:
        host_servers = [server for server in host_servers if not server.startswith(_LOOPBACK)]
    chosen = list(servers) or host_servers or list(_FALLBACK_SERVERS)
    lines = []
    domains = list(search) or host_search
    if domains and domains != ["."]:
        lines.append("search " + " ".join(domains))
    lines += [f"nameserver {server}" for server in chosen]
    words = list(options) or host_options
    if words:
        lines.append("options " + " ".join(words))
    return "\n".join(lines) + "\n"


def container_env(container: WorkingContainer, *, rootless: bool) -> str:
    """The text of /run/.containerenv, which scripts in images read."""
    return (
        'engine="buildah"\n'
        f'name="{container.name}"\n'
        f'id="{container.id}"\n'
        f'image="{container.image_name}"\n'
        f'imageid="{container.image_id}"\n'
        f"rootless={1 if rootless else 0}\n"
    )


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        return ""
