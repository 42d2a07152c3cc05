"""The command line of a build: what the options of `declared` mean. Only the programs print."""

from __future__ import annotations

from ocicore.build.inputs import Inputs, build_contexts, find_files
from ocicore.errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ocicore.build.options import BuildOptions
    from ocicore.image.copy import CopyOptions


def read(args: Any, context: str, inputs: Inputs, *, layers: bool) -> BuildOptions:
    """The build that the options describe.

    Args:
        layers: whether each step becomes an image (`uses_layers`).

    Raises:
        InvalidInput, NotFound: with buildah's wording where scripts match on it.
    """
    from ocicore.build.options import BuildOptions
    from ocicore.build.run_mounts import parse_secrets, parse_ssh

    inputs.cpp_flags = list(args.cpp_flag)
    folder, files = find_files(list(args.file), context, inputs)
    options = BuildOptions(files, folder)
    options.layers = layers
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
    options.secrets = parse_secrets(list(args.secret), inputs.environ)
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
    options.verify = args.verify
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
    if args.given("cw"):
        from ocicore.build import confidential

        confidential.require()
    if args.cache_from or args.cache_to:
        from ocicore.build import remote_cache

        # As with buildah they mean nothing without layers.
        options.cache_from = remote_cache.check(args.cache_from, "cache-from")
        options.cache_to = remote_cache.check(args.cache_to, "cache-to")
    options.cache_mounts = args.cache_mounts
    if options.cache_mounts and not (args.cache_from or args.cache_to):
        raise InvalidInput("--cache-mounts is for --cache-from and --cache-to", hint="give one of them")
    if args.cache_budget:
        from ocicore.build.run_mounts import parse_size

        options.cache_budget = parse_size(args.cache_budget)
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


def uses_layers(args: Any, environ: Mapping[str, str], *, default: bool) -> bool:
    """--layers, else what $BUILDAH_LAYERS says against the program's default."""
    if args.given("layers"):
        return bool(args.layers)
    text = environ.get("BUILDAH_LAYERS", "").lower()
    return text not in ("0", "false") if default else text in ("1", "true")


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
        if args.os or args.arch or args.variant:
            raise InvalidInput("invalid --platform may not be used with --os, --arch, or --variant")
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
