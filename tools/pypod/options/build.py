"""Options of `build` about how RUN's commands run, and what they mean for ocicore.build."""

from __future__ import annotations

from ocicore.cli.declare import Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.options import BuildOptions
    from ocicore.cli.bind import Args

RUN_SETTINGS = (
    Option("add-host", kind="strings", help="Add a custom host-to-IP mapping (host:ip)"),
    Option("cap-add", kind="strings", help="Add the specified capability when running"),
    Option("cap-drop", kind="strings", help="Drop the specified capability when running"),
    Option("cgroup-parent", kind="string", help="Optional parent cgroup for the container"),
    Option("cpu-period", kind="uint", help="Limit the CPU CFS (Completely Fair Scheduler) period"),
    Option("cpu-quota", kind="int", help="Limit the CPU CFS (Completely Fair Scheduler) quota"),
    Option("cpu-shares", "c", kind="uint", help="CPU shares (relative weight)"),
    Option("cpuset-cpus", kind="string", help="CPUs in which to allow execution (0-3, 0,1)"),
    Option("cpuset-mems", kind="string", help="Memory nodes (MEMs) in which to allow execution (0-3, 0,1)"),
    Option("device", kind="stringArray", help="Additional devices to provide"),
    Option(
        "dns", kind="strings", help="Set custom DNS servers or disable it completely by setting it to 'none'"
    ),
    Option("dns-option", kind="strings", help="Set custom DNS options"),
    Option("dns-search", kind="strings", help="Set custom DNS search domains"),
    Option("group-add", kind="strings", help="Add additional groups to the primary container process"),
    Option("http-proxy", default=True, help="Pass through HTTP Proxy environment variables"),
    Option("memory", "m", kind="string", help="Memory limit (unit: b, k, m or g)"),
    Option(
        "memory-swap",
        kind="string",
        help="Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
    ),
    Option(
        "network",
        kind="string",
        also=("net",),
        help="'private', 'none', 'ns:path' of network namespace to join, or 'host'",
    ),
    Option("shm-size", kind="string", default="65536k", help="Size of '/dev/shm' (unit: b, k, m or g)"),
    Option("ulimit", kind="strings", help="Ulimit options"),
    Option("volume", "v", kind="stringArray", help="Bind mount a volume into the container"),
)


def decide(options: BuildOptions, args: Args) -> None:
    """Fill in what the options above say. Raises InvalidInput."""
    from ocicore.engine.quantities import parse_size

    options.run_settings = {
        "AddHost": list(args.add_host),
        "CgroupParent": args.cgroup_parent,
        "CPUPeriod": args.cpu_period,
        "CPUQuota": args.cpu_quota,
        "CPUShares": args.cpu_shares,
        "CPUSetCPUs": args.cpuset_cpus,
        "CPUSetMems": args.cpuset_mems,
        "HTTPProxy": args.http_proxy,
        "DNSServers": list(args.dns),
        "DNSSearch": list(args.dns_search),
        "DNSOptions": list(args.dns_option),
        "ShmSize": args.shm_size,
        "Ulimit": list(args.ulimit),
        "Volumes": list(args.volume),
    }
    if args.memory:
        options.run_settings["Memory"] = parse_size(args.memory, what="value for memory")
    if args.memory_swap:
        swap = -1 if args.memory_swap == "-1" else parse_size(args.memory_swap, what="value for memory swap")
        options.run_settings["MemorySwap"] = swap
    options.network = args.network
    options.cap_add = list(args.cap_add)
    options.cap_drop = list(args.cap_drop)
    options.devices = list(args.device)
    options.group_add = list(args.group_add)
