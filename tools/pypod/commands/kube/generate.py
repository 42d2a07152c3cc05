"""`pypod kube generate`, `pypod generate kube`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Generate Kubernetes YAML from containers, pods or volumes",
    description="Generates Kubernetes YAML from containers (which become one pod), pods or volumes. Whether the input is "
    "for a container or pod, the YAML describes a pod.",
    options=(
        Option("filename", "f", kind="path", metavar="string", help="Write output to the specified path"),
        Option("no-trunc", also=("notruncate",), hidden=True, help="Don't truncate annotations"),
        Option("podman-only", help="Add podman-only reserved annotations to the generated YAML file"),
        Option("replicas", "r", kind="int", default=1, help="Set the replicas number for Deployment kind"),
        Option("service", "s", help="Generate YAML for a Kubernetes service object"),
        Option(
            "type",
            "t",
            kind="string",
            default_text="pod",
            help="Generate YAML for the given Kubernetes kind: pod, deployment, daemonset or job",
        ),
    ),
    arguments=(
        Argument(
            "names",
            max=None,
            metavar="{CONTAINER...|POD...|VOLUME...}",
            completer="pypod.complete:for_kube",
        ),
    ),
    examples=(("pypod kube generate -f web.yml webpod", "a pod, into a file"),),
)


def run(args: Args, ctx: Context) -> int:
    import os

    from ocicore.errors import Conflict, Error, InvalidInput
    from ocicore.kube import generate
    from pypod.session import open_engine

    if args.given("filename") and not args.filename:
        raise InvalidInput('cannot write to "": no such file or directory')
    if args.filename and os.path.exists(args.filename):
        raise Conflict(f'cannot write to "{args.filename}"; file exists')
    engine = open_engine(ctx)
    text = generate.generate(
        engine,
        args.names,
        kind=(args.type if args.given("type") else engine.config.engine.kube_generate_type).lower(),
        service=args.service,
        replicas=args.replicas,
        podman_only=args.podman_only,
        version=ctx.program.version,
    )
    if not args.filename:
        ctx.stdout.write(text)
        return 0
    try:
        with open(args.filename, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Error(f"cannot write to {args.filename!r}: {(error.strerror or '').lower()}") from error
    return 0
