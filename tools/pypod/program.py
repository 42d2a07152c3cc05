"""The table of pypod's commands: names, aliases and one-line summaries; nothing is imported until it is chosen."""

from __future__ import annotations

from ocicore.cli.declare import Group, Option, Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Bound
    from ocicore.cli.context import Context
    from ocicore.cli.declare import Entry

VERSION = "1.0.0"

_C = "pypod.commands.container."
_I = "pypod.commands.image."
_S = "pypod.commands.system."
_V = "pypod.commands.volume."
_M = "pypod.commands.manifest."
_P = "pypod.commands.pod."
_A = "pypod.commands.artifact."
_K = "pypod.commands.kube."

CONTAINER: dict[str, Entry | Group] = {
    "attach": (_C + "attach", "Attach to a running container"),
    "checkpoint": (_C + "checkpoint", "Checkpoint one or more containers"),
    "cleanup": (_C + "cleanup", "Clean up network and mountpoints of one or more containers"),
    "clone": (_C + "clone", "Clone an existing container"),
    "commit": (_C + "commit", "Create new image based on the changed container"),
    "cp": (_C + "cp", "Copy files/folders between a container and the local filesystem"),
    "create": (_C + "create", "Create but do not start a container"),
    "diff": (_C + "diff:CONTAINER", "Inspect changes to the container's file systems"),
    "exec": (_C + "exec", "Run a process in a running container"),
    "exists": (_C + "exists", "Check if a container exists in local storage"),
    "export": (_C + "export", "Export container's filesystem contents as a tar archive"),
    "init": (_C + "init", "Initialize one or more containers"),
    "inspect": (_C + "inspect", "Display the configuration of a container"),
    "kill": (_C + "kill", "Kill one or more running containers with a specific signal"),
    "list": (_C + "list", "List containers", ("ls",)),
    "logs": (_C + "logs", "Fetch the logs of one or more containers"),
    "mount": (_C + "mount", "Mount a working container's root filesystem"),
    "pause": (_C + "pause", "Pause all the processes in one or more containers"),
    "port": (_C + "port", "List port mappings or a specific mapping for the container"),
    "prune": (_C + "prune", "Remove all non running containers"),
    "ps": (_C + "list", "List containers"),
    "rename": (_C + "rename", "Rename an existing container"),
    "restart": (_C + "restart", "Restart one or more containers"),
    "restore": (_C + "restore", "Restore one or more containers from a checkpoint"),
    "rm": (_C + "rm", "Remove one or more containers"),
    "run": (_C + "run", "Run a command in a new container"),
    "runlabel": (_C + "runlabel", "Execute the command described by an image label"),
    "start": (_C + "start", "Start one or more containers"),
    "stats": (_C + "stats", "Display a live stream of container resource usage statistics"),
    "stop": (_C + "stop", "Stop one or more containers"),
    "top": (_C + "top", "Display the running processes of a container"),
    "unmount": (_C + "unmount", "Unmount working container's root filesystem", ("umount",)),
    "unpause": (_C + "unpause", "Unpause the processes in one or more containers"),
    "update": (_C + "update", "Update an existing container"),
    "wait": (_C + "wait", "Block on one or more containers"),
}

IMAGE: dict[str, Entry | Group] = {
    "build": ("pypod.commands.build", "Build an image using instructions from Containerfiles"),
    "diff": (_C + "diff:IMAGE", "Inspect changes to the image's file systems"),
    "exists": (_I + "exists", "Check if an image exists in local storage"),
    "history": (_I + "history", "Show history of a specified image"),
    "import": (_I + "import_", "Import a tarball to create a filesystem image"),
    "inspect": (_I + "inspect", "Display the configuration of an image"),
    "list": (_I + "list", "List images in local storage", ("ls",)),
    "load": (_I + "load", "Load image(s) from a tar archive"),
    "mount": (_I + "mount", "Mount an image's root filesystem"),
    "prune": (_I + "prune", "Remove unused images"),
    "pull": (_I + "pull", "Pull an image from a registry"),
    "push": (_I + "push", "Push an image to a specified destination"),
    "rm": (_I + "rm", "Remove one or more images from local storage"),
    "save": (_I + "save", "Save image(s) to an archive"),
    "scp": (_I + "scp", "Securely copy images"),
    "search": (_I + "search", "Search registry for image"),
    "sign": (_I + "sign", "Sign an image"),
    "tag": (_I + "tag", "Add an additional name to a local image"),
    "tree": (_I + "tree", "Print layer hierarchy of an image in a tree format"),
    "trust": Group(
        "Manage container image trust policy",
        commands={
            "set": (_I + "trust.set", "Set default trust policy or a new trust policy for a registry"),
            "show": (_I + "trust.show", "Display trust policy for the system"),
        },
    ),
    "unmount": (_I + "unmount", "Unmount an image's root filesystem", ("umount",)),
    "untag": (_I + "untag", "Remove a name from a local image"),
}

MANIFEST: dict[str, Entry | Group] = {
    "add": (_M + "add", "Add images or artifacts to a manifest list or image index"),
    "annotate": (_M + "annotate", "Add or update information about an entry in a manifest list"),
    "create": (_M + "create", "Create manifest list or image index"),
    "exists": (_M + "exists", "Check if a manifest list exists in local storage"),
    "inspect": (_M + "inspect", "Display the contents of a manifest list or image index"),
    "push": (_M + "push", "Push a manifest list or image index to a registry"),
    "remove": (_M + "remove", "Remove an item from a manifest list or image index"),
    "rm": (_M + "rm", "Remove manifest list or image index from local storage"),
}

POD: dict[str, Entry | Group] = {
    "clone": (_P + "clone", "Clone an existing pod"),
    "create": (_P + "create", "Create a new empty pod"),
    "exists": (_P + "exists", "Check if a pod exists in local storage"),
    "inspect": (_P + "inspect", "Display a pod configuration"),
    "kill": (_P + "kill", "Send the specified signal or SIGKILL to containers in pod"),
    "logs": (_P + "logs", "Fetch logs for pod with one or more containers"),
    "pause": (_P + "pause", "Pause one or more pods"),
    "prune": (_P + "prune", "Remove all stopped pods and their containers"),
    "ps": (_P + "ps", "List pods", ("ls", "list")),
    "restart": (_P + "restart", "Restart one or more pods"),
    "rm": (_P + "rm", "Remove one or more pods"),
    "start": (_P + "start", "Start one or more pods"),
    "stats": (_P + "stats", "Display a live stream of resource usage statistics for the containers in pods"),
    "stop": (_P + "stop", "Stop one or more pods"),
    "top": (_P + "top", "Display the running processes of containers in a pod"),
    "unpause": (_P + "unpause", "Unpause one or more pods"),
}

VOLUME: dict[str, Entry | Group] = {
    "create": (_V + "create", "Create a new volume"),
    "exists": (_V + "exists", "Check if volume exists"),
    "export": (_V + "export", "Export volumes"),
    "import": (_V + "import_", "Import a tarball contents into a volume"),
    "inspect": (_V + "inspect", "Display detailed information on one or more volumes"),
    "ls": (_V + "ls", "List volumes", ("list",)),
    "mount": (_V + "mount", "Mount volume"),
    "prune": (_V + "prune", "Remove all unused volumes"),
    "reload": (_V + "reload", "Reload all volumes from volume plugins"),
    "rm": (_V + "rm", "Remove one or more volumes", ("remove",)),
    "unmount": (_V + "unmount", "Unmount volume"),
}

_CONNECTION = _S + "connection."
_DESTINATIONS: dict[str, Entry | Group] = {
    "list": (_CONNECTION + "list", "List destinations of remote clients", ("ls",)),
    "remove": (_CONNECTION + "edit:REMOVE", "Delete named destination", ("rm",)),
}

SYSTEM: dict[str, Entry | Group] = {
    "check": (_S + "check", "Check storage consistency"),
    "connection": Group(
        "Destinations of remote clients",
        commands={
            "add": (_CONNECTION + "add", "Record destination for remote clients"),
            "default": (_CONNECTION + "edit:DEFAULT", "Set named destination as default"),
            **_DESTINATIONS,
            "rename": (_CONNECTION + "edit:RENAME", "Rename a destination", ("mv",)),
        },
    ),
    "df": (_S + "df", "Show pypod disk usage"),
    "events": (_S + "events", "Show system events"),
    "info": (_S + "info", "Display pypod system information"),
    "locks": (_S + "locks", ""),
    "migrate": (_S + "migrate", "Migrate containers"),
    "prune": (_S + "prune", "Remove unused data"),
    "renumber": (_S + "renumber", "Migrate lock numbers"),
    "reset": (_S + "reset", "Reset pypod storage"),
}


NETWORK: dict[str, Entry | Group] = {
    "connect": ("pypod.commands.network.connect", "Add container to a network"),
    "create": ("pypod.commands.network.create", "Create networks for containers"),
    "disconnect": ("pypod.commands.network.disconnect", "Disconnect a container from a network"),
    "exists": ("pypod.commands.network.exists", "Check if network exists"),
    "inspect": ("pypod.commands.network.inspect", "Inspect network"),
    "ls": ("pypod.commands.network.ls", "List networks", ("list",)),
    "prune": ("pypod.commands.network.prune", "Prune unused networks"),
    "reload": ("pypod.commands.network.reload", "Reload firewall rules for one or more containers"),
    "rm": ("pypod.commands.network.rm", "Remove networks", ("remove",)),
    "update": ("pypod.commands.network.update", "Update an existing network"),
}

SECRET: dict[str, Entry | Group] = {
    "create": ("pypod.commands.secret.create", "Create a new secret"),
    "exists": ("pypod.commands.secret.exists", "Check if a secret exists in local storage"),
    "inspect": ("pypod.commands.secret.inspect", "Inspect a secret"),
    "ls": ("pypod.commands.secret.ls", "List secrets", ("list",)),
    "rm": ("pypod.commands.secret.rm", "Remove one or more secrets"),
}


def _same(table: dict[str, Entry | Group], *names: str) -> dict[str, Entry | Group]:
    """Commands that are also reached without their group's name."""
    return {name: table[name] for name in names}


OPTIONS = (
    Option(
        "cgroup-manager",
        kind="string",
        help='Cgroup manager to use ("cgroupfs"|"systemd")',
        metavar="string",
        completer="=cgroupfs systemd",
    ),
    Option(
        "cdi-spec-dir",
        kind="stringArray",
        help="Set the CDI spec directory path (may be set multiple times)",
        metavar="string",
        completer="dir",
    ),
    Option(
        "config",
        kind="path",
        help="Location of authentication config file",
        metavar="string",
        leading=True,
    ),
    Option("conmon", kind="path", help="Path of the conmon binary", metavar="string"),
    Option(
        "context",
        kind="string",
        hidden=True,
        leading=True,
        help="For scripts written for docker: default, or a destination as with --connection",
    ),
    Option(
        "cpu-profile",
        kind="path",
        hidden=True,
        help="Write where time goes to a file that Python's pstats reads",
    ),
    Option(
        "connection",
        "c",
        kind="string",
        help="Connection to use for a remote service (CONTAINER_CONNECTION)",
        metavar="string",
        leading=True,
        completer="pypod.complete:connections",
    ),
    Option("db-backend", kind="string", hidden=True, leading=True, help="Database backend to use (sqlite)"),
    Option(
        "default-mounts-file", kind="path", hidden=True, help="Path to default mounts file", metavar="string"
    ),
    Option("debug", "D", hidden=True, leading=True, help="Log at level debug"),
    Option(
        "events-backend",
        kind="string",
        help='Events backend to use ("file"|"journald"|"none")',
        metavar="string",
        completer="=file journald none",
    ),
    Option(
        "hooks-dir",
        kind="stringArray",
        help="Set the OCI hooks directory path (may be set multiple times)",
        completer="dir",
    ),
    Option(
        "identity",
        kind="path",
        help="path to SSH identity file (CONTAINER_SSHKEY)",
        metavar="string",
        leading=True,
    ),
    Option(
        "imagestore",
        kind="path",
        help="Path to the 'image store', different from 'graph root'",
        metavar="string",
    ),
    Option(
        "log-level",
        kind="string",
        default="warn",
        help="Log messages above specified level (trace, debug, info, warn, warning, error, fatal, panic)",
        completer="=trace debug info warn warning error fatal panic",
    ),
    Option(
        "max-workers",
        kind="int",
        hidden=True,
        help="Most containers worked on at once; pypod works on one at a time and waits for them together",
    ),
    Option(
        "memory-profile",
        kind="path",
        hidden=True,
        help="Write what memory was allocated where to a file that Python's tracemalloc reads",
    ),
    Option(
        "module",
        kind="stringArray",
        help="Load the containers.conf(5) module",
        leading=True,
        completer="pypod.complete_options:modules",
    ),
    Option(
        "namespace", kind="string", hidden=True, help="Refused, as by podman: there are no views of a store"
    ),
    Option("network-backend", kind="string", hidden=True, help="Network backend to use (netavark)"),
    Option(
        "network-cmd-path",
        kind="path",
        help="Path to the command for configuring the network",
        metavar="string",
    ),
    Option(
        "network-config-dir",
        kind="path",
        help="Path of the configuration directory for networks",
        metavar="string",
    ),
    Option("noout", hidden=True, leading=True, help="Do not output to stdout"),
    Option(
        "out",
        kind="path",
        help="Send output (stdout) of pypod to a file",
        metavar="string",
        leading=True,
    ),
    Option(
        "pull-option",
        kind="stringArray",
        hidden=True,
        help="Specify an option to change how the image is pulled",
    ),
    Option(
        "registries-conf",
        kind="path",
        hidden=True,
        help="Path to a registries.conf to use for image processing",
    ),
    Option(
        "remote",
        "r",
        help="Access a remote service",
        leading=True,
        unless=("CONTAINER_HOST", "CONTAINER_CONNECTION", "url", "connection"),
    ),
    Option(
        "root",
        kind="path",
        help="Path to the graph root directory where images, containers, etc. are stored",
        metavar="string",
    ),
    Option(
        "runroot",
        kind="path",
        help="Path to the 'run directory' where all state information is stored",
        metavar="string",
    ),
    Option(
        "runtime",
        kind="string",
        help="Path to the OCI-compatible binary used to run containers",
        completer="file",
    ),
    Option("runtime-flag", kind="stringArray", help="add global flags for the container runtime"),
    Option(
        "ssh",
        kind="string",
        help="define the ssh mode",
        metavar="string",
        leading=True,
        completer="=golang native",
    ),
    Option(
        "storage-driver",
        kind="string",
        help="Select which storage driver is used to manage storage of images and containers",
    ),
    Option("storage-opt", kind="stringArray", help="Used to pass an option to the storage driver"),
    Option("syslog", help="Output logging information to syslog as well as the console"),
    Option("tls-ca", kind="path", help="path to TLS certificate authority", metavar="string", leading=True),
    Option("tls-cert", kind="path", help="path to TLS client certificate", metavar="string", leading=True),
    Option("tls-details", kind="path", help="path to a TLS details file", metavar="string", leading=True),
    Option("tls-key", kind="path", help="path to TLS client key", metavar="string", leading=True),
    Option(
        "tmpdir", kind="path", help="Path to the tmp directory for volatile state content", metavar="string"
    ),
    Option("trace", hidden=True, help="Ignored: podman's tracing is no more"),
    Option("transient-store", help="Enable transient container storage"),
    Option(
        "url",
        kind="string",
        help="URL to access a service (CONTAINER_HOST)",
        metavar="string",
        leading=True,
        also=("host",),
    ),
    Option(
        "volumepath",
        kind="path",
        help="Path to the volume directory in which volume data is stored",
        metavar="string",
    ),
)

#: Global options (and variables) that are looked at before any command.
_EARLY = frozenset(
    "config connection context cpu_profile db_backend identity max_workers memory_profile module namespace network_backend noout"
    " out registries_conf remote ssh tls_ca tls_cert tls_details tls_key url".split()
)


def before(bound: Bound, ctx: Context) -> None:
    """What global options change before the command starts; costs nothing where none is given."""
    if "authfile" in bound.args.given_names() and bound.args.authfile and bound.path[-1] != "login":
        from pypod.options.early import check_authfile

        check_authfile(bound.args.authfile)
    if _EARLY.isdisjoint(bound.globals.given_names()) and not (
        ctx.environ.get("CONTAINER_HOST") or ctx.environ.get("CONTAINER_CONNECTION")
    ):
        return
    from pypod.options.early import apply

    apply(bound, ctx)


PROGRAM = Program(
    "pypod",
    version=VERSION,
    summary="Manage pods, containers and images",
    options=OPTIONS,
    before="pypod.program:before",
    check_globals="pypod.options.early:check_globals",
    help_defaults="ocicore.cli.configured_help:retries_and_compression",
    absent={
        "compose": "there is no service that a compose program could talk to; kube play and quadlets describe several containers",
        "farm": "there are no remote services to build on; run the build on each host",
        "machine": "there are no virtual machines: containers run on this host",
        "system dial-stdio": "there is no service to connect to: every command does its work itself",
        "system hyperv-prep": "there are no virtual machines: containers run on this host",
        "system service": "there is no daemon and no API socket: every command does its work itself",
    },
    commands={
        **_same(
            CONTAINER,
            "attach",
            "commit",
            "cp",
            "create",
            "exec",
            "export",
            "init",
            "kill",
            "logs",
            "mount",
            "pause",
            "port",
            "rename",
            "restart",
            "rm",
            "run",
            "start",
            "stats",
            "stop",
            "top",
            "unmount",
            "unpause",
            "update",
            "wait",
        ),
        **_same(
            IMAGE, "build", "history", "import", "load", "pull", "push", "save", "search", "tag", "untag"
        ),
        "diff": (_C + "diff", "Display the changes to the object's file system"),
        "ps": (_C + "list", "List containers"),
        "images": (_I + "list", "List images in local storage"),
        "rmi": (_I + "rm", "Remove one or more images from local storage"),
        "events": (_S + "events", "Show system events"),
        "help": ("pypod.commands.help", "Help about any command"),
        "info": (_S + "info", "Display pypod system information"),
        "inspect": ("pypod.commands.inspect", "Display the configuration of object denoted by ID"),
        "login": ("pypod.commands.login", "Log in to a container registry"),
        "logout": ("pypod.commands.logout", "Log out of a container registry"),
        "unshare": ("pypod.commands.unshare", "Run a command in a modified user namespace"),
        "version": ("pypod.commands.version", "Display the pypod version information"),
        "container": Group("Manage containers", commands=CONTAINER),
        "context": Group(
            "Destinations of remote clients",
            hidden=True,
            commands={
                "create": (_CONNECTION + "add:CREATE", "Record destination for remote clients"),
                "inspect": (_CONNECTION + "list:INSPECT", "Inspect destinations of remote clients"),
                **_DESTINATIONS,
                "use": (_CONNECTION + "edit:DEFAULT", "Set named destination as default"),
            },
        ),
        "buildx": Group(
            "Build images",
            aliases=("builder",),
            hidden=True,
            commands={
                "build": ("pypod.commands.build", "Build an image using instructions from Containerfiles"),
                "prune": (_I + "prune", "Remove unused images"),
                "version": ("pypod.commands.version:BUILDER", "Print build version"),
            },
        ),
        "auto-update": (
            "pypod.commands.auto_update",
            "Auto update containers according to their auto-update policy",
        ),
        "completion": ("ocicore.cli.completion", "Generate shell completion"),
        "generate": Group(
            "Generate structured data based on containers, pods or volumes",
            commands={
                "kube": (_K + "generate", "Generate Kubernetes YAML from containers, pods or volumes"),
                "spec": ("pypod.commands.generate.spec", "Generate Specgen JSON based on containers or pods"),
                "systemd": ("pypod.commands.generate.systemd", "[DEPRECATED] Generate systemd units"),
            },
        ),
        "quadlet": Group(
            "Allows users to manage Quadlets",
            commands={
                "install": (
                    "pypod.commands.quadlet.install",
                    "Install a quadlet file or quadlet application",
                ),
                "list": ("pypod.commands.quadlet.list", "List Quadlets", ("ls",)),
                "print": ("pypod.commands.quadlet.print_", "Display the contents of a quadlet", ("cat",)),
                "rm": ("pypod.commands.quadlet.rm", "Remove Quadlets"),
            },
        ),
        "image": Group("Manage images", commands=IMAGE),
        "healthcheck": Group(
            "Manage health checks on containers",
            commands={"run": ("pypod.commands.healthcheck.run", "Run the health check of a container")},
        ),
        "artifact": Group(
            "Manage OCI artifacts",
            commands={
                "add": (_A + "add", "Add an OCI artifact to the local store"),
                "extract": (_A + "extract", "Extract an OCI artifact to a local path"),
                "inspect": (_A + "inspect", "Inspect an OCI artifact"),
                "ls": (_A + "ls", "List OCI artifacts", ("list",)),
                "pull": (_A + "pull", "Pull an OCI artifact"),
                "push": (_A + "push", "Push an OCI artifact"),
                "rm": (_A + "rm", "Remove one or more OCI artifacts", ("remove",)),
            },
        ),
        "kube": Group(
            "Play containers, pods or volumes from a structured file",
            commands={
                "apply": (
                    _K + "apply",
                    "Deploy containers, pods, volumes, or Kubernetes YAML to a Kubernetes cluster",
                ),
                "down": (_K + "down", "Remove pods based on Kubernetes YAML"),
                "generate": (_K + "generate", "Generate Kubernetes YAML from containers, pods or volumes"),
                "play": (_K + "play", "Play a pod or volume based on Kubernetes YAML"),
            },
        ),
        "manifest": Group("Manipulate manifest lists and image indexes", commands=MANIFEST),
        "network": Group("Manage networks", commands=NETWORK),
        "play": Group(
            "Play containers, pods or volumes from a structured file",
            hidden=True,
            commands={"kube": (_K + "play", "Play a pod or volume based on Kubernetes YAML")},
        ),
        "pod": Group("Manage pods", commands=POD),
        "secret": Group("Manage secrets", commands=SECRET),
        "volume": Group("Manage volumes", commands=VOLUME),
        "system": Group("Manage pypod", commands=SYSTEM),
    },
)
