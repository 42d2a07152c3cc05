"""What a caller says about a container, as JSON-able data, before it becomes config.json.

`ContainerConfig` holds decisions (after defaults of containers.conf, the image and the command line were merged);
names are those of the OCI runtime specification 1.2 in snake_case where it has one. The engine keeps this very
dictionary in its database and the builder makes a short-lived one, so every value must survive json.dumps.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, NotRequired, Required, TypedDict

    NamespaceMode = Literal["private", "host", "path", "none"]

    class IdMapping(TypedDict):
        """One extent of linux.uidMappings: ids as seen inside, ids in the caller's user namespace, count."""

        container_id: int
        host_id: int
        size: int

    class Namespace(TypedDict, total=False):
        """One namespace of the container.

        mode "private": a new one; "host": the one the runtime is started in (the entry is left out of the spec);
        "path": join `path` (resolved by the caller right before start: /proc/PID/ns/KIND of another container, or
        a bound file under netns); "none" (net only): a new one which nobody configures.
        own: whether `path` is one that was made for this container alone, and so may be set up as it likes.
        """

        mode: Required[NamespaceMode]
        path: str
        own: bool

    class Namespaces(TypedDict, total=False):
        """Absent keys mean podman's default: private, except user (host) and cgroup (private on v2, host on v1)."""

        pid: Namespace
        ipc: Namespace
        uts: Namespace
        net: Namespace
        user: Namespace
        cgroup: Namespace
        mnt: Namespace

    class Mount(TypedDict, total=False):
        """A mount ready for the runtime, in the order of creation (spec.generate sorts by depth of destination).

        type: bind, tmpfs, proc, sysfs, devpts, mqueue, cgroup, ramfs, overlay …; source: host path or a file-system's
        name; options: mount(8) words (ro, rprivate, nosuid, size=…, tmpcopyup). z/Z/U/O/idmap are the caller's work and
        are gone here, except idmapped mounts, which carry uid_mappings and gid_mappings.
        """

        type: Required[str]
        source: str
        destination: Required[str]
        options: list[str]
        uid_mappings: list[IdMapping]
        gid_mappings: list[IdMapping]

    class Rlimit(TypedDict):
        """type without RLIMIT_ in any case ("nofile"); -1 is unlimited."""

        type: str
        soft: int
        hard: int

    class WeightDevice(TypedDict, total=False):
        """Block-IO weight of one device, named by its node on the host."""

        path: Required[str]
        weight: int
        leaf_weight: int

    class ThrottleDevice(TypedDict):
        """Rate limit of one device, named by its node on the host; bytes or operations a second."""

        path: str
        rate: int

    class Resources(TypedDict, total=False):
        """Limits; bytes, microseconds and counts as the kernel has them. Absent means unlimited (pids_limit: 0 or -1 too)."""

        memory: int
        memory_reservation: int
        memory_swap: int  # memory + swap; -1 unlimited
        memory_swappiness: int
        kernel_memory: int
        oom_kill_disable: bool
        cpu_shares: int
        cpu_period: int
        cpu_quota: int
        cpu_rt_period: int
        cpu_rt_runtime: int
        cpuset_cpus: str
        cpuset_mems: str
        pids_limit: int
        blkio_weight: int
        blkio_weight_device: list[WeightDevice]
        device_read_bps: list[ThrottleDevice]
        device_write_bps: list[ThrottleDevice]
        device_read_iops: list[ThrottleDevice]
        device_write_iops: list[ThrottleDevice]
        unified: dict[str, str]  # --cgroup-conf, cgroup v2 only

    class Security(TypedDict, total=False):
        """Everything of --security-opt and its relatives, already merged."""

        privileged: bool
        capabilities: list[str]  # defaults to start from ("CHOWN" or "CAP_CHOWN"); absent: podman's eleven
        cap_add: list[str]  # "ALL" allowed
        cap_drop: list[str]
        no_new_privileges: bool
        seccomp: str  # "" default profile, "unconfined", or a file's path
        seccomp_profile: dict[str, Any]  # wins over `seccomp`: a profile in JSON, taken from an image label
        apparmor: str  # "" default, "unconfined", or a profile's name
        selinux_process_label: str
        selinux_mount_label: str
        mask: list[str]  # paths masked on top of the defaults
        unmask: list[str]  # "ALL", paths or globs taken off the defaults
        proc_opts: list[str]  # hidepid=2 …

    class Hook(TypedDict, total=False):
        """One OCI hook as the runtime spec has it."""

        path: Required[str]
        args: list[str]
        env: list[str]
        timeout: int

    class ContainerConfig(TypedDict, total=False):
        """All that is needed to make config.json. Only `id` and `args` are required."""

        # identity
        id: Required[str]
        name: str
        manager: str  # annotation io.container.manager; "libpod" when absent
        annotations: dict[str, str]
        # process
        args: Required[list[str]]  # entrypoint + command, never empty
        env: dict[str, str]  # complete; PATH, TERM, container, HOME and HOSTNAME are added when missing
        unset_env: list[str]  # names removed again after the defaults were added
        unset_env_all: bool  # only `env` itself is passed on
        cwd: str  # "" is "/"
        user: str  # USER[:GROUP] as typed; "" is root
        group_add: list[str]  # names or ids looked up in the image; "keep-groups" alone
        terminal: bool
        console_size: list[int]  # rows, columns of a new terminal
        umask: str  # octal, "0022"
        oom_score_adj: int
        rlimits: list[Rlimit]
        personality: str  # "LINUX32"
        init: bool  # run `init_path` (mounted at /run/podman-init) as process 1
        init_path: str
        io_priority: dict[str, Any]  # spec process.ioPriority
        scheduler: dict[str, Any]  # spec process.scheduler
        # what it sees
        namespaces: Namespaces
        uid_mappings: list[IdMapping]
        gid_mappings: list[IdMapping]
        hostname: str  # "" : the first 12 digits of the id, or the host's with a host UTS namespace
        domainname: str
        read_only: bool  # root file system
        writable_tmpfs: bool  # /run /tmp /var/tmp are tmpfs though the root is writable
        read_only_tmpfs: bool  # with read_only: /dev /dev/shm /run /tmp /var/tmp stay writable; default True
        rootfs_propagation: str
        mounts: list[Mount]  # on top of the defaults; same destination replaces a default
        volumes: list[str]  # anonymous destinations the image asked for as tmpfs (--image-volume tmpfs)
        shm_size: int  # bytes; 0 or absent: 65536k
        no_shm: bool  # no /dev/shm at all (--ipc=none)
        shm_path: str  # a tmpfs the caller mounted, shared with others; "": the runtime mounts one of its own
        devices: list[str]  # HOST[:CONTAINER][:rwm], directories allowed
        device_cgroup_rules: list[str]  # "c 10:200 rwm"
        sysctl: dict[str, str]  # the user's: must fit the namespaces
        default_sysctl: dict[str, str]  # containers.conf: left out where the namespace is shared
        systemd: bool  # process 1 is systemd: tmpfs on /run /run/lock /tmp /var/log/journal, writable cgroup
        shm_size_systemd: int
        # limits and rights
        security: Security
        resources: Resources
        rdt_class: str
        # cgroups
        cgroups: str  # enabled | disabled | no-conmon | split
        cgroup_manager: str  # cgroupfs | systemd
        cgroup_parent: str  # "": /libpod_parent or machine.slice (user.slice rootless)
        cgroup_path: str  # complete linux.cgroupsPath; wins over the above
        # hooks
        hooks: dict[
            str, list[Hook]
        ]  # spec names: prestart, createRuntime, createContainer, startContainer, poststart, poststop
        # for annotations other tools read
        stop_signal: int
        stop_timeout: int  # seconds
        auto_remove: bool
        publish_all: bool
        created: str  # RFC 3339

    class RuntimeSpec(TypedDict):
        """An OCI runtime specification; kept open, as hooks and callers may edit any part."""

        ociVersion: str
        process: dict[str, Any]
        root: dict[str, Any]
        hostname: NotRequired[str]
        domainname: NotRequired[str]
        mounts: list[dict[str, Any]]
        hooks: NotRequired[dict[str, Any]]
        annotations: NotRequired[dict[str, str]]
        linux: dict[str, Any]


class HostFacts:
    """What spec.generate must know of the machine; made by host.probe(), or by hand in a test.

    Slots:
        rootless: the caller is an ordinary user, or root of a user namespace that one made.
        cgroup_mode: "v1", "hybrid" or "v2".
        cgroup_root: this process's cgroup path (cgroup "split" mode), "/" when unknown.
        uid_map, gid_map: extents (inside, outside, size) of the user namespace we are in.
        rlimits: type ("NOFILE") -> (soft, hard) of this process; -1 unlimited.
        may_raise_limits: CAP_SYS_RESOURCE is effective in the initial user namespace.
        last_cap: number of the kernel's last capability.
        bounding: names of capabilities in our bounding set ("CAP_CHOWN").
        apparmor, selinux, seccomp: the kernel offers it (and we may use it).
        architecture: GOARCH name ("amd64", "arm64").
        kernel: (major, minor).
        hostname: the host's name.
    """

    __slots__ = (
        "apparmor",
        "architecture",
        "bounding",
        "cgroup_mode",
        "cgroup_root",
        "gid_map",
        "hostname",
        "kernel",
        "last_cap",
        "may_raise_limits",
        "rlimits",
        "rootless",
        "seccomp",
        "selinux",
        "uid_map",
    )

    def __init__(
        self,
        *,
        rootless: bool,
        cgroup_mode: str,
        cgroup_root: str = "/",
        uid_map: list[tuple[int, int, int]] | None = None,
        gid_map: list[tuple[int, int, int]] | None = None,
        rlimits: dict[str, tuple[int, int]] | None = None,
        may_raise_limits: bool = False,
        last_cap: int = 40,
        bounding: frozenset[str] | None = None,
        apparmor: bool = False,
        selinux: bool = False,
        seccomp: bool = True,
        architecture: str = "amd64",
        kernel: tuple[int, int] = (5, 11),
        hostname: str = "localhost",
    ) -> None:
        whole = [(0, 0, 4294967295)]
        self.rootless = rootless
        self.cgroup_mode = cgroup_mode
        self.cgroup_root = cgroup_root
        self.uid_map = whole if uid_map is None else uid_map
        self.gid_map = whole if gid_map is None else gid_map
        self.rlimits = {} if rlimits is None else rlimits
        self.may_raise_limits = may_raise_limits
        self.last_cap = last_cap
        self.bounding = bounding
        self.apparmor = apparmor
        self.selinux = selinux
        self.seccomp = seccomp
        self.architecture = architecture
        self.kernel = kernel
        self.hostname = hostname


class MonitorRequest:
    """One `conmon` to start for one container.

    Args:
        container_id, name: conmon's -c/-u and -n.
        bundle: folder with config.json (also the persistent folder of attach and ctl FIFOs: conmon's -b).
        run_dir: volatile folder of pidfile, conmon.pid, oci-log (podman: the container's run directory).
        exit_dir: folder of exit files, one named after each container that ended.
        persist_dir: conmon's -0 (exit and oom files kept per container), "" for none.
        log: drivers with their paths, as conmon's -l has them: "k8s-file:/path", "journald:", "none" …
        log_size_max: bytes, -1 for no limit; log_tag; log_labels "K=V" (journald).
        terminal, stdin, leave_stdin_open: -t, -i and whether stdin survives the first client.
        terminal_size: (rows, columns) the terminal has from the first instruction on; None: the kernel's 0 × 0.
        exit_command: argv of the clean-up program, empty for none; exit_delay seconds.
        owner_fd: read end of a pipe whose write end the attached parent keeps: while it is open our conmon leaves the
            clean-up to the parent (`_OCI_OWNERPIPE`; upstream's conmon ignores it). -1: none.
        preserve_fds: how many descriptors from 3 upwards reach the container; those must be inheritable already.
        extra_fds: descriptors (any numbers) which become 3, 4, … in the container; wins over preserve_fds.
            A number of -1 leaves a gap.
        held_fds: descriptors conmon keeps open and nobody uses (reserved ports).
        sdnotify: "" | "conmon" | "container" | "ignore"; sdnotify_socket: host path of the notify socket or "".
        listen_pid: replace LISTEN_PID for socket activation.
        timeout: seconds after which conmon kills the container; 0 never.
        cgroup: the cgroup conmon moves to ("" stays), cgroup_manager as in ContainerConfig.
        runtime_opts: words after the runtime's create command ("--preserve-fds=2" is added by us).
        restore: checkpoint image folder or ""; restore_args: words for the runtime's restore command.
        no_new_keyring, no_pivot, full_attach, sync_log, syslog, log_level: conmon's switches of those names.
        env: the environment of conmon (and so of the runtime and the clean-up program), complete.
        health: words for our conmon's own health check options, empty for none.
        hidden_mounts: mount points of the host the runtime must not see, in the order to unmount them in; they lie below
            `hidden_below`, whose mounts then no longer tell the host of changes.
    """

    __slots__ = (
        "bundle",
        "cgroup",
        "cgroup_manager",
        "container_id",
        "env",
        "exit_command",
        "exit_delay",
        "exit_dir",
        "extra_fds",
        "health",
        "held_fds",
        "hidden_below",
        "hidden_mounts",
        "leave_stdin_open",
        "listen_pid",
        "log",
        "log_labels",
        "log_level",
        "log_size_max",
        "log_tag",
        "name",
        "no_new_keyring",
        "no_pivot",
        "owner_fd",
        "persist_dir",
        "preserve_fds",
        "restore",
        "restore_args",
        "run_dir",
        "runtime_opts",
        "sdnotify",
        "sdnotify_socket",
        "stdin",
        "syslog",
        "terminal",
        "terminal_size",
        "timeout",
    )

    def __init__(
        self,
        *,
        container_id: str,
        name: str,
        bundle: str,
        run_dir: str,
        exit_dir: str,
        env: dict[str, str],
        persist_dir: str = "",
        log: tuple[str, ...] = (),
        log_size_max: int = -1,
        log_tag: str = "",
        log_labels: tuple[str, ...] = (),
        terminal: bool = False,
        terminal_size: tuple[int, int] | None = None,
        stdin: bool = False,
        leave_stdin_open: bool = False,
        exit_command: tuple[str, ...] = (),
        exit_delay: int = 0,
        owner_fd: int = -1,
        preserve_fds: int = 0,
        extra_fds: tuple[int, ...] = (),
        held_fds: tuple[int, ...] = (),
        sdnotify: str = "",
        sdnotify_socket: str = "",
        listen_pid: bool = False,
        timeout: int = 0,
        cgroup: str = "",
        cgroup_manager: str = "cgroupfs",
        runtime_opts: tuple[str, ...] = (),
        restore: str = "",
        restore_args: tuple[str, ...] = (),
        no_new_keyring: bool = False,
        no_pivot: bool = False,
        syslog: bool = False,
        log_level: str = "warning",
        health: tuple[str, ...] = (),
        hidden_below: str = "",
        hidden_mounts: tuple[str, ...] = (),
    ) -> None:
        self.container_id = container_id
        self.name = name
        self.bundle = bundle
        self.run_dir = run_dir
        self.exit_dir = exit_dir
        self.env = env
        self.persist_dir = persist_dir
        self.log = log
        self.log_size_max = log_size_max
        self.log_tag = log_tag
        self.log_labels = log_labels
        self.terminal = terminal
        self.terminal_size = terminal_size
        self.stdin = stdin
        self.leave_stdin_open = leave_stdin_open
        self.exit_command = exit_command
        self.exit_delay = exit_delay
        self.owner_fd = owner_fd
        self.preserve_fds = preserve_fds
        self.extra_fds = extra_fds
        self.held_fds = held_fds
        self.sdnotify = sdnotify
        self.sdnotify_socket = sdnotify_socket
        self.listen_pid = listen_pid
        self.timeout = timeout
        self.cgroup = cgroup
        self.cgroup_manager = cgroup_manager
        self.runtime_opts = runtime_opts
        self.restore = restore
        self.restore_args = restore_args
        self.no_new_keyring = no_new_keyring
        self.no_pivot = no_pivot
        self.syslog = syslog
        self.log_level = log_level
        self.health = health
        self.hidden_below = hidden_below
        self.hidden_mounts = hidden_mounts


class ExecRequest:
    """One `conmon --exec` for one more process in a running container.

    Args:
        container_id: the running container; session_id: 64 hex digits naming this process.
        bundle: the session's own folder (process.json, ctl, winsz and the attach link live there).
        run_dir: folder for exec_pid and oci-log; may be the same as `bundle`.
        exit_dir: folder in which conmon leaves a file named after the session.
        process: the OCI process object (spec.exec_process makes one).
        attach: a client attaches before the process starts (conmon --exec-attach).
        terminal, terminal_size, stdin, env, exit_command, exit_delay, extra_fds, preserve_fds, owner_fd, log_level: as in
            MonitorRequest.
        cgroup: sub-cgroup for runtimes that know `--cgroup`, "" none.
    """

    __slots__ = (
        "attach",
        "bundle",
        "cgroup",
        "container_id",
        "env",
        "exit_command",
        "exit_delay",
        "exit_dir",
        "extra_fds",
        "log_level",
        "owner_fd",
        "preserve_fds",
        "process",
        "run_dir",
        "session_id",
        "stdin",
        "terminal",
        "terminal_size",
    )

    def __init__(
        self,
        *,
        container_id: str,
        session_id: str,
        bundle: str,
        run_dir: str,
        exit_dir: str,
        process: dict[str, Any],
        env: dict[str, str],
        attach: bool = True,
        terminal: bool = False,
        terminal_size: tuple[int, int] | None = None,
        stdin: bool = False,
        exit_command: tuple[str, ...] = (),
        exit_delay: int = 0,
        extra_fds: tuple[int, ...] = (),
        preserve_fds: int = 0,
        owner_fd: int = -1,
        cgroup: str = "",
        log_level: str = "warning",
    ) -> None:
        self.container_id = container_id
        self.session_id = session_id
        self.bundle = bundle
        self.run_dir = run_dir
        self.exit_dir = exit_dir
        self.process = process
        self.env = env
        self.attach = attach
        self.terminal = terminal
        self.terminal_size = terminal_size
        self.stdin = stdin
        self.exit_command = exit_command
        self.exit_delay = exit_delay
        self.extra_fds = extra_fds
        self.preserve_fds = preserve_fds
        self.owner_fd = owner_fd
        self.cgroup = cgroup
        self.log_level = log_level
