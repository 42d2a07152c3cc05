"""Published ports: the syntax of -p and --expose, and free ports of the host.

A mapping has netavark's keys (host_ip, host_port, container_port, protocol, range) and is kept as JSON.
"""

from __future__ import annotations

import _socket

from ocicore.errors import InUse, InvalidInput
from ocicore.network import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypedDict

    class PortMapping(TypedDict):
        """host_port 0: to be chosen; range: how many consecutive ports."""

        host_ip: str
        host_port: int
        container_port: int
        protocol: str
        range: int


_PROTOCOLS = ("tcp", "udp", "sctp")
_TRIES = 100


def parse(text: str) -> list[PortMapping]:
    """The mappings of one -p value: [[IP:][HOST]:]CONTAINER[/PROTOCOL], ranges as FIRST-LAST.

    Raises InvalidInput.
    """
    body, slash, protocol = text.partition("/")
    protocols = _protocols(text, protocol if slash else "tcp")
    host_ip = ""
    if body.startswith("["):
        host_ip, bracket, body = body[1:].partition("]")
        if not bracket or not body.startswith(":"):
            raise InvalidInput(f'invalid port format "{text}": missing ]: after the IPv6 address')
        body = body[1:]
        parts = body.split(":")
        if len(parts) > 2:
            raise InvalidInput(f"invalid port format {text!r}: too many colons")
    else:
        parts = body.split(":")
        if len(parts) > 3:
            raise InvalidInput(
                f"invalid port format {text!r}: too many colons", hint="write IPv6 addresses in brackets"
            )
        if len(parts) == 3:
            host_ip = parts.pop(0)
            if not host_ip:
                raise InvalidInput("must provide a non-empty container host IP if using IP:HostPort:CtrPort")
    if host_ip == "*":
        host_ip = ""
    if host_ip and not addresses.is_address(host_ip):
        raise InvalidInput(f'cannot parse "{host_ip}" as an IP address')
    container, count = _range(parts[-1], "container port", text)
    host_port = 0
    if len(parts) == 2 and parts[0]:
        host_port, host_count = _range(parts[0], "host port", text)
        if host_count != count:
            raise InvalidInput(
                f"host and container port ranges have different lengths: {host_count} vs {count}"
            )
    return [
        {
            "host_ip": host_ip,
            "host_port": host_port,
            "container_port": container,
            "protocol": name,
            "range": count,
        }
        for name in protocols
    ]


def parse_exposed(text: str) -> list[tuple[int, int, str]]:
    """(first port, count, protocol) of one --expose value. Raises InvalidInput."""
    body, slash, protocol = text.partition("/")
    first, count = _range(body, "port", text)
    return [(first, count, name) for name in _protocols(text, protocol if slash else "tcp")]


def _protocols(text: str, words: str) -> list[str]:
    names = [name.lower() for name in words.split(",")]
    for name in names:
        if name not in _PROTOCOLS:
            raise InvalidInput(f"unrecognized protocol {name!r} in port mapping {text!r}")
    return list(dict.fromkeys(names))


def _range(words: str, what: str, text: str) -> tuple[int, int]:
    first_text, dash, last_text = words.partition("-")
    first = _port(first_text, what, text)
    last = _port(last_text, what, text) if dash else first
    if last < first:
        raise InvalidInput(f"invalid {what} range {words!r} in {text!r}: end is below start")
    return first, last - first + 1


def _port(word: str, what: str, text: str) -> int:
    number = int(word) if word.isascii() and word.isdigit() else -1
    if not (0 if what == "host port" else 1) <= number <= 65535:
        raise InvalidInput(f"invalid {what} {word!r} in {text!r}: must be a number from 1 to 65535")
    return number


def assign(
    mappings: Iterable[PortMapping],
    exposed: Sequence[tuple[int, int, str]] = (),
    *,
    publish_all: bool = False,
) -> list[PortMapping]:
    """Mappings with every host port chosen, checked and, where neighbours continue each other, joined.

    Args:
        exposed, publish_all: ports of the image and --expose; with -P those not yet published get a random port.
    Raises InvalidInput for conflicting mappings, InUse when the host has no free port.
    """
    single: list[PortMapping] = []
    for mapping in mappings:
        single.append({**mapping})
    if publish_all:
        for first, count, protocol in exposed:
            for port in range(first, first + count):
                if not any(_covers(known, port, protocol) for known in single):
                    single.append(
                        {
                            "host_ip": "",
                            "host_port": 0,
                            "container_port": port,
                            "protocol": protocol,
                            "range": 1,
                        }
                    )
    taken: dict[tuple[str, str], set[int]] = {}
    unique: list[PortMapping] = []
    for mapping in single:
        if mapping["host_port"] and mapping not in unique:
            _reserve(mapping, taken)
            unique.append(mapping)
    for mapping in single:
        if not mapping["host_port"]:
            mapping["host_port"] = _free(mapping, taken)
            _reserve(mapping, taken)
            unique.append(mapping)
    return unique


def _covers(mapping: PortMapping, port: int, protocol: str) -> bool:
    first = mapping["container_port"]
    return mapping["protocol"] == protocol and first <= port < first + mapping["range"]


def _reserve(mapping: PortMapping, taken: dict[tuple[str, str], set[int]]) -> None:
    ports = range(mapping["host_port"], mapping["host_port"] + mapping["range"])
    if ports[-1] > 65535:
        raise InvalidInput(f"host port range {ports[0]}-{ports[-1]} ends above 65535")
    key = (mapping["host_ip"], mapping["protocol"])
    used = taken.setdefault(key, set())
    double = used.intersection(ports)
    if double:
        raise InvalidInput(
            f"conflicting port mappings for host port {min(double)} (protocol {mapping['protocol']})"
        )
    used.update(ports)


def _free(mapping: PortMapping, taken: dict[tuple[str, str], set[int]]) -> int:
    """A host port which nobody listens on, followed by as many more as the mapping needs."""
    used = taken.get((mapping["host_ip"], mapping["protocol"]), set())
    for _ in range(_TRIES):
        first = _kernel_choice(mapping["host_ip"], mapping["protocol"])
        ports = range(first, first + mapping["range"])
        if ports[-1] <= 65535 and not used.intersection(ports):
            if all(is_free(mapping["host_ip"], port, mapping["protocol"]) for port in ports[1:]):
                return first
    raise InUse(f"failed to find an open range of {mapping['range']} host ports")


def _kernel_choice(host_ip: str, protocol: str) -> int:
    sock = _socket.socket(_family(host_ip), _kind(protocol))
    try:
        sock.bind((host_ip or "0.0.0.0", 0))
        return int(sock.getsockname()[1])
    except OSError as error:
        raise InUse(
            f"choosing a host port on {host_ip or 'all addresses'}: {(error.strerror or '').lower()}"
        ) from None
    finally:
        sock.close()


def is_free(host_ip: str, port: int, protocol: str) -> bool:
    """Whether this process could listen there now."""
    sock = _socket.socket(_family(host_ip), _kind(protocol))
    try:
        if protocol == "tcp":
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        sock.bind((host_ip or "0.0.0.0", port))
        return True
    except OSError:
        return False
    finally:
        sock.close()


def _family(host_ip: str) -> int:
    return _socket.AF_INET6 if ":" in host_ip else _socket.AF_INET


def _kind(protocol: str) -> int:
    return _socket.SOCK_DGRAM if protocol == "udp" else _socket.SOCK_STREAM


def to_text(mapping: PortMapping) -> str:
    """As in `ps`: 0.0.0.0:8080->80/tcp, ranges as FIRST-LAST."""
    ip = mapping["host_ip"] or "0.0.0.0"
    if ":" in ip:
        ip = f"[{ip}]"
    more = mapping["range"] - 1
    host = str(mapping["host_port"]) + (f"-{mapping['host_port'] + more}" if more else "")
    container = str(mapping["container_port"]) + (f"-{mapping['container_port'] + more}" if more else "")
    return f"{ip}:{host}->{container}/{mapping['protocol']}"
