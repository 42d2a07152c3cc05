"""URLs as registries use them, taken apart and joined; urllib.parse only for the rare forms (its import costs 4 ms)."""

from __future__ import annotations

_DEFAULT_PORTS = {"https": 443, "http": 80}
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def split(url: str) -> tuple[str, str, str]:
    """(scheme, authority without user information, target: path and query)."""
    scheme, _, rest = url.partition("://")
    rest = rest.partition("#")[0]
    end = min((place for place in (rest.find("/"), rest.find("?")) if place >= 0), default=len(rest))
    authority, target = rest[:end].rpartition("@")[2], rest[end:]
    if not target.startswith("/"):
        target = "/" + target
    return scheme.lower(), authority, target


def origin(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of a URL; an IPv6 address without its brackets, port 0 where it is no number."""
    scheme, authority, _ = split(url)
    host, port = host_and_port(authority)
    return scheme, host.lower(), port if port is not None else _DEFAULT_PORTS.get(scheme, 0)


def host_and_port(authority: str) -> tuple[str, int | None]:
    """ "host", "host:port", "[v6]:port" taken apart."""
    host, port = authority, ""
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        port = rest.removeprefix(":")
    elif ":" in authority:
        host, _, port = authority.rpartition(":")
    if not port:
        return host, None
    return host, int(port) if port.isascii() and port.isdigit() and int(port) < 65536 else 0


def shown(url: str) -> str:
    """The URL without query, which may carry a signed token, and without user information."""
    scheme, authority, target = split(url)
    return f"{scheme}://{authority}{target.partition('?')[0]}"


def join(base: str, target: str) -> str:
    """What a Location or Link header of the answer to `base` means (RFC 3986 §5)."""
    scheme, authority, _ = split(base)
    if target.startswith(("http://", "https://")):
        return target
    if target.startswith("/") and not target.startswith("//") and "/." not in target:
        return f"{scheme}://{authority}{target}"
    from urllib.parse import urljoin

    return urljoin(base, target)


def quote(text: str) -> str:
    """Percent-encoded for a query."""
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in text.encode())


def query(pairs: list[tuple[str, str]]) -> str:
    """NAME=VALUE&… with both encoded."""
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
