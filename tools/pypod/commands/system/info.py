"""`pypod info`, `pypod system info`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display pypod system information",
    description="Displays information pertinent to the host, current storage stats, configured container registries, and build of pypod.",
    options=(
        Option(
            "format",
            "f",
            kind="string",
            help="Change the output format to JSON or a Go template",
            completer="pypod.complete_fields:printed",
        ),
    ),
    examples=(("pypod info --format '{{.Host.OCIRuntime.Name}}'", "which OCI runtime is used"),),
)

_GO_NAMES = {
    "cgroupManager": "CgroupManager",
    "ociRuntime": "OCIRuntime",
    "idMappings": "IDMappings",
    "os": "OS",
    "graphDriverName": "GraphDriverName",
    "uidmap": "UIDMap",
    "gidmap": "GIDMap",
    "cpus": "CPUs",
    "cpuUtilization": "CPUUtilization",
    "slirp4netns": "Slirp4NetNS",
    "apparmorEnabled": "AppArmorEnabled",
    "capabilities": "DefaultCapabilities",
    "seccompEnabled": "SECCOMPEnabled",
    "seccompProfilePath": "SECCOMPProfilePath",
    "selinuxEnabled": "SELinuxEnabled",
    "cgroupVersion": "CgroupsVersion",
    "dns": "DNS",
}


def run(args: Args, ctx: Context) -> int:
    from ocicore.build.commit import COMPATIBLE_VERSION
    from ocicore.engine import info
    from pypod.commands.version import describe
    from pypod.session import open_engine

    found = info.collect(open_engine(ctx), describe(ctx.program.version), COMPATIBLE_VERSION)
    if not args.given("format"):
        ctx.stdout.write(_yaml(found))
        return 0
    from ocicore.cli import template

    if template.is_json(args.format):
        from ocicore.cli.gojson import dumps

        ctx.stdout.write(dumps(found, indent="  ") + "\n")
        return 0
    template.print_one(ctx.stdout, args.format, _fields(found), name="info")
    return 0


def _fields(found: dict[str, Any]) -> object:
    """What templates see: fields that JSON leaves out when they are empty are there."""
    from ocicore.cli.godata import GoMap

    host = found["host"]
    shown: Any = _go_fields(
        {**found, "host": {**host, "distribution": {"variant": "", "codename": "", **host["distribution"]}}}
    )
    # What a runtime tells about itself; podman asks none by default either.
    shown["Host"]["RuntimeInfo"] = GoMap()
    return shown


def _go_fields(value: object) -> object:
    """Keys as the fields of podman's structs, which templates name: host.ociRuntime is .Host.OCIRuntime."""
    if isinstance(value, dict) and all(isinstance(key, str) and key.isidentifier() for key in value):
        return {
            _GO_NAMES.get(key, key[:1].upper() + key[1:]): _go_fields(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_go_fields(item) for item in value]
    return value


def _yaml(value: object) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Texts of several lines as literal blocks, as podman prints them."""

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, text)
    result: str = yaml.dump(
        _sorted(value),
        Dumper=Dumper,
        default_flow_style=False,
        sort_keys=False,
        allow_unicode=True,
        width=1 << 20,
    )
    return result


def _sorted(value: object) -> object:
    """Keys in alphabetical order on every level, as podman's YAML has them."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=str.lower)}
    return value
