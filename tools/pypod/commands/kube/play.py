"""`pypod kube play`: pods, volumes and secrets from Kubernetes YAML."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.create import LOG_OPTIONS
from pypod.options.registry import REGISTRY, SIGNATURE_POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.image.local import LocalImage
    from ocicore.kube.play import FindImage, Report

COMMAND = Command(
    "Play a pod or volume based on Kubernetes YAML",
    description="Reads in a structured file of Kubernetes YAML, and makes and starts what it describes: Pods, "
    "Deployments, DaemonSets, Jobs, PersistentVolumeClaims and Secrets; ConfigMaps are used by them.",
    options=(
        Option("annotation", kind="stringArray", help="Add annotations to pods (key=value)"),
        Option("build", kind="tristate", help="Build all images in a YAML (given Containerfiles exist)"),
        Option(
            "configmap",
            kind="stringArray",
            metavar="Pathname",
            completer="file",
            help="Pathname of a YAML file containing a kubernetes configmap",
        ),
        Option("context-dir", kind="path", metavar="string", help="Path to top level of context directory"),
        Option("down", hidden=True, help="Stop pods defined in the YAML file"),
        Option("force", help="Remove volumes as part of --down"),
        Option("ip", kind="strings", metavar="ipSlice", help="Static IP addresses to assign to the pods"),
        *LOG_OPTIONS,
        Option("mac-address", kind="strings", help="Static MAC addresses to assign to the pods"),
        Option(
            "network",
            kind="stringArray",
            also=("net",),
            help="Connect pod to network(s) or network mode",
            completer="pypod.complete_options:network",
        ),
        Option(
            "no-hostname",
            help="Do not create /etc/hostname within the container, instead use the version from the image",
        ),
        Option(
            "no-hosts", help="Do not create /etc/hosts within the pod's containers, instead use the image's"
        ),
        Option("no-pod-prefix", help="Do not prefix container name with pod name"),
        Option("no-trunc", also=("notruncate",), hidden=True, help="Annotations are used whole, as always"),
        Option(
            "publish", kind="strings", help="Publish a container's port, or a range of ports, to the host"
        ),
        Option(
            "publish-all",
            help="Whether to publish all ports defined in the K8S YAML file (containerPort, hostPort), if false only hostPort will be published",
        ),
        Option("quiet", "q", help="Suppress output information when pulling images"),
        Option("replace", help="Delete and recreate pods defined in the YAML file"),
        Option(
            "seccomp-profile-root",
            kind="path",
            metavar="string",
            default="/var/lib/kubelet/seccomp",
            help="Directory path for seccomp profiles",
        ),
        Option("service-container", hidden=True, help="Start a service container before all pods"),
        Option(
            "service-exit-code-propagation",
            kind="string",
            hidden=True,
            help="How the service container ends when containers fail: none, any or all",
        ),
        Option("start", default=True, help="Start the pod after creating it"),
        Option(
            "userns",
            kind="string",
            help="User namespace to use",
            completer="pypod.complete_options:user_namespace",
        ),
        Option("wait", "w", help="Clean up all objects created when a SIGTERM is received or pods exit"),
        *REGISTRY,
        SIGNATURE_POLICY,
    ),
    arguments=(Argument("file", metavar="[KUBEFILE|-]", completer="file"),),
    examples=(
        ("pypod kube play nginx.yml", "make and start everything in a file"),
        ("cat nginx.yml | pypod kube play -", "the same from standard input"),
        ("pypod kube play --replace nginx.yml", "in place of what is there"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from ocicore.kube import documents
    from pypod.commands.kube.down import take_down
    from pypod.session import open_engine

    _check(args)
    text = documents.read_file(args.file, ctx.stdin_bytes)
    objects = documents.load(text, args.file)
    engine = open_engine(ctx)
    if args.down:
        return take_down(ctx, engine, objects, text, force=args.force)
    if args.replace:
        take_down(ctx, engine, objects, text, force=args.force)
    if not objects:
        raise InvalidInput("YAML document does not contain any supported kube kind")
    if args.wait:
        ctx.print("Use ctrl+c to clean up or wait for pods to exit")
        ctx.stdout.flush()
    report = _play(args, ctx, engine, objects, text)
    status = _show(ctx, report) or report.exit_code
    if not args.wait:
        return status
    _wait(engine, report)
    ctx.print("Cleaning up containers, pods, and volumes...")
    return take_down(ctx, engine, objects, text, force=True)


def _check(args: Args) -> None:
    """Raises InvalidInput for combinations that make no sense."""
    from ocicore.errors import InvalidInput

    if args.context_dir and not args.build:
        raise InvalidInput("--build must be specified when using --context-dir option")
    if args.service_container and not args.start:
        raise InvalidInput("--service-container does not work with --start=stop")
    if args.force and not (args.down or args.replace):
        raise InvalidInput("--force may be specified only with --down")


def _play(args: Args, ctx: Context, engine: Engine, objects: Any, text: bytes) -> Report:
    from ocicore.errors import InvalidInput
    from ocicore.kube import documents, play
    from pypod.session import create_command

    annotations = {}
    for entry in args.annotation:
        key, equals, value = entry.partition("=")
        if not equals:
            raise InvalidInput(f"annotation \"{entry}\" must include an '=' sign")
        annotations[key] = value
    config_maps = []
    for path in args.configmap:
        for value in documents.load(documents.read_file(path, ctx.stdin_bytes), path):
            if value["kind"] != "ConfigMap":
                raise InvalidInput(
                    f'"{path}": invalid YAML kind: "{value["kind"]}". [ConfigMap] is the only supported by --configmap'
                )
            config_maps.append(value)
    options = play.PlayOptions(
        args.as_dict(),
        annotations=annotations,
        config_maps=config_maps,
        create_command=create_command(ctx),
        service=args.service_container or args.wait,
        exit_codes=args.service_exit_code_propagation,
    )
    return play.play(engine, objects, options, find_image=_finder(args, ctx, engine), text=text)


def _finder(args: Args, ctx: Context, engine: Engine) -> FindImage:
    """Finds an image; builds it from a directory of its name where --build says so; else pulls it."""
    known: dict[str, LocalImage] = {}

    def find(name: str, policy: str) -> LocalImage:
        from ocicore.cli import progress
        from ocicore.engine import image_choice

        if name in known:
            return known[name]
        if args.build is not False and _build(args, ctx, engine, name):
            known[name] = engine.images.find(name)
            return known[name]
        with progress.shown(ctx.stderr, quiet=args.quiet) as shown:
            found = image_choice.pull(engine, name, args, policy=policy, wanted=None, progress=shown)[0]
        known[name] = found
        return found

    return find


def _build(args: Args, ctx: Context, engine: Engine, name: str) -> bool:
    """Build the image from the directory named after it; False when there is none, or nothing is to be built."""
    import os

    from ocicore.errors import Error
    from ocicore.linux import spawn
    from pypod.session import self_command

    stem = name.rpartition("/")[2].partition("@")[0].partition(":")[0]
    folder = os.path.join(args.context_dir or os.getcwd(), stem)
    for file in ("Containerfile", "Dockerfile"):
        if os.path.isfile(f"{folder}/{file}"):
            break
    else:
        return False
    if not args.build and engine.images.exists(name):
        return False
    ctx.stdout.flush()
    words = [
        *self_command(ctx),
        *engine.options.global_words,
        "build",
        *(["--authfile", args.authfile] if args.authfile else []),
        *([] if args.tls_verify is None else [f"--tls-verify={str(args.tls_verify).lower()}"]),
        "-t",
        name,
        "-f",
        f"{folder}/{file}",
        folder,
    ]
    # What the build says is no part of our report.
    status = spawn.run(words, engine.environ, {1: 2})
    if status:
        raise Error(f"building image {name} from {folder}: exit status {status}")
    return True


def _show(ctx: Context, report: Report) -> int:
    from ocicore.errors import Error

    for heading, names in (("Volumes:", report.volumes), ("Secrets:", report.secrets)):
        if names:
            ctx.print(heading)
            for name in names:
                ctx.print(name)
    failed = 0
    for played in report.pods:
        ctx.print("Pod:")
        ctx.print(played.pod.id)
        if not played.containers:
            continue
        ctx.print("Container:" if len(played.containers) == 1 else "Containers:")
        for container in played.containers:
            ctx.print(container.id)
        if played.errors:
            ctx.print("")
            ctx.stdout.flush()
        for text in played.errors:
            ctx.stderr.write(text + "\n")
        failed += len(played.errors)
        ctx.print("")
    if failed:
        raise Error(f"failed to start {failed} containers")
    return 0


def _wait(engine: Engine, report: Report) -> None:
    """Until the pods have ended, or SIGINT or SIGTERM comes."""
    import signal

    from ocicore.engine import waiting

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        waiting.wait(engine, report.service_id, frozenset(), 250_000_000, ignore=True)
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
