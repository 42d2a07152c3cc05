"""Options about one command in a working container: `pybuildah run` has them, and so have `from` and `build` for all commands."""

from __future__ import annotations

from ocicore.cli.completers import BUILD_NAMESPACE
from ocicore.cli.declare import Option

RUN_OPTIONS = (
    Option(
        "cap-add",
        kind="strings",
        help="Add the specified capability when running",
        completer="ocicore.cli.completers:capabilities",
    ),
    Option(
        "cap-drop",
        kind="strings",
        help="Drop the specified capability when running",
        completer="ocicore.cli.completers:capabilities",
    ),
    Option("cdi-config-dir", kind="path", help="Directory with CDI specifications of devices"),
    Option("cgroupns", kind="string", help="Cgroup namespace: private or host", completer=BUILD_NAMESPACE),
    # Names of buildah's CNI days. The folder is today where networks are defined; netavark has no use for the plugins, whose path
    # is kept in the record, as buildah keeps it. podman's builds use its own networks whatever they say.
    Option("cni-config-dir", kind="path", hidden=True, help="Directory of network definitions"),
    Option("cni-plugin-path", kind="path", hidden=True, help="Path of CNI network plugins (not used)"),
    Option("device", kind="stringArray", help="Additional devices to provide", completer="file"),
    Option(
        "ipc",
        kind="string",
        metavar="PATH",
        help="IPC namespace: private, container, host or a path",
        completer=BUILD_NAMESPACE,
    ),
    Option(
        "isolation",
        kind="string",
        help="Isolation: oci, rootless or chroot",
        env="BUILDAH_ISOLATION",
        completer="=oci rootless chroot",
    ),
    Option(
        "network",
        kind="string",
        also=("net",),
        help="Network: private, none, host, or a path",
        completer="=private none host container ns: :file",
    ),
    Option(
        "pid",
        kind="string",
        metavar="PATH",
        help="PID namespace: private, container, host or a path",
        completer=BUILD_NAMESPACE,
    ),
    Option(
        "uts",
        kind="string",
        metavar="PATH",
        help="UTS namespace: private, container, host or a path",
        completer=BUILD_NAMESPACE,
    ),
    Option("volume", "v", kind="stringArray", help="Bind mount a volume", completer="file"),
)


def in_order(*options: Option) -> tuple[Option, ...]:
    """The options sorted by name, as help pages list them."""
    return tuple(sorted(options, key=lambda option: option.long))
