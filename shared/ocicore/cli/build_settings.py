"""Options about how commands run in a working container, of `pybuildah from`, `pybuildah build` and `pypod build`, and what they decide.

They end up in buildah.json's CommonBuildOpts, where buildah finds them too. On the hot path of `from`.
"""

from __future__ import annotations

from ocicore.cli.declare import Option
from ocicore.cli.run_options import RUN_OPTIONS, in_order
from ocicore.cli.user_namespace import USER_NAMESPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.build.options import BuildOptions
    from ocicore.cli.user_namespace import UserNamespace


RUN_SETTINGS = (
    *in_order(
        *RUN_OPTIONS,
        Option("add-host", kind="stringArray", metavar="HOST:IP", help="Add a custom host-to-IP mapping"),
        Option("cgroup-parent", kind="string", help="Parent cgroup for commands", completer="file"),
        Option("cpu-period", kind="uint", help="Length of a CPU period, microseconds"),
        Option("cpu-quota", kind="int", help="CPU time in a period, microseconds"),
        Option("cpu-shares", "c", kind="uint", help="CPU shares (relative weight)"),
        Option("cpuset-cpus", kind="string", help="CPUs in which to allow execution"),
        Option("cpuset-mems", kind="string", help="Memory nodes in which to allow execution"),
        Option("dns", kind="strings", help="DNS server, or none"),
        Option("dns-option", kind="strings", help="DNS option"),
        Option("dns-search", kind="strings", help="DNS search domain"),
        Option("group-add", kind="strings", help="Additional groups for the process"),
        Option("http-proxy", kind="bool", default=True, help="Pass HTTP proxy variables on"),
        Option("memory", "m", kind="string", help="Memory limit"),
        Option("memory-swap", kind="string", help="Memory and swap limit, -1 for unlimited"),
        Option(
            "security-opt",
            kind="stringArray",
            help="Security options",
            completer="=apparmor= label= no-new-privileges seccomp= :nospace",
        ),
        Option("shm-size", kind="string", default="65536k", help="Size of /dev/shm"),
        Option("ulimit", kind="strings", help="Ulimit options"),
    ),
    *USER_NAMESPACE,
)


_CHECKED = ("add_host", "device", "dns", "shm_size", "ulimit")


class RunDecisions:
    """What the options say, in buildah's terms."""

    __slots__ = (
        "capabilities",
        "configure_network",
        "devices",
        "group_add",
        "isolation",
        "namespaces",
        "options",
        "reproducible",
    )

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.capabilities: list[str] = []
        self.devices: list[str] = []
        self.group_add: list[str] = []
        self.isolation = ""
        self.namespaces: list[tuple[str, bool, str]] = []
        self.configure_network: int | None = None
        self.reproducible = True


def decide(args: Any, conf: Any) -> RunDecisions:
    """Read the options, with the defaults of containers.conf. Raises InvalidInput for what makes no sense."""
    defaults = conf.containers
    result = RunDecisions()
    given = args.given_names()
    options = result.options
    if args.add_host and getattr(args, "no_hosts", False):
        from ocicore.errors import InvalidInput

        raise InvalidInput("--no-hosts and --add-host conflict, can not be used together")
    if args.network == "none":
        for name in ("dns", "dns_option", "dns_search"):
            if getattr(args, name):
                from ocicore.errors import InvalidInput

                option = name.replace("_", "-")
                raise InvalidInput(f"the --{option} option cannot be used with --network=none")
    if not given.isdisjoint(_CHECKED):
        from ocicore.cli import build_checks

        build_checks.check(args)
    options["AddHost"] = list(filter(None, args.add_host))
    options["CgroupParent"] = args.cgroup_parent
    options["CPUPeriod"] = args.cpu_period
    options["CPUQuota"] = args.cpu_quota
    options["CPUShares"] = args.cpu_shares
    options["CPUSetCPUs"] = args.cpuset_cpus
    options["CPUSetMems"] = args.cpuset_mems
    options["HTTPProxy"] = args.http_proxy
    options["DNSServers"] = list(args.dns) or list(defaults.dns_servers)
    options["DNSSearch"] = list(args.dns_search) or list(defaults.dns_searches)
    options["DNSOptions"] = list(args.dns_option) or list(defaults.dns_options)
    options["ShmSize"] = args.shm_size if "shm_size" in given else defaults.shm_size
    limits = [*defaults.default_ulimits, *args.ulimit]
    options["Ulimit"] = list({text.partition("=")[0]: text for text in limits}.values())
    options["Volumes"] = [*defaults.volumes, *args.volume]
    if args.memory:
        options["Memory"] = _size(args.memory)
    if args.memory_swap:
        options["MemorySwap"] = -1 if args.memory_swap == "-1" else _size(args.memory_swap)
    if args.volume:
        from ocicore.build import volumes

        for text in args.volume:
            volumes.parse(text)
    for text in args.security_opt:
        _security(options, text)
    result.devices = [*defaults.devices, *args.device]
    result.group_add = list(args.group_add)
    result.capabilities = [
        name if name.startswith("CAP_") else f"CAP_{name}"
        for name in (text.upper() for text in defaults.default_capabilities)
    ]
    if args.cap_add or args.cap_drop:
        from ocicore.runtime import capabilities

        result.capabilities = list(capabilities.merge(result.capabilities, args.cap_add, args.cap_drop, None))
    result.isolation = isolation(args.isolation)
    result.reproducible = conf.engine.reproducible_builds
    for kind in ("ipc", "pid", "uts", "cgroupns"):
        text = getattr(args, kind) if kind in given else getattr(defaults, kind.removesuffix("ns") + "ns")
        # Of a working container's namespaces only the control group's is the host's when nobody says anything.
        if kind in given or kind == "cgroupns" or text == "host" or text.startswith("ns:"):
            result.namespaces.append(_namespace("cgroup" if kind == "cgroupns" else kind, text))
    if "network" in given:
        _network(result, args.network)
    elif defaults.netns in ("host", "none") or defaults.netns.startswith("ns:"):
        _network(result, defaults.netns)
    return result


def fill(options: BuildOptions, args: Any, settings: RunDecisions, own_user: UserNamespace) -> None:
    """What was decided, and what the options say about registries, as a build wants it. Raises InvalidInput."""
    options.run_settings = settings.options
    options.network = args.network
    options.isolation = settings.isolation or "oci"
    if "reproducible" not in args.given_names():
        options.reproducible = settings.reproducible
    options.capabilities = settings.capabilities
    options.cdi_config_dir = args.cdi_config_dir
    options.devices = settings.devices
    options.group_add = settings.group_add
    options.namespaces = [*settings.namespaces, ("user", own_user.host, own_user.path)]
    options.id_maps = own_user.id_maps
    options.choose_id_maps = own_user.choose
    options.tls_verify = args.tls_verify
    options.cert_dir = args.cert_dir
    options.retry = args.retry
    if args.retry_delay:
        from ocicore.build.draft import parse_duration

        options.retry_delay = parse_duration(args.retry_delay) / 1e9
    if options.sbom is not None:
        options.sbom.pull = options.pull


def decide_namespaces(args: Any) -> list[tuple[str, bool, str]]:
    """--ipc, --pid, --uts and --cgroupns as (name, host, path)."""
    given = args.given_names()
    return [
        _namespace("cgroup" if kind == "cgroupns" else kind, getattr(args, kind))
        for kind in ("ipc", "pid", "uts", "cgroupns")
        if kind in given
    ]


def isolation(text: str) -> str:
    """--isolation with buildah's spellings. Raises InvalidInput."""
    from ocicore.errors import InvalidInput

    lowered = text.lower()
    if lowered in ("", "default"):
        return ""
    if lowered in ("oci", "rootless", "chroot"):
        return lowered
    raise InvalidInput(f'unrecognized isolation type "{text}"', hint="oci, rootless or chroot")


def _size(text: str) -> int:
    from ocicore.build.run_mounts import parse_size

    return parse_size(text)


def _security(options: dict[str, Any], text: str) -> None:
    from ocicore.build.run_spec import apply_security_option

    parsed: dict[str, Any] = {}
    apply_security_option(parsed, text)
    if "seccomp" in parsed:
        options["SeccompProfilePath"] = parsed["seccomp"]
    if "apparmor" in parsed:
        options["ApparmorProfile"] = parsed["apparmor"]
    if parsed.get("no_new_privileges"):
        options["NoNewPrivileges"] = True
    if "selinux_process_label" in parsed:
        options["LabelOpts"] = [*(options.get("LabelOpts") or ()), text.partition("=")[2]]


def _namespace(kind: str, text: str) -> tuple[str, bool, str]:
    from ocicore.errors import InvalidInput

    if text in ("", "private", "container"):
        return kind, False, ""
    if text == "host":
        return kind, True, ""
    path = text.removeprefix("ns:")
    if not path.startswith("/"):
        raise InvalidInput(f'unrecognized --{kind} value "{text}"', hint="private, host or a path")
    import os

    if not os.path.exists(path):
        raise InvalidInput(f'checking for {kind} namespace at "{path}": no such file or directory')
    return kind, False, path


def _network(result: RunDecisions, text: str) -> None:
    if text in ("", "default", "private", "container", "bridge"):
        result.namespaces.append(("network", False, ""))
        result.configure_network = 2
    elif text == "none":
        result.namespaces.append(("network", False, ""))
        result.configure_network = 1
    elif text == "host":
        result.namespaces.append(("network", True, ""))
    elif text.startswith(("/", "ns:")):
        result.namespaces.append(_namespace("network", text))
    else:
        # A network by name, or a mode of its own (pasta, slirp4netns): kept for the time of running.
        result.namespaces.append(("network", False, text))
        result.configure_network = 2
