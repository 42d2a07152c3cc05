"""The command line of a build: options declared once for `pybuildah build` and `pypod build`, and what they mean.

Names, types and defaults are buildah's. `read` turns bound options into `BuildOptions`; only the programs print.
"""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput, MissingProgram, NotFound, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, BinaryIO

    from ocicore.build.options import BuildOptions
    from ocicore.build.remote import RemoteOptions
    from ocicore.image.copy import CopyOptions

#: (long, short, keyword arguments of `cli.declare.Option`): plain data, as this package may not import `cli`.
DECLARATION: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "annotation",
        "",
        {"kind": "stringArray", "metavar": "KEY[=VALUE]", "help": "Set an annotation of the image"},
    ),
    ("all-platforms", "", {"kind": "bool", "help": "Build for every platform that all base images have"}),
    ("arch", "", {"kind": "string", "help": "Architecture to build for"}),
    ("build-arg", "", {"kind": "stringArray", "metavar": "NAME=VALUE", "help": "Value of a build argument"}),
    ("build-arg-file", "", {"kind": "stringArray", "metavar": "FILE", "help": "File with NAME=VALUE lines"}),
    (
        "build-context",
        "",
        {"kind": "stringArray", "metavar": "NAME=PATH", "help": "Additional build context"},
    ),
    (
        "cache-from",
        "",
        {"kind": "stringArray", "metavar": "REPOSITORY", "help": "Look intermediate images up there, with --layers"},
    ),
    (
        "cache-to",
        "",
        {"kind": "stringArray", "metavar": "REPOSITORY", "help": "Put intermediate images there, with --layers"},
    ),
    ("cache-ttl", "", {"kind": "string", "help": "Only use cached images that are younger than this"}),
    ("compat-volumes", "", {"kind": "bool", "help": "Undo what RUN changes in volumes"}),
    ("compression-format", "", {"kind": "string", "help": "Compression of layers sent to --cache-to"}),
    ("compression-level", "", {"kind": "int", "default": -1, "help": "Compression level"}),
    (
        "created-annotation",
        "",
        {"kind": "bool", "help": "Set the annotation org.opencontainers.image.created"},
    ),
    ("cw", "", {"kind": "string", "metavar": "OPTIONS", "help": "Make a confidential workload image"}),
    ("disable-content-trust", "", {"kind": "bool", "help": "As with docker; images are checked by policy.json"}),
    ("force-compression", "", {"kind": "bool", "help": "Recompress layers that have another compression"}),
    ("compress", "", {"kind": "bool", "help": "Name new layers in their compressed form, as the next registry gets them"}),
    ("cpp-flag", "", {"kind": "stringArray", "help": "Flag for the preprocessor of Containerfile.in"}),
    ("disable-compression", "D", {"kind": "bool", "default": True, "help": "Do not compress layers"}),
    ("env", "", {"kind": "stringArray", "metavar": "NAME[=VALUE]", "help": "Set a variable of the image"}),
    ("explain-cache", "", {"kind": "bool", "help": "Say for each step why the cache was hit or missed"}),
    (
        "file",
        "f",
        {"kind": "stringArray", "metavar": "PATH|URL", "help": "Containerfile, - for standard input"},
    ),
    ("force-rm", "", {"kind": "bool", "help": "Always remove working containers"}),
    ("format", "", {"kind": "string", "env": "BUILDAH_FORMAT", "help": "Format of the image: oci or docker"}),
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
    ("os", "", {"kind": "string", "help": "Operating system to build for"}),
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
        },
    ),
    ("pull-always", "", {"kind": "bool", "hidden": True, "help": "Pull images even if they are there"}),
    ("pull-never", "", {"kind": "bool", "hidden": True, "help": "Never pull images"}),
    ("quiet", "q", {"kind": "bool", "help": "Print the image ID only"}),
    (
        "reproducible",
        "",
        {"kind": "bool", "default": True, "help": "Take times from the base image, not from the clock"},
    ),
    (
        "rewrite-timestamp",
        "",
        {"kind": "bool", "help": "With --source-date-epoch: no file is younger than that"},
    ),
    (
        "rm",
        "",
        {"kind": "bool", "default": True, "help": "Remove working containers after a successful build"},
    ),
    ("runtime", "", {"kind": "path", "help": "OCI runtime"}),
    ("runtime-flag", "", {"kind": "strings", "help": "Global flags for the runtime"}),
    (
        "save-stages",
        "",
        {"kind": "bool", "help": "Keep an image of every stage"},
    ),
    ("sbom", "", {"kind": "string", "metavar": "PRESET", "help": "Scan the image: syft, syft-spdx, trivy, trivy-spdx"}),
    ("sbom-image-output", "", {"kind": "string", "metavar": "PATH", "help": "Path of the SBOM in the image"}),
    (
        "sbom-image-purl-output",
        "",
        {"kind": "string", "metavar": "PATH", "help": "Path of the list of package URLs in the image"},
    ),
    ("sbom-merge-strategy", "", {"kind": "string", "metavar": "STRATEGY", "help": "How scans are merged"}),
    ("sbom-output", "", {"kind": "path", "metavar": "FILE", "help": "Write the SBOM to the file"}),
    ("sbom-purl-output", "", {"kind": "path", "metavar": "FILE", "help": "Write the package URLs to the file"}),
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
)


class Inputs:
    """What a build reads besides its options.

    Args:
        environ: variables (build arguments without a value, SSH_AUTH_SOCK).
        stdin: standard input, for `-f -` and a context from a pipe.
        scratch: folder for downloaded contexts, removed by the caller.
        remote: how to fetch a context.
        warn: told what is ignored.
    """

    __slots__ = ("cpp_flags", "debug", "environ", "remote", "scratch", "stdin", "warn")

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        stdin: Callable[[], BinaryIO],
        scratch: str,
        remote: Callable[[], RemoteOptions],
        warn: Callable[[str], None] | None = None,
        debug: Callable[[str], None] | None = None,
    ) -> None:
        self.cpp_flags: list[str] = []
        self.warn = warn or (lambda text: None)
        self.debug = debug or (lambda text: None)
        self.environ = environ
        self.stdin = stdin
        self.scratch = scratch
        self.remote = remote


def read(args: Any, context: str, inputs: Inputs) -> BuildOptions:
    """The build that the options describe.

    Raises:
        InvalidInput, NotFound: with buildah's wording where scripts match on it.
    """
    from ocicore.build.options import BuildOptions
    from ocicore.build.run_mounts import parse_secrets, parse_ssh

    inputs.cpp_flags = list(args.cpp_flag)
    folder, files = find_files(list(args.file), context, inputs)
    options = BuildOptions(files, folder)
    options.tags = list(args.tag)
    options.target = args.target
    options.build_args = build_arguments(args, inputs.environ)
    options.labels = list(args.label)
    options.layer_labels = dict(text.partition("=")[::2] for text in args.layer_label)
    options.annotations = list(args.annotation)
    options.envs = list(args.env)
    options.unset_env = list(args.unsetenv)
    options.unset_labels = list(args.unsetlabel)
    options.unset_annotations = list(args.unsetannotation)
    options.format = image_format(args.format)
    options.compress = not args.disable_compression or args.compress
    options.use_cache = not args.no_cache
    options.squash = args.squash
    options.pull = _pull_policy(args)
    options.quiet = args.quiet
    options.jobs = args.jobs
    if options.jobs < 0:
        raise InvalidInput(f"--jobs {options.jobs}: must be 0 or more")
    options.iid_file = args.iidfile
    options.iid_file_raw = args.iidfile_raw
    options.metadata_file = args.metadata_file
    options.timestamp = args.timestamp if args.timestamp >= 0 else None
    options.source_date_epoch = _epoch(args.source_date_epoch)
    options.rewrite_timestamp = args.rewrite_timestamp
    options.reproducible = args.reproducible
    options.secrets = parse_secrets(list(args.secret))
    options.ssh = parse_ssh(list(args.ssh), inputs.environ)
    options.base = args.from_
    options.ignore_file = args.ignorefile
    options.identity_label = args.identity_label
    options.omit_history = args.omit_history
    options.inherit_labels = args.inherit_labels
    options.inherit_annotations = args.inherit_annotations
    options.skip_unused_stages = args.skip_unused_stages
    options.remove_containers = args.rm
    options.force_remove = args.force_rm
    options.explain_cache = args.explain_cache
    options.pass_stdin = args.stdin
    options.manifest = args.manifest
    options.hooks_dirs = list(args.hooks_dir)
    options.mounts = list(args.mount)
    options.no_hosts = args.no_hosts
    options.no_hostname = args.no_hostname
    options.os_features = list(args.os_feature)
    options.os_version = args.os_version
    platforms = platforms_of(args, options.build_args)
    options.platform = platforms[0] if platforms else ""
    options.platforms = platforms if len(platforms) > 1 else []
    options.all_platforms = args.all_platforms
    if args.cw:
        from ocicore.build import confidential

        confidential.require()
    if args.cache_from or args.cache_to:
        from ocicore.build import remote_cache

        # As with buildah they mean nothing without layers; a wrong one is only then an error.
        options.cache_from = list(args.cache_from)
        options.cache_to = list(args.cache_to)
        if getattr(args, "layers", False):
            options.cache_from = remote_cache.check(args.cache_from, "cache-from")
            options.cache_to = remote_cache.check(args.cache_to, "cache-to")
    options.log_usage = args.log_rusage
    options.usage_file = args.rusage_logfile
    if options.usage_file:
        open(options.usage_file, "w").close()
    options.compat_volumes = args.compat_volumes
    options.created_annotation = args.created_annotation
    options.save_stages = args.save_stages
    options.stage_labels = args.stage_labels
    if args.stage_labels and not args.save_stages:
        raise InvalidInput("--stage-labels requires --save-stages")
    options.source_policy = args.source_policy_file
    from ocicore.build import sbom

    options.sbom = sbom.read(args)
    options.build_contexts = build_contexts(list(args.build_context), inputs)
    if args.cache_ttl:
        from ocicore.build.draft import parse_duration

        try:
            options.cache_ttl = parse_duration(args.cache_ttl)
        except ValueError as error:
            raise InvalidInput(
                f'unable to parse value provided "{args.cache_ttl}" to --cache-ttl: {error}'
            ) from error
        if options.cache_ttl == 0:
            inputs.debug("Setting --no-cache=true since --cache-ttl was set to 0s: nothing is young enough")
            options.use_cache = False
    if args.output:
        from ocicore.build.output import parse

        options.output = parse(args.output)
    return options


def image_format(text: str) -> Any:
    """ "oci" or "docker" from --format."""
    known = {
        "": "oci",
        "oci": "oci",
        "docker": "docker",
        "application/vnd.oci.image.manifest.v1+json": "oci",
        "application/vnd.docker.distribution.manifest.v2+json": "docker",
    }
    if text not in known:
        raise InvalidInput(f'unrecognized image type "{text}"', hint="oci or docker")
    return known[text]


def _pull_policy(args: Any) -> str:
    if args.pull_always:
        return "always"
    if args.pull_never:
        return "never"
    known = {
        "true": "missing",
        "missing": "missing",
        "ifmissing": "missing",
        "always": "always",
        "newer": "newer",
        "ifnewer": "newer",
        "never": "never",
        "false": "never",
        "": "missing",
    }
    policy = known.get(args.pull.lower())
    if policy is None:
        raise InvalidInput(f'unrecognized pull policy "{args.pull}"', hint="always, missing, never or newer")
    return policy


def _epoch(text: str) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InvalidInput(f'--source-date-epoch "{text}": not a number of seconds') from error


def cache_copy(args: Any) -> CopyOptions:
    """How images go to the repositories of --cache-to."""
    from ocicore.image.copy import CopyOptions

    return CopyOptions(
        compression=args.compression_format,
        compression_level=args.compression_level if args.compression_level >= 0 else None,
        force_compression=args.force_compression,
    )


def platforms_of(args: Any, build_args: Mapping[str, str]) -> list[str]:
    """--platform, or --os, --arch and --variant, as texts; [] for the host's."""
    from ocicore.oci import platform as platforms

    if args.platform:
        return list(dict.fromkeys(str(platforms.parse(_completed(text))) for text in args.platform))
    if not (args.os or args.arch or args.variant):
        wanted = build_args.get("TARGETPLATFORM", "")
        return [str(platforms.parse(wanted))] if wanted else []
    host = platforms.host()
    variant = f"/{args.variant}" if args.variant else ""
    return [f"{args.os or host.os}/{args.arch or host.architecture}{variant}"]


def _completed(text: str) -> str:
    """A platform whose empty parts are the host's: "windows/", "/arm", "/"."""
    from ocicore.oci import platform as platforms

    os_name, separator, rest = text.partition("/")
    if not separator or (os_name and rest):
        return text
    host = platforms.host()
    return f"{os_name or host.os}/{rest or host.architecture}"


def build_arguments(args: Any, environ: Mapping[str, str]) -> dict[str, str]:
    """--build-arg-file and --build-arg; a name alone takes the caller's variable."""
    result: dict[str, str] = {}
    for path in args.build_arg_file:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as stream:
                lines = stream.read().splitlines()
        except OSError as error:
            raise NotFound(f"reading build-arg file {path}: {(error.strerror or '').lower()}") from error
        for line in lines:
            text = line.strip()
            if text and not text.startswith("#"):
                _argument(result, text, environ)
    for text in args.build_arg:
        _argument(result, text, environ)
    return result


def _argument(result: dict[str, str], text: str, environ: Mapping[str, str]) -> None:
    name, separator, value = text.partition("=")
    if separator:
        result[name] = value
    elif name in environ:
        result[name] = environ[name]
    else:
        result.pop(name, None)


def build_contexts(texts: list[str], inputs: Inputs) -> dict[str, tuple[str, str]]:
    """--build-context NAME=PATH | NAME=docker://IMAGE | NAME=URL."""
    result: dict[str, tuple[str, str]] = {}
    for number, text in enumerate(texts):
        name, separator, value = text.partition("=")
        if not separator or not name or not value:
            raise InvalidInput(
                f"while parsing additional build context: {text}: accepts value in the form of key=value",
                hint="expected NAME=PATH, NAME=docker://IMAGE or NAME=URL",
            )
        for prefix in ("docker-image://", "container-image://", "docker://"):
            if value.startswith(prefix):
                result[name] = ("image", value.removeprefix(prefix))
                break
        else:
            if value.startswith(("http://", "https://", "git://", "git@")):
                from ocicore.build.remote import fetch_context

                folder = os.path.join(inputs.scratch, f"context-{number}")
                os.mkdir(folder, 0o700)
                value = fetch_context(value, folder, inputs.remote())
            elif not os.path.isdir(value):
                raise NotFound(f'build context "{name}": {value}: not a directory')
            result[name] = ("directory", os.path.abspath(value))
    return result


def find_files(files: list[str], context: str, inputs: Inputs) -> tuple[str, list[tuple[str, str]]]:
    """The context's directory and the Containerfiles' (name, text) pairs.

    Raises:
        NotFound: there is none ("no such file or directory" in buildah's words).
    """
    folder = context
    if context == "-" or is_remote(context):
        folder = _fetched(context, inputs)
    folder = os.path.abspath(folder or ".")
    if os.path.isfile(folder) and not files:
        return os.path.dirname(folder), [(folder, _text(folder))]
    if not os.path.exists(folder):
        raise NotFound(f"discovering Containerfile: stat {folder}: no such file or directory")
    if not files:
        found = _discover(folder)
        if not found:
            for name in ("Containerfile", "Dockerfile"):
                if os.path.isdir(os.path.join(folder, name)):
                    raise InvalidInput(f'assumed Containerfile "{os.path.join(folder, name)}" is not a file')
            raise NotFound(
                f"cannot find Containerfile or Dockerfile in context directory: no Containerfile or Dockerfile "
                f"specified or found in context directory, {folder}: no such file or directory"
            )
        return folder, [(found, _text(found))]
    texts = []
    for name in files:
        if name in ("-", "/dev/stdin"):
            texts.append(("/dev/stdin", inputs.stdin().read().decode("utf-8", "surrogateescape")))
        elif name.startswith(("http://", "https://")):
            from ocicore.build.remote import download

            path = os.path.join(inputs.scratch, f"containerfile-{len(texts)}")
            download(name, path, inputs.remote())
            texts.append((name, _text(path)))
        else:
            texts.append(_local(name, folder, inputs))
    return folder, texts


def is_remote(context: str) -> bool:
    """Whether a context is fetched: a URL, or a repository as docker takes them (github.com/OWNER/NAME)."""
    return context.startswith(("http://", "https://", "git://", "git@", "ssh://", "github.com/"))


def _fetched(context: str, inputs: Inputs) -> str:
    from ocicore.build.remote import fetch_context

    folder = os.path.join(inputs.scratch, "context-main")
    os.mkdir(folder, 0o700)
    if context != "-":
        return fetch_context(context, folder, inputs.remote())
    path = os.path.join(folder, "stdin")
    with open(path, "wb") as stream:
        source = inputs.stdin()
        while data := source.read(1 << 20):
            stream.write(data)
    from ocicore.build.archives import extract, is_archive
    from ocicore.build.content import ItemDigest
    from ocicore.build.transfer import Ownership

    target = os.path.join(folder, "files")
    os.mkdir(target, 0o755)
    if is_archive(path):
        descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            extract(path, descriptor, ItemDigest(""), in_user_namespace=True, ownership=Ownership())
        finally:
            os.close(descriptor)
    else:
        os.rename(path, os.path.join(target, "Containerfile"))
    return target


def _discover(folder: str) -> str:
    for name in ("Containerfile", "Dockerfile"):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    return ""


def _local(name: str, folder: str, inputs: Inputs) -> tuple[str, str]:
    candidates = [name] if os.path.isabs(name) else [name, os.path.join(folder, name)]
    for path in candidates:
        if os.path.isfile(path):
            if path.endswith(".in"):
                return path, _preprocessed(path, folder, inputs)
            return path, _text(path)
    for path in candidates:
        if os.path.isdir(path):
            raise InvalidInput(f'containerfile: "{path}" cannot be path to a directory')
    try:
        os.stat(candidates[-1])
    except OSError as error:
        raise NotFound(f"stat {os.path.abspath(candidates[-1])}: {(error.strerror or '').lower()}") from error
    raise InvalidInput(f"containerfile {candidates[-1]}: is not a file")


def _preprocessed(path: str, folder: str, inputs: Inputs) -> str:
    """A Containerfile.in through the C preprocessor, with buildah's flags."""
    from ocicore.linux import spawn

    program = spawn.find("cpp", inputs.environ.get("PATH", "/usr/bin:/bin").split(":"))
    if not program:
        raise MissingProgram(f"{path}: cpp is not installed", hint="install the package cpp")
    flags = [
        word
        for text in [inputs.environ.get("BUILDAH_CPPFLAGS", ""), *inputs.cpp_flags]
        for word in text.split()
    ]
    argv = [program, *flags, "-E", "-iquote", folder, "-traditional", "-undef", "-"]
    with open(path, "rb") as stream:
        done = spawn.capture(argv, inputs.environ, stream.read())
    if done.status:
        problem = done.stderr.decode("utf-8", "replace").strip()
        if not done.stdout:
            raise Error(f"preprocessing {path}: {' '.join(problem.split())}")
        inputs.warn(f"Ignoring {problem}")
    text = done.stdout.decode("utf-8", "surrogateescape")
    # Line markers look like comments; without them lines of messages count in the result.
    return "\n".join(line for line in text.split("\n") if not line.startswith("# "))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    except OSError as error:
        raise Error(f"reading {path}: {(error.strerror or '').lower()}") from error
    if not text.strip():
        raise InvalidInput(f'no contents in "{path}"')
    return text
