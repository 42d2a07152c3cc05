"""Settings of commands that would otherwise be looked at when the first command runs, perhaps after minutes: checked at the start.

Only imported where one of them was given.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def check(args: Any) -> None:
    """--add-host, --dns, --shm-size, --ulimit and --device. Raises InvalidInput, NotFound."""
    from ocicore.build.run_mounts import parse_size
    from ocicore.build.run_spec import ulimit
    from ocicore.network import addresses, hosts

    # Which address host-gateway stands for is known when a network is there.
    for address, _ in hosts.parse_extra(filter(None, args.add_host), host_address="127.0.0.1"):
        try:
            addresses.parse(address)
        except InvalidInput:
            raise InvalidInput(f'invalid IP address in add-host: "{address}"') from None
    for text in args.dns:
        if text != "none":
            try:
                addresses.parse(text)
            except InvalidInput:
                raise InvalidInput(f"--dns {text}: not an IP address") from None
    if "shm_size" in args.given_names():
        parse_size(args.shm_size)
    for text in args.ulimit:
        ulimit(text)
    for text in args.device:
        _device(text)


def _device(text: str) -> None:
    from ocicore.runtime import cdi

    source = text.partition(":")[0]
    if not cdi.is_qualified(text) and not os.path.exists(source):
        raise NotFound(f"--device {text}: {source}: no such file or directory")
