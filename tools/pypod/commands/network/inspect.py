"""`pypod network inspect`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

#: Go's names of the fields, which templates use, and the keys in JSON.
FIELDS = {
    "Name": "name",
    "ID": "id",
    "Driver": "driver",
    "NetworkInterface": "network_interface",
    "Created": "created",
    "Subnets": "subnets",
    "Routes": "routes",
    "IPv6Enabled": "ipv6_enabled",
    "Internal": "internal",
    "DNSEnabled": "dns_enabled",
    "NetworkDNSServers": "network_dns_servers",
    "Labels": "labels",
    "Options": "options",
    "IPAMOptions": "ipam_options",
    "Containers": "containers",
}
_SUBNET_FIELDS = {"Subnet": "subnet", "Gateway": "gateway", "LeaseRange": "lease_range"}
OMITTED: dict[str, Any] = {
    "labels": {},
    "options": {},
    "subnets": [],
    "routes": [],
    "network_dns_servers": [],
}

COMMAND = Command(
    "Inspect network",
    description="Displays the network configuration for one or more networks.",
    options=(
        Option(
            "format",
            "f",
            kind="string",
            default="json",
            help="Pretty-print network to JSON or using a Go template",
            completer="pypod.complete_fields:printed",
        ),
    ),
    arguments=(
        Argument("networks", max=None, metavar="NETWORK [NETWORK...]", completer="pypod.complete:networks"),
    ),
    examples=(("pypod network inspect podman", "the default network"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import network_verbs
    from pypod.inspecting import show
    from pypod.session import open_engine

    engine = open_engine(ctx)

    def find(name: str) -> dict[str, Any]:
        found = network_verbs.inspect(engine, name)
        if args.format in ("", "json"):
            return found
        from ocicore.cli.godata import Struct

        subnets = [Struct(subnet, aliases=_SUBNET_FIELDS) for subnet in found.get("subnets", ())]
        return {**found, "subnets": subnets}

    return show(ctx, args.networks, find, args.format, omitted=OMITTED)
