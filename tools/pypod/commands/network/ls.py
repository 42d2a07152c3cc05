"""`pypod network ls`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "List networks",
    options=(
        Option(
            "filter",
            "f",
            kind="stringArray",
            help="Provide filter values (e.g. 'name=podman')",
            completer="pypod.complete_options:network_filter",
        ),
        Option(
            "format",
            kind="string",
            help="Pretty-print networks to JSON or using a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("no-trunc", help="Do not truncate the network ID"),
        Option("noheading", "n", help="Do not print headers"),
        Option("quiet", "q", help="display only names"),
    ),
    examples=(("pypod network ls --filter driver=bridge", "bridges only"),),
)

_HEADERS = {"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Labels": "LABELS", "Created": "CREATED"}


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli import template
    from ocicore.cli.godata import Struct
    from ocicore.cli.table import print_table
    from ocicore.engine import network_verbs
    from pypod.session import open_engine

    found = network_verbs.select(open_engine(ctx), args.filter)
    if args.quiet and not args.format:
        for network in found:
            ctx.print(network["name"])
        return 0

    def short(identifier: str) -> str:
        return identifier if args.no_trunc else identifier[:12]

    if args.format and template.is_json(args.format):
        from ocicore.cli.gojson import pretty

        ctx.stdout.write(pretty(found) + "\n")
        return 0
    if args.format:
        from ocicore.cli import gotime
        from ocicore.cli.godata import GoMap

        rows = [
            Struct(
                {
                    "ID": short(network["id"]),
                    "Name": network["name"],
                    "Driver": network["driver"],
                    "NetworkInterface": network.get("network_interface", ""),
                    "Created": gotime.parse(network.get("created", "")),
                    "Internal": network["internal"],
                    "IPv6Enabled": network["ipv6_enabled"],
                    "DNSEnabled": network.get("dns_enabled", False),
                    "Subnets": network.get("subnets") or [],
                    "Options": network.get("options") or {},
                    "Routes": network.get("routes") or [],
                    "NetworkDNSServers": network.get("network_dns_servers") or [],
                    "IPAMOptions": GoMap(network.get("ipam_options") or {}),
                    "Labels": ",".join(
                        f"{key}={value}" for key, value in sorted((network.get("labels") or {}).items())
                    ),
                },
                type_name="networks.ListPrintReports",
            )
            for network in found
        ]
        template.print_list(
            ctx.stdout, args.format, rows, name="network ls", headers=_HEADERS, headings=not args.noheading
        )
        return 0
    print_table(
        ctx.stdout,
        ("NETWORK ID", "NAME", "DRIVER"),
        [(short(network["id"]), network["name"], network["driver"]) for network in found],
        headings=not args.noheading,
    )
    return 0
