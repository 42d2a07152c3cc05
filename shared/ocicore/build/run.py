"""RUN and `pybuildah run`: one command in a working container, through an OCI runtime.

The specification comes from `run_spec`, the process runs in the foreground without a monitor. What the
runtime made only to mount something on it is removed again, so that it does not end up in a layer.
"""

from __future__ import annotations

import os

from ocicore.build.run_mounts import Prepared, undo
from ocicore.build.run_spec import make_spec, network_mode
from ocicore.build.run_targets import KEPT, missing_targets, remove_targets
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ocicore.build.environment import BuildEnvironment
    from ocicore.build.run_network import OpenNetwork
    from ocicore.build.working import WorkingContainer
    from ocicore.storage.records import IdMaps

    Json = dict[str, Any]


class CommandFailed(Error):
    """The command ended with a status other than 0; that is the program's exit status too."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, status=status)
        self.command_status = status


class RunOptions:
    """How one command runs.

    Attributes:
        args: argv.
        builtin_volumes: volumes of the image beyond those of the container's record.
        env: complete environment of the process.
        user, working_dir: as in the image configuration.
        hostname: "" for the container's short id.
        network: "", "default", "private", "host", "none", or "ns:PATH".
        terminal: the process gets the caller's terminal.
        keep_targets: leave mount points in /etc, /dev … that the runtime made.
        mounts: prepared --mount entries; volumes: --volume texts.
        stdin, stdout, stderr: our descriptors.
    """

    __slots__ = (
        "add_hosts",
        "args",
        "builtin_volumes",
        "cap_add",
        "cap_drop",
        "cdi_config_dir",
        "devices",
        "dns",
        "dns_options",
        "dns_search",
        "env",
        "group_add",
        "hostname",
        "isolation",
        "keep_targets",
        "mounts",
        "network",
        "no_hostname",
        "no_hosts",
        "no_pivot",
        "privileged",
        "security_options",
        "stderr",
        "stdin",
        "stdout",
        "terminal",
        "user",
        "volumes",
        "working_dir",
    )

    def __init__(self, args: Sequence[str]) -> None:
        self.args = list(args)
        self.env: dict[str, str] = {}
        self.builtin_volumes: list[str] = []
        self.user = ""
        self.working_dir = "/"
        self.hostname = ""
        self.network = ""
        self.terminal = False
        self.mounts: Prepared | None = None
        self.volumes: list[str] = []
        self.cap_add: list[str] = []
        self.cap_drop: list[str] = []
        self.devices: list[str] = []
        self.group_add: list[str] = []
        self.add_hosts: list[str] = []
        self.dns: list[str] = []
        self.dns_search: list[str] = []
        self.dns_options: list[str] = []
        self.security_options: list[str] = []
        self.isolation = ""
        self.keep_targets = False
        self.cdi_config_dir = ""
        self.no_hosts = False
        self.no_hostname = False
        self.no_pivot = False
        self.privileged = False
        self.stdin = 0
        self.stdout = 1
        self.stderr = 2


def run(container: WorkingContainer, root: str, options: RunOptions, environment: BuildEnvironment) -> int:
    """Run a command in the root of a working container and wait for it.

    Args:
        root: where the container's root is mounted.

    Returns:
        the exit status (128 + number after a signal).

    Raises:
        Error: the runtime could not run it.
    """
    from binascii import b2a_hex

    chrooted = _isolation(container, options) == "chroot"
    if chrooted:
        from ocicore.build import chroot

        if network_mode(container, options, explicit=True) == "private":
            options.network = "host"
        chroot.check(network_mode(container, options), own_users=container.id_maps() is not None)
    run_dir = environment.store.container_run_dir(container.id)
    identity = b2a_hex(os.urandom(6)).decode()
    bundle = os.path.join(run_dir, f"run-{identity}")
    os.makedirs(bundle, 0o700)
    cleanups: list[Callable[[], None]] = [lambda: _remove(bundle)]
    try:
        network = _network(container, options, environment)
        if network is not None:
            cleanups.append(network.close)
        maps = container.id_maps()
        if maps is not None:
            root = _reachable(root, environment, maps, cleanups)
        make_volumes(container, root, options.builtin_volumes)
        spec = make_spec(container, root, options, environment, bundle, identity, network, cleanups)
        created = missing_targets(
            root,
            [mount["destination"] for mount in spec["mounts"]],
            keep=KEPT if options.keep_targets else (),
            alone=options.mounts.asked if options.mounts is not None else (),
        )
        if chrooted:
            try:
                return chroot.run(spec, root, options, environment.commands())
            finally:
                remove_targets(root, created)
        write_json(os.path.join(bundle, "config.json"), spec)
        try:
            if options.terminal and not os.isatty(options.stdin):
                from ocicore.build.pty_relay import ConsoleRelay, PtyRelay

                if environment.runtime().name == "crun":
                    streams = [options.stdin, options.stdout, options.stderr]
                    with ConsoleRelay(options.stdin, options.stdout, bundle) as console:
                        return _run(
                            container,
                            options,
                            environment,
                            bundle,
                            identity,
                            streams,
                            console_socket=console.path,
                        )
                with PtyRelay(options.stdin, options.stdout) as relay:
                    return _run(container, options, environment, bundle, identity, [relay.number] * 3)
            streams = [options.stdin, options.stdout, options.stderr]
            return _run(container, options, environment, bundle, identity, streams)
        except Error as error:
            # buildah's status for a command that could not be started at all.
            raise Error(
                f"while running runtime: exit status 1: {error.message}", hint=error.hint, status=1
            ) from error
        finally:
            remove_targets(root, created)
    finally:
        undo(cleanups)


def _remove(bundle: str) -> None:
    from ocicore.linux import archive

    folder, name = os.path.split(bundle)
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        archive.remove_tree(parent, name)
    finally:
        os.close(parent)


def _run(
    container: WorkingContainer,
    options: RunOptions,
    environment: BuildEnvironment,
    bundle: str,
    identity: str,
    streams: Sequence[int],
    console_socket: str = "",
) -> int:
    return environment.runtime().run_foreground(
        f"buildah-{container.id[:12]}-{identity}",
        bundle,
        environment.commands(),
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        no_pivot=options.no_pivot,
        systemd_cgroup=environment.cgroup_manager == "systemd",
        console_socket=console_socket,
        show_log="debug" in [flag.lstrip("-") for flag in environment.runtime_flags],
    )


def _isolation(container: WorkingContainer, options: RunOptions) -> str:
    """The command's own isolation, else the container's."""
    if options.isolation:
        return options.isolation
    numbers = {1: "oci", 2: "chroot", 3: "rootless"}
    return numbers.get(int(container.raw.get("Isolation") or 0), "oci")


def make_volumes(container: WorkingContainer, root: str, paths: Sequence[str]) -> None:
    """The image's volumes are folders that exist."""
    from ocicore.build.copy_context import make_folders
    from ocicore.build.transfer import to_host
    from ocicore.linux import resolve

    maps = container.id_maps()
    owner = (to_host(0, maps[0]), to_host(0, maps[1])) if maps else (0, 0)
    for path in sorted({*paths, *(container.draft.config.get("Volumes") or ())}):
        target = resolve.resolve_in_root(root, path, missing_ok=True)
        if not os.path.lexists(target):
            make_folders(root, target, owner)


def _reachable(
    root: str, environment: BuildEnvironment, maps: IdMaps, cleanups: list[Callable[[], None]]
) -> str:
    """The root once more, where the root of its user namespace gets to it – a store is closed to others – and nobody else."""
    from ocicore.build.transfer import to_host
    from ocicore.linux import mount

    folder = os.path.join(environment.scratch(), f"root-{os.urandom(6).hex()}")
    os.mkdir(folder, 0o700)
    cleanups.append(lambda: os.rmdir(folder))
    os.chown(folder, to_host(0, maps[0]), to_host(0, maps[1]))
    path = os.path.join(folder, "rootfs")
    os.mkdir(path, 0o711)
    cleanups.append(lambda: os.rmdir(path))
    mount.bind(root, path, recursive=True)
    cleanups.append(lambda: mount.umount(path, mount.MNT_DETACH))
    return path


def write_json(path: str, value: object) -> None:
    """Write a file of this run (nobody else reads it while it is written)."""
    from ocicore.files import quick_json

    with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(quick_json.dumps(value))


def _network(
    container: WorkingContainer, options: RunOptions, environment: BuildEnvironment
) -> OpenNetwork | None:
    """A set-up network namespace, or None where none is wanted."""
    mode = network_mode(container, options)
    if mode in ("host", "none") or mode.startswith("ns:"):
        return None
    return environment.networks().open(mode)
