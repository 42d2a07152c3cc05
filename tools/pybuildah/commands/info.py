"""`pybuildah info`: the host and the store."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from pybuildah.session import Session

COMMAND = Command(
    "Display system information",
    options=(
        Option("debug", "d", help="Display additional debug information"),
        Option("format", kind="string", help="Print through a Go template"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    """Print JSON, or what a template makes of it."""
    from ocicore.cli import gojson, template
    from pybuildah.session import Session

    session = Session(ctx)
    value: dict[str, Any] = {"host": _host(session), "store": _store(session)}
    if args.debug:
        import platform

        from pybuildah.program import VERSION

        value["debug"] = {"version": VERSION, "python": platform.python_version()}
    if args.format:
        from ocicore.cli.godata import GoMap

        # Two maps, as the peer has them, whatever their keys look like.
        ctx.print(template.render(args.format, GoMap({key: GoMap(part) for key, part in value.items()})))
    else:
        ctx.print(gojson.dumps(value, indent="    "))
    return 0


def _host(session: Session) -> dict[str, Any]:
    import os

    from ocicore.oci import platform as platforms

    environment = session.environment()
    facts = environment.facts()
    memory = _memory()
    with open("/proc/uptime") as stream:
        uptime = float(stream.read().split()[0])
    here = platforms.host()
    return {
        "CgroupVersion": "v2" if facts.cgroup_mode == "v2" else "v1",
        "Distribution": _distribution(),
        "MemFree": memory.get("MemFree", 0),
        "MemTotal": memory.get("MemTotal", 0),
        "OCIRuntime": environment.runtime().name,
        "OCIRuntimeChosen": environment.runtime().reason,
        "SwapFree": memory.get("SwapFree", 0),
        "SwapTotal": memory.get("SwapTotal", 0),
        "arch": here.architecture,
        "cpus": os.cpu_count() or 1,
        "hostname": facts.hostname,
        "kernel": os.uname().release,
        "os": here.os,
        "rootless": session.user.rootless,
        "uptime": f"{uptime:.0f}s",
        "variant": here.variant or "",
    }


def _memory() -> dict[str, int]:
    result = {}
    with open("/proc/meminfo") as stream:
        for line in stream:
            name, _, rest = line.partition(":")
            words = rest.split()
            result[name] = int(words[0]) * (1024 if len(words) > 1 else 1)
    return result


def _distribution() -> dict[str, str]:
    found = {}
    try:
        with open("/etc/os-release") as stream:
            for line in stream:
                name, _, value = line.strip().partition("=")
                found[name] = value.strip('"')
    except OSError:
        pass
    return {"distribution": found.get("ID", ""), "version": found.get("VERSION_ID", "")}


def _store(session: Session) -> dict[str, Any]:
    store = session.store
    return {
        "ContainerStore": {"number": len(store.containers())},
        "GraphDriverName": store.driver_name,
        "GraphOptions": list(store.config.driver_options),
        "GraphRoot": store.graph_root,
        "ImageStore": {"number": len(store.images())},
        "RunRoot": store.run_root,
    }
