"""The options of a build as data, for `pybuildah build` and `pypod build`; `flags` says what they mean. Names and defaults are buildah's."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: (long, short, keyword arguments of `cli.declare.Option`): plain data, as this package may not import `cli`.
DECLARATION: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "annotation",
        "",
        {"kind": "stringArray", "metavar": "KEY[=VALUE]", "help": "Set an annotation of the image"},
    ),
    ("all-platforms", "", {"kind": "bool", "help": "Build for every platform that all base images have"}),
    (
        "arch",
        "",
        {
            "kind": "string",
            "help": "Architecture to build for",
            "completer": "=386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
        },
    ),
    ("build-arg", "", {"kind": "stringArray", "metavar": "NAME=VALUE", "help": "Value of a build argument"}),
    (
        "build-arg-file",
        "",
        {"kind": "stringArray", "metavar": "FILE", "help": "File with NAME=VALUE lines", "completer": "file"},
    ),
    (
        "build-context",
        "",
        {"kind": "stringArray", "metavar": "NAME=PATH", "help": "Additional build context"},
    ),
    (
        "cache-budget",
        "",
        {
            "kind": "string",
            "metavar": "SIZE",
            "env": "BUILDAH_CACHE_BUDGET",
            "help": "After the build, remove what was used longest ago until images without a name and cache mounts fit in",
        },
    ),
    (
        "cache-from",
        "",
        {
            "kind": "stringArray",
            "metavar": "REPOSITORY",
            "help": "Look intermediate images up there, with --layers",
        },
    ),
    (
        "cache-mounts",
        "",
        {"kind": "bool", "help": "With --cache-from and --cache-to: fetch and push cache mounts of RUN too"},
    ),
    (
        "cache-to",
        "",
        {
            "kind": "stringArray",
            "metavar": "REPOSITORY",
            "help": "Put intermediate images there, with --layers",
        },
    ),
    ("cache-ttl", "", {"kind": "string", "help": "Only use cached images that are younger than this"}),
    ("compat-volumes", "", {"kind": "bool", "help": "Undo what RUN changes in volumes"}),
    (
        "compression-format",
        "",
        {
            "kind": "string",
            "help": "Compression of layers sent to --cache-to",
            "completer": "=gzip zstd zstd:chunked",
        },
    ),
    ("compression-level", "", {"kind": "int", "default": -1, "help": "Compression level"}),
    (
        "created-annotation",
        "",
        {"kind": "bool", "help": "Set the annotation org.opencontainers.image.created"},
    ),
    ("cw", "", {"kind": "string", "metavar": "OPTIONS", "help": "Make a confidential workload image"}),
    (
        "disable-content-trust",
        "",
        {"kind": "bool", "help": "As with docker; images are checked by policy.json"},
    ),
    ("force-compression", "", {"kind": "bool", "help": "Recompress layers that have another compression"}),
    (
        "compress",
        "",
        {"kind": "bool", "help": "Name new layers in their compressed form, as the next registry gets them"},
    ),
    ("cpp-flag", "", {"kind": "stringArray", "help": "Flag for the preprocessor of Containerfile.in"}),
    ("disable-compression", "D", {"kind": "bool", "default": True, "help": "Do not compress layers"}),
    ("env", "", {"kind": "stringArray", "metavar": "NAME[=VALUE]", "help": "Set a variable of the image"}),
    ("explain-cache", "", {"kind": "bool", "help": "Say for each step why the cache was hit or missed"}),
    (
        "file",
        "f",
        {
            "kind": "stringArray",
            "metavar": "PATH|URL",
            "help": "Containerfile, - for standard input",
            "completer": "file",
        },
    ),
    ("force-rm", "", {"kind": "bool", "help": "Remove the working container of a step that failed, too"}),
    (
        "format",
        "",
        {
            "kind": "string",
            "env": "BUILDAH_FORMAT",
            "help": "Format of the image: oci or docker",
            "completer": "=oci docker",
        },
    ),
    ("from", "", {"kind": "string", "help": "Image to use instead of that of the first FROM"}),
    ("hooks-dir", "", {"kind": "stringArray", "help": "Directory with OCI hooks"}),
    ("identity-label", "", {"kind": "bool", "default": True, "help": "Add the label io.buildah.version"}),
    ("ignorefile", "", {"kind": "path", "help": "Path of an ignore file"}),
    ("iidfile", "", {"kind": "path", "help": "Write the image ID to the file"}),
    ("iidfile-raw", "", {"kind": "path", "help": "Write the image ID to the file, without its algorithm"}),
    (
        "inherit-annotations",
        "",
        {"kind": "bool", "default": True, "help": "Inherit annotations of the base image"},
    ),
    ("inherit-labels", "", {"kind": "bool", "default": True, "help": "Inherit labels of the base image"}),
    ("jobs", "", {"kind": "int", "default": 1, "help": "Stages to build at once, 0 for one a processor"}),
    ("label", "", {"kind": "stringArray", "metavar": "KEY[=VALUE]", "help": "Set a label of the image"}),
    (
        "layer-label",
        "",
        {"kind": "stringArray", "metavar": "KEY[=VALUE]", "help": "Set a label of intermediate images"},
    ),
    ("log-rusage", "", {"kind": "bool", "hidden": True, "help": "Say what each step used of the machine"}),
    ("rusage-logfile", "", {"kind": "path", "hidden": True, "help": "Write that to the file"}),
    ("logfile", "", {"kind": "path", "help": "Write progress and output to the file"}),
    (
        "logsplit",
        "",
        {"kind": "bool", "help": "With --logfile: one file for each platform, LOGFILE_OS_ARCH"},
    ),
    ("manifest", "", {"kind": "string", "help": "Manifest list to add the image to"}),
    ("metadata-file", "", {"kind": "path", "help": "Write what was built to the file, as JSON"}),
    ("mount", "", {"kind": "stringArray", "help": "Mount for every RUN: type=bind|cache|tmpfs|secret|ssh,…"}),
    ("no-cache", "", {"kind": "bool", "help": "Do not use the build cache"}),
    ("no-hostname", "", {"kind": "bool", "help": "Do not create /etc/hostname for RUN"}),
    ("no-hosts", "", {"kind": "bool", "help": "Do not create /etc/hosts for RUN"}),
    ("omit-history", "", {"kind": "bool", "help": "Leave the history out"}),
    ("os", "", {"kind": "string", "help": "Operating system to build for", "completer": "=linux windows"}),
    (
        "os-feature",
        "",
        {"kind": "stringArray", "help": "Set a required feature of the operating system; NAME- removes it"},
    ),
    ("os-version", "", {"kind": "string", "help": "Set the required version of the operating system"}),
    ("output", "o", {"kind": "string", "help": "Write the files too: DIR, or type=local|tar,dest=…"}),
    ("platform", "", {"kind": "strings", "metavar": "OS/ARCH[/VARIANT]", "help": "Platform to build for"}),
    (
        "pull",
        "",
        {
            "kind": "string",
            "default": "missing",
            "bare": "missing",
            "help": "Pull images: always, missing, never, newer",
            "completer": "=always missing never newer",
        },
    ),
    (
        "progress",
        "",
        {
            "kind": "string",
            "default": "auto",
            "help": "How to show what is done: auto, plain, tty (a live view) or json (an object a line)",
        },
    ),
    (
        "loglevel",
        "",
        {
            "kind": "int",
            "hidden": True,
            "deprecated": "it has no effect, use --log-level",
            "help": "Not used",
        },
    ),
    ("pull-always", "", {"kind": "bool", "hidden": True, "help": "Pull images even if they are there"}),
    ("pull-never", "", {"kind": "bool", "hidden": True, "help": "Never pull images"}),
    ("quiet", "q", {"kind": "bool", "help": "Print the image ID only"}),
    (
        "reproducible",
        "",
        {
            "kind": "bool",
            "default": True,
            "help": "Take times from the base image, not from the clock; reproducible_builds of containers.conf when not given",
        },
    ),
    (
        "rewrite-timestamp",
        "",
        {"kind": "bool", "help": "With --source-date-epoch: no file is younger than that"},
    ),
    (
        "rm",
        "",
        {
            "kind": "bool",
            "also": ("purge",),
            "default": True,
            "help": "Remove working containers after a successful build",
        },
    ),
    ("runtime", "", {"kind": "path", "help": "OCI runtime"}),
    ("runtime-flag", "", {"kind": "strings", "help": "Global flags for the runtime"}),
    (
        "save-stages",
        "",
        {"kind": "bool", "help": "Keep an image of every stage"},
    ),
    (
        "sbom",
        "",
        {"kind": "string", "metavar": "PRESET", "help": "Scan the image: syft, syft-spdx, trivy, trivy-spdx"},
    ),
    ("sbom-image-output", "", {"kind": "string", "metavar": "PATH", "help": "Path of the SBOM in the image"}),
    (
        "sbom-image-purl-output",
        "",
        {"kind": "string", "metavar": "PATH", "help": "Path of the list of package URLs in the image"},
    ),
    ("sbom-merge-strategy", "", {"kind": "string", "metavar": "STRATEGY", "help": "How scans are merged"}),
    ("sbom-output", "", {"kind": "path", "metavar": "FILE", "help": "Write the SBOM to the file"}),
    (
        "sbom-purl-output",
        "",
        {"kind": "path", "metavar": "FILE", "help": "Write the package URLs to the file"},
    ),
    ("sbom-scanner-command", "", {"kind": "stringArray", "metavar": "COMMAND", "help": "Command that scans"}),
    ("sbom-scanner-image", "", {"kind": "string", "metavar": "IMAGE", "help": "Image with the scanner"}),
    (
        "secret",
        "",
        {"kind": "stringArray", "metavar": "id=ID,src=FILE", "help": "Secret for RUN --mount=type=secret"},
    ),
    (
        "skip-unused-stages",
        "",
        {"kind": "bool", "default": True, "help": "Skip stages that the target does not need"},
    ),
    (
        "source-date-epoch",
        "",
        {
            "kind": "string",
            "env": "SOURCE_DATE_EPOCH",
            "help": "Time for records; files changed by the build get it too",
        },
    ),
    ("source-policy-file", "", {"kind": "path", "help": "Rules about base images: allow, deny, replace"}),
    ("squash", "", {"kind": "bool", "help": "Write the image as a single layer"}),
    ("ssh", "", {"kind": "stringArray", "metavar": "ID[=SOCKET]", "help": "Agent for RUN --mount=type=ssh"}),
    (
        "stage-labels",
        "",
        {"kind": "bool", "help": "With --save-stages: label every stage's image with its name and base"},
    ),
    ("stdin", "", {"kind": "bool", "help": "Pass standard input to commands"}),
    ("tag", "t", {"kind": "stringArray", "metavar": "NAME", "help": "Name for the image"}),
    ("target", "", {"kind": "string", "help": "Stage to build"}),
    (
        "timestamp",
        "",
        {"kind": "int", "default": -1, "help": "Set created times and file times, seconds since the epoch"},
    ),
    ("unsetannotation", "", {"kind": "strings", "help": "Remove an annotation of the base image"}),
    ("unsetenv", "", {"kind": "strings", "help": "Remove a variable of the base image"}),
    ("unsetlabel", "", {"kind": "strings", "help": "Remove a label of the base image"}),
    ("variant", "", {"kind": "string", "help": "Variant of the architecture to build for"}),
    (
        "verify",
        "",
        {
            "kind": "bool",
            "help": "Build twice, the second time without cache, and report the first difference",
        },
    ),
)
