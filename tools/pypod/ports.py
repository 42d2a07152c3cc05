"""Published and exposed ports in the words of `ps` and `port`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any


def describe(mappings: Iterable[Mapping[str, Any]], exposed: Mapping[str, Sequence[str]]) -> str:
    """ "0.0.0.0:8080->80/tcp, 443/tcp": what is published, then what is only exposed; neighbours as ranges."""
    parts = []
    published: set[tuple[int, str]] = set()
    for mapping in mappings:
        count = mapping.get("range", 1) or 1
        host, container, protocol = mapping["host_port"], mapping["container_port"], mapping["protocol"]
        address = mapping.get("host_ip") or "0.0.0.0"
        published.update((container + step, protocol) for step in range(count))
        if count > 1:
            parts.append(
                f"{address}:{host}-{host + count - 1}->{container}-{container + count - 1}/{protocol}"
            )
        else:
            parts.append(f"{address}:{host}->{container}/{protocol}")
    only = sorted(
        (protocol, int(port))
        for port, protocols in exposed.items()
        for protocol in protocols
        if (int(port), protocol) not in published
    )
    spans: list[list[Any]] = []
    for protocol, port in only:
        if spans and spans[-1][0] == protocol and spans[-1][2] == port - 1:
            spans[-1][2] = port
        else:
            spans.append([protocol, port, port])
    parts += [f"{first}/{name}" if first == last else f"{first}-{last}/{name}" for name, first, last in spans]
    return ", ".join(parts)
