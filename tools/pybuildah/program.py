"""The table of pybuildah's commands: names, aliases and one-line summaries; nothing is imported until it is chosen."""

from __future__ import annotations

from ocicore.cli.declare import Group, Option, Program

VERSION = "1.0.0"
#: Scripts ask `--version` what they may expect: it names buildah's version first.
_SHOWN = f"1.39.3 (pybuildah {VERSION}, image-spec 1.1.0, runtime-spec 1.2.0)"

_C = "pybuildah.commands."
_M = "pybuildah.commands.manifest."
_S = "pybuildah.commands.source."

PROGRAM = Program(
    "pybuildah",
    version=_SHOWN,
    unknown_level='unable to parse log level: not a valid logrus Level: "{}"',
    error_style="buildah",
    level_notice=False,
    groups_help=True,
    options_word="flags",
    help_defaults="ocicore.cli.configured_help:retries",
    before="pybuildah.session:check_files",
    summary="Build OCI and Docker images, from Containerfiles or step by step",
    options=(
        Option("root", kind="path", help="Storage root directory"),
        Option("runroot", kind="path", help="Storage state directory"),
        Option("storage-driver", kind="string", help="Storage driver"),
        Option("storage-opt", kind="strings", help="Storage driver option"),
        Option("imagestore", kind="path", help="Directory of an additional image store"),
        Option("transient-store", kind="tristate", help="Keep container records in the state directory only"),
        Option("registries-conf", kind="path", help="Path to registries.conf"),
        Option("registries-conf-dir", kind="path", help="Path to the directory registries.d"),
        Option("short-name-alias-conf", kind="path", help="Path to the file that remembers short names"),
        Option(
            "userns-uid-map",
            kind="strings",
            metavar="CTRID:HOSTID:LENGTH",
            help="Default UID map of containers",
        ),
        Option(
            "userns-gid-map",
            kind="strings",
            metavar="CTRID:HOSTID:LENGTH",
            help="Default GID map of containers",
        ),
        Option("signature-policy", kind="path", hidden=True, help="Path of the signature policy file"),
        Option("default-mounts-file", kind="path", hidden=True, help="Path to the file mounts.conf"),
        Option("cgroup-manager", kind="choice", choices=("cgroupfs", "systemd"), help="Cgroup manager"),
        Option("log-level", kind="string", default="warn", help="Log messages at and above this level"),
        Option("debug", hidden=True, help="Print debugging information"),
        Option(
            "cpu-profile",
            kind="path",
            hidden=True,
            help="Write where the time goes (for Python's pstats) into this file",
        ),
        Option(
            "memory-profile",
            kind="path",
            hidden=True,
            help="Write what memory is for (for Python's tracemalloc) into this file",
        ),
    ),
    commands={
        "add": (_C + "add", "Add content to the container"),
        "build": (
            _C + "build",
            "Build an image using instructions in a Containerfile",
            ("build-using-dockerfile", "bud"),
        ),
        "commit": (_C + "commit", "Create an image from a working container"),
        "config": (_C + "config", "Update image configuration settings"),
        "containers": (
            _C + "containers",
            "List working containers and their base images",
            ("list", "ls", "ps"),
        ),
        "copy": (_C + "copy", "Copy content into the container"),
        "dumpbolt": (_C + "dumpbolt", ""),
        "from": (_C + "from_", "Create a working container based on an image"),
        "help": ("ocicore.cli.help", "Help about any command"),
        "images": (_C + "images", "List images in local storage"),
        "info": (_C + "info", "Display system information"),
        "inspect": (_C + "inspect", "Inspect the configuration of a container or image"),
        "login": (_C + "login", "Log in to a container registry"),
        "logout": (_C + "logout", "Log out of a container registry"),
        "manifest": Group(
            "Manipulate manifest lists and image indexes",
            commands={
                "add": (_M + "add", "Add images to a manifest list or image index"),
                "annotate": (_M + "annotate", "Add or update information about an entry in a list"),
                "create": (_M + "create", "Create a manifest list or image index"),
                "exists": (_M + "exists", "Check if a manifest list exists in local storage"),
                "inspect": (_M + "inspect", "Display the contents of a manifest list or image index"),
                "push": (_M + "push", "Push a manifest list or image index to a registry"),
                "remove": (_M + "remove", "Remove an entry from a manifest list or image index"),
                "rm": (_M + "rm", "Remove manifest lists or image indexes"),
            },
        ),
        "mkcw": (_C + "mkcw", "Convert a container image to a confidential workload image"),
        "mount": (_C + "mount", "Mount a working container's root file system"),
        "passwd": (_C + "passwd", ""),
        "prune": (_C + "prune", "Remove unused images"),
        "pull": (_C + "pull", "Pull an image from the specified location"),
        "push": (_C + "push", "Push an image to a specified destination"),
        "rename": (_C + "rename", "Rename a working container"),
        "rm": (_C + "rm", "Remove one or more working containers", ("delete",)),
        "rmi": (_C + "rmi", "Remove one or more images from local storage"),
        "run": (_C + "run", "Run a command inside of the container"),
        "source": Group(
            "Create, push, pull and manage source images and associated source artifacts",
            commands={
                "add": (_S + "add", "Add a source artifact to a source image"),
                "create": (_S + "create", "Create a source image"),
                "pull": (_S + "pull", "Pull a source image from a registry"),
                "push": (_S + "push", "Push a source image to a registry"),
            },
        ),
        "tag": (_C + "tag", "Add an additional name to a local image"),
        "umount": (_C + "umount", "Unmount the root file system of working containers", ("unmount",)),
        "unshare": (_C + "unshare", "Run a command in a modified user namespace"),
        "version": (_C + "version", "Display version information"),
    },
)
