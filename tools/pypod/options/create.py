"""The options of `create` and `run` (and of `container clone`), in groups."""

from __future__ import annotations

from ocicore.cli.declare import Option
from pypod.options.registry import RETRY, SIGNATURE_POLICY

_SIZE = "<number>[<unit>]"

PROCESS = (
    Option(
        "attach",
        "a",
        kind="strings",
        help="Attach to STDIN, STDOUT or STDERR",
        completer="=stdin stdout stderr",
    ),
    Option("annotation", kind="stringArray", help="Add annotations to container (key=value)"),
    Option("entrypoint", kind="string", help="Overwrite the default ENTRYPOINT of the image"),
    Option("env", "e", kind="stringArray", help="Set environment variables in container"),
    Option("env-file", kind="stringArray", help="Read in a file of environment variables", completer="file"),
    Option("env-host", help="Use all current host environment variables in container"),
    Option(
        "env-merge",
        kind="stringArray",
        help="Preprocess environment variables from image before injecting them into the container",
    ),
    Option(
        "group-add",
        kind="strings",
        help="Add additional groups to the primary container process. 'keep-groups' keeps the caller's",
    ),
    Option("group-entry", kind="string", help="Entry to write to /etc/group"),
    Option("hostuser", kind="strings", help="Host user account to add to /etc/passwd within container"),
    Option(
        "http-proxy",
        kind="tristate",
        default_text="true",
        help="Set proxy environment variables in the container based on the host proxy vars",
    ),
    Option("init", help="Run an init binary inside the container that forwards signals and reaps processes"),
    Option("init-path", kind="path", help="Path to the container-init binary", metavar="string"),
    Option("interactive", "i", help="Keep STDIN open even if not attached"),
    Option("label", "l", kind="stringArray", help="Set metadata on container"),
    Option(
        "label-file", kind="stringArray", help="Read in a line delimited file of labels", completer="file"
    ),
    Option("passwd", default=True, help="add entries to /etc/passwd and /etc/group"),
    Option("passwd-entry", kind="string", help="Entry to write to /etc/passwd"),
    Option(
        "personality",
        kind="string",
        help="Configure execution domain using personality (e.g., LINUX/LINUX32)",
    ),
    Option(
        "stop-signal",
        kind="string",
        help="Signal to stop a container. Default is SIGTERM",
        completer="pypod.complete_options:signals",
    ),
    Option(
        "stop-timeout",
        kind="uint",
        default=10,
        help="Timeout (in seconds) that containers stopped by user command have to exit. If exceeded, the container will be forcibly stopped via SIGKILL",
    ),
    Option(
        "sdnotify",
        kind="string",
        default="container",
        help='control sd-notify behavior ("container"|"conmon"|"ignore")',
        completer="=conmon container healthy ignore",
    ),
    Option(
        "systemd",
        kind="string",
        default="true",
        help='Run container in systemd mode ("true"|"false"|"always")',
        completer="=true false always",
    ),
    Option(
        "timeout",
        kind="uint",
        help="Maximum length of time a container is allowed to run. The container will be killed automatically after the time expires",
    ),
    Option("tty", "t", help="Allocate a pseudo-TTY for container"),
    Option("tz", kind="string", help="Set timezone in container"),
    Option("umask", kind="string", default_text="0022", help="Set umask in container"),
    Option("unsetenv", kind="stringArray", help="Unset environment default variables in container"),
    Option("unsetenv-all", help="Unset all default environment variables in container"),
    Option(
        "user",
        "u",
        kind="string",
        help="Username or UID (format: <name|uid>[:<group|gid>])",
        completer="pypod.complete_options:user",
    ),
    Option("workdir", "w", kind="string", help="Working directory inside the container", completer="file"),
)

#: Also options of `kube play`.
LOG_OPTIONS = (
    Option(
        "log-driver",
        kind="string",
        default_text="k8s-file",
        help="Logging driver for the container",
        completer="=journald k8s-file none passthrough passthrough-tty",
    ),
    Option(
        "log-opt",
        kind="stringArray",
        help="Logging driver options",
        completer="pypod.complete_options:log_option",
    ),
)

IDENTITY = (
    Option("pod", kind="string", help="Run container in an existing pod", completer="pypod.complete:pods"),
    Option("pod-id-file", kind="path", metavar="string", help="Read the pod ID from the file"),
    Option("cidfile", kind="path", help="Write the container ID to the file", metavar="string"),
    Option(
        "conmon-pidfile",
        kind="path",
        help="Path to the file that will receive the PID of conmon",
        metavar="string",
    ),
    Option("disable-content-trust", help="This is a Docker specific option and is a NOOP"),
    Option("hostname", "h", kind="string", help="Set container hostname"),
    *LOG_OPTIONS,
    Option("name", kind="string", help="Assign a name to the container"),
    Option("pidfile", kind="path", help="Write the container process ID to the file", metavar="string"),
    Option("replace", help="If a container with the same name exists, replace it"),
    Option(
        "requires",
        kind="strings",
        help="Add one or more requirement containers that must be started before this container will start",
        completer="pypod.complete:containers",
    ),
    Option(
        "restart",
        kind="string",
        help='Restart policy to apply when a container exits ("always"|"no"|"never"|"on-failure"|"unless-stopped")',
        completer="=always no on-failure unless-stopped",
    ),
    Option(
        "decryption-key",
        kind="strings",
        help="Key needed to decrypt the image (e.g. /path/to/key.pem)",
        completer="file",
    ),
    Option(
        "rm",
        help="Remove container and any anonymous unnamed volume associated with the container after exit",
    ),
    Option(
        "chrootdirs",
        kind="stringArray",
        help="Chroot directories inside the container, which get the hosts, resolv.conf and the like as well",
        completer="file",
    ),
    Option("rootfs", help="The first argument is not an image but the rootfs to the exploded container"),
)

IMAGE = (
    Option(
        "arch",
        also=("override-arch",),
        kind="string",
        metavar="ARCH",
        help="use ARCH instead of the architecture of the machine for choosing images",
        completer="=386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
    ),
    Option(
        "authfile",
        kind="path",
        metavar="string",
        help="Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override",
    ),
    Option(
        "cert-dir",
        kind="path",
        metavar="string",
        help="Path of a directory containing TLS certificates and keys",
    ),
    Option(
        "creds", kind="string", help="Credentials (USERNAME:PASSWORD) to use for authenticating to a registry"
    ),
    Option(
        "os",
        also=("override-os",),
        kind="string",
        metavar="OS",
        help="use OS instead of the running OS for choosing images",
        completer="=linux windows",
    ),
    Option(
        "platform",
        kind="string",
        help="Specify the platform for selecting the image. (Conflicts with --arch and --os)",
    ),
    Option(
        "pull",
        kind="string",
        default="missing",
        help='Pull image policy ("always"|"missing"|"never"|"newer")',
        completer="=always missing never newer",
    ),
    Option("quiet", "q", help="Suppress output information when pulling images"),
    *RETRY,
    SIGNATURE_POLICY,
    Option(
        "tls-verify",
        kind="tristate",
        help="Require HTTPS and verify certificates when contacting registries for pulling images",
    ),
    Option(
        "variant",
        also=("override-variant",),
        kind="string",
        metavar="VARIANT",
        help="Use VARIANT instead of the running architecture variant for choosing images",
    ),
)

MOUNTS = (
    Option(
        "image-volume",
        kind="string",
        default_text="anonymous",
        help='Tells how to handle the builtin image volumes ("bind"|"tmpfs"|"ignore")',
        completer="=anonymous bind tmpfs ignore",
    ),
    Option(
        "mount",
        kind="stringArray",
        help="Attach a filesystem mount to the container",
        completer="=type=bind, type=volume, type=tmpfs, type=image, type=glob, type=devpts, type=ramfs, :nospace",
    ),
    Option("read-only", help="Make containers root filesystem read-only"),
    Option(
        "read-only-tmpfs",
        default=True,
        help="When running --read-only containers mount read-write tmpfs on /dev, /dev/shm, /run, /tmp and /var/tmp",
    ),
    Option(
        "shm-size",
        kind="string",
        metavar=_SIZE,
        default_text="65536k",
        help="Size of /dev/shm (unit: b, k, m or g)",
    ),
    Option(
        "shm-size-systemd",
        kind="string",
        metavar=_SIZE,
        help="Size of systemd specific tmpfs mounts (/run, /run/lock) (unit: b, k, m or g)",
    ),
    Option(
        "tmpfs",
        kind="stringArray",
        metavar="tmpfs",
        help="Mount a temporary filesystem (tmpfs) into a container",
        completer="file",
    ),
    Option(
        "volume",
        "v",
        kind="stringArray",
        help="Bind mount a volume into the container",
        completer="pypod.complete_options:volume",
    ),
    Option(
        "volumes-from",
        kind="stringArray",
        help="Mount volumes from the specified container(s)",
        completer="pypod.complete:containers",
    ),
)

NETWORK = (
    Option("add-host", kind="strings", help="Add a custom host-to-IP mapping (host:ip)"),
    Option("dns", kind="strings", help="Set custom DNS servers"),
    Option("dns-option", also=("dns-opt",), kind="strings", help="Set custom DNS options"),
    Option("dns-search", kind="strings", help="Set custom DNS search domains"),
    Option("expose", kind="strings", help="Expose a port or a range of ports"),
    Option(
        "hosts-file",
        kind="string",
        help='Base file to create the /etc/hosts file inside the container, or one of the special values ("image"|"none")',
        completer="=image none :file",
    ),
    Option("ip", kind="string", help="Specify a static IPv4 address for the container"),
    Option("ip6", kind="string", help="Specify a static IPv6 address for the container"),
    Option("mac-address", kind="string", help="Container MAC address (e.g. 92:d0:c6:0a:29:33)"),
    Option(
        "network",
        kind="stringArray",
        also=("net",),
        help="Connect a container to a network",
        completer="pypod.complete_options:network",
    ),
    Option("network-alias", kind="strings", help="Add network-scoped alias for the container"),
    Option(
        "no-hostname",
        help="Do not create /etc/hostname within the container, instead use the version from the image",
    ),
    Option(
        "no-hosts",
        help="Do not create /etc/hosts within the container, instead use the version from the image",
    ),
    Option(
        "publish", "p", kind="strings", help="Publish a container's port, or a range of ports, to the host"
    ),
    Option("publish-all", "P", help="Publish all exposed ports to random ports on the host interface"),
)

NAMESPACES = (
    Option(
        "cgroupns",
        kind="string",
        help="cgroup namespace to use",
        completer="pypod.complete_options:namespace",
    ),
    Option("gidmap", kind="strings", help="GID map to use for the user namespace"),
    Option(
        "ipc", kind="string", help="IPC namespace to use", completer="pypod.complete_options:ipc_namespace"
    ),
    Option("pid", kind="string", help="PID namespace to use", completer="pypod.complete_options:namespace"),
    Option(
        "subgidname",
        kind="string",
        help="Name of range listed in /etc/subgid for use in user namespace",
        completer="ocicore.cli.completers:subordinate_groups",
    ),
    Option(
        "subuidname",
        kind="string",
        help="Name of range listed in /etc/subuid for use in user namespace",
        completer="ocicore.cli.completers:subordinate_users",
    ),
    Option("uidmap", kind="strings", help="UID map to use for the user namespace"),
    Option(
        "userns",
        kind="string",
        help="User namespace to use",
        completer="pypod.complete_options:user_namespace",
    ),
    Option("uts", kind="string", help="UTS namespace to use", completer="pypod.complete_options:namespace"),
)

SECURITY = (
    Option("secret", kind="stringArray", help="Add secret to container", completer="pypod.complete:secrets"),
    Option(
        "cap-add",
        kind="strings",
        help="Add capabilities to the container",
        completer="ocicore.cli.completers:capabilities",
    ),
    Option(
        "cap-drop",
        kind="strings",
        help="Drop capabilities from the container",
        completer="ocicore.cli.completers:capabilities",
    ),
    Option("device", kind="stringArray", help="Add a host device to the container", completer="file"),
    Option("gpus", kind="strings", help="GPU devices to add to the container ('all' to pass all GPUs)"),
    Option("device-cgroup-rule", kind="strings", help="Add a rule to the cgroup allowed devices list"),
    Option("privileged", help="Give extended privileges to container"),
    Option(
        "security-opt",
        kind="stringArray",
        help="Security Options",
        completer="pypod.complete_options:security",
    ),
    Option(
        "seccomp-policy",
        kind="string",
        default="default",
        help='Policy for selecting a seccomp profile ("default"|"image")',
        completer="=default image",
    ),
    Option("sysctl", kind="strings", help="Sysctl options"),
    Option("ulimit", kind="strings", help="Ulimit options"),
)

RESOURCES = (
    Option(
        "blkio-weight",
        kind="string",
        help="Block IO weight (relative weight) accepts a weight value between 10 and 1000",
    ),
    Option(
        "blkio-weight-device",
        kind="stringArray",
        metavar="DEVICE_NAME:WEIGHT",
        help="Block IO weight (relative device weight)",
        completer="file",
    ),
    Option("cgroup-conf", kind="strings", help="Configure cgroup v2 (key=value)"),
    Option("cgroup-parent", kind="string", help="Optional parent cgroup for the container", completer="file"),
    Option(
        "cgroups",
        kind="string",
        default="enabled",
        help='control container cgroup configuration ("enabled"|"disabled"|"no-conmon"|"split")',
        completer="=enabled disabled no-conmon split",
    ),
    Option("cpu-period", kind="uint", help="Limit the CPU CFS (Completely Fair Scheduler) period"),
    Option("cpu-quota", kind="int", help="Limit the CPU CFS (Completely Fair Scheduler) quota"),
    Option("cpu-rt-period", kind="uint", help="Limit the CPU real-time period in microseconds"),
    Option("cpu-rt-runtime", kind="int", help="Limit the CPU real-time runtime in microseconds"),
    Option("cpu-shares", "c", kind="uint", help="CPU shares (relative weight)"),
    Option("cpus", kind="float", help="Number of CPUs. The default is 0.000 which means no limit"),
    Option("cpuset-cpus", kind="string", help="CPUs in which to allow execution (0-3, 0,1)"),
    Option(
        "cpuset-mems",
        kind="string",
        help="Memory nodes (MEMs) in which to allow execution (0-3, 0,1). Only effective on NUMA systems",
    ),
    Option(
        "device-read-bps",
        kind="stringArray",
        help="Limit read rate (bytes per second) from a device (e.g. --device-read-bps=/dev/sda:1mb)",
        completer="file",
    ),
    Option(
        "device-read-iops",
        kind="stringArray",
        help="Limit read rate (IO per second) from a device (e.g. --device-read-iops=/dev/sda:1000)",
        completer="file",
    ),
    Option(
        "device-write-bps",
        kind="stringArray",
        help="Limit write rate (bytes per second) to a device (e.g. --device-write-bps=/dev/sda:1mb)",
        completer="file",
    ),
    Option(
        "device-write-iops",
        kind="stringArray",
        help="Limit write rate (IO per second) to a device (e.g. --device-write-iops=/dev/sda:1000)",
        completer="file",
    ),
    Option("kernel-memory", kind="string", hidden=True, help="No longer supported by kernels"),
    Option("memory", "m", kind="string", metavar=_SIZE, help="Memory limit (unit: b, k, m or g)"),
    Option("memory-reservation", kind="string", metavar=_SIZE, help="Memory soft limit (unit: b, k, m or g)"),
    Option(
        "memory-swap",
        kind="string",
        help="Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
    ),
    Option(
        "memory-swappiness",
        kind="int",
        default=-1,
        help="Tune container memory swappiness (0 to 100, or -1 for system default)",
    ),
    Option("oom-kill-disable", help="Disable OOM Killer"),
    Option("oom-score-adj", kind="int", help="Tune the host's OOM preferences (-1000 to 1000)"),
    Option(
        "pids-limit", kind="int", default_text="2048", help="Tune container pids limit (set -1 for unlimited)"
    ),
    Option(
        "rdt-class", kind="string", help="Class of Service (COS) that the container should be assigned to"
    ),
)

HEALTH = (
    Option(
        "health-log-destination",
        kind="string",
        default="local",
        help="set the destination of the HealthCheck log. Directory path, local or events_logger (local use container state file)",
    ),
    Option(
        "health-max-log-count",
        kind="uint",
        default=5,
        help="set maximum number of attempts in the HealthCheck log file ('0' value means an infinite number of attempts in the log file)",
    ),
    Option(
        "health-max-log-size",
        kind="uint",
        default=500,
        help="set maximum length in characters of stored HealthCheck log",
    ),
    Option("health-startup-cmd", kind="string", help="Set a startup healthcheck command for the container"),
    Option(
        "health-startup-interval",
        kind="string",
        default="30s",
        help="Set an interval for the startup healthcheck",
    ),
    Option(
        "health-startup-retries",
        kind="uint",
        help="Set the maximum number of retries before the startup healthcheck will restart the container",
    ),
    Option(
        "health-startup-success",
        kind="uint",
        help="Set the number of consecutive successes before the startup healthcheck is marked as successful and the normal healthcheck begins (0 indicates any success will start the regular healthcheck)",
    ),
    Option(
        "health-startup-timeout",
        kind="string",
        default="30s",
        help="Set the maximum amount of time that the startup healthcheck may take before it is considered failed",
    ),
    Option(
        "health-cmd",
        also=("healthcheck-command",),
        kind="string",
        help="set a healthcheck command for the container ('none' disables the existing healthcheck)",
    ),
    Option(
        "health-interval",
        also=("healthcheck-interval",),
        kind="string",
        default="30s",
        help="set an interval for the healthchecks (a value of disable results in no automatic timer setup)",
    ),
    Option(
        "health-on-failure",
        kind="string",
        default="none",
        help="action to take once the container turns unhealthy",
        completer="=none kill restart stop",
    ),
    Option(
        "health-retries",
        also=("healthcheck-retries",),
        kind="uint",
        default=3,
        help="the number of retries allowed before a healthcheck is considered to be unhealthy",
    ),
    Option(
        "health-start-period",
        also=("healthcheck-start-period",),
        kind="string",
        default="0s",
        help="the initialization time needed for a container to bootstrap",
    ),
    Option(
        "health-timeout",
        also=("healthcheck-timeout",),
        kind="string",
        default="30s",
        help="the maximum time allowed to complete the healthcheck before an interval is considered failed",
    ),
    Option("no-healthcheck", help="Disable healthchecks on container"),
)

CREATE = (
    *PROCESS,
    *IDENTITY,
    *IMAGE,
    *MOUNTS,
    *NETWORK,
    *NAMESPACES,
    *SECURITY,
    *RESOURCES,
    *HEALTH,
)
