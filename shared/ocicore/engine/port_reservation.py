"""Published ports held open by conmon, so that nothing else on the host can take them while the container runs.

netavark forwards packets and binds nothing: without this two containers could publish one port, and the second would
silently get nothing. Rootless networks bind their ports themselves.
"""

from __future__ import annotations

import os

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


def reserve(engine: Engine, container: Container) -> tuple[int, ...]:
    """Descriptors of sockets bound to every published TCP and UDP port; the caller closes them.

    Raises Error (status 126) when one is taken: "cannot listen on the TCP port: … address already in use".
    """
    if engine.rootless or not container.ports or container.config["network"]["kind"] != "bridge":
        return ()
    if not engine.config.engine.enable_port_reservation:
        return ()
    held: list[int] = []
    try:
        for mapping in container.ports:
            for step in range(mapping.get("range", 1) or 1):
                for protocol in mapping["protocol"].split(","):
                    descriptor = _bind(protocol, mapping, mapping["host_port"] + step)
                    if descriptor >= 0:
                        held.append(descriptor)
    except BaseException:
        for descriptor in held:
            os.close(descriptor)
        raise
    return tuple(held)


def _bind(protocol: str, mapping: dict[str, Any], port: int) -> int:
    import socket

    kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
    if protocol not in kinds:
        return -1  # the kernel may have no SCTP; podman does not hold those either
    address = mapping.get("host_ip") or ""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, kinds[protocol]) as sock:
            if protocol == "tcp":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            if protocol == "tcp":
                sock.listen()
            return sock.detach()
    except OSError as error:
        title = protocol.upper()
        version = "6" if family == socket.AF_INET6 else "4"
        raise Error(
            f"cannot listen on the {title} port: listen {protocol}{version} {address}:{port}: bind: "
            f"{(error.strerror or str(error)).lower()}",
            status=126,
        ) from error
