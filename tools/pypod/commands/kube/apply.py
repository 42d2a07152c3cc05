"""`pypod kube apply`: containers, pods and volumes, or a file of YAML, created in a Kubernetes cluster."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Deploy containers, pods, volumes, or Kubernetes YAML to a Kubernetes cluster",
    description="Creates through a cluster's API what `kube generate` makes of containers, pods and volumes, or what a file holds.",
    options=(
        Option(
            "ca-cert-file",
            kind="path",
            metavar="string",
            help='Path to the CA cert file for the Kubernetes cluster; "insecure" verifies nothing',
        ),
        Option("file", "f", kind="path", metavar="string", help="Path to the Kubernetes yaml file to deploy"),
        Option(
            "kubeconfig",
            "k",
            kind="path",
            metavar="string",
            env="KUBECONFIG",
            help="Path to the kubeconfig file for the Kubernetes cluster",
        ),
        Option("ns", kind="string", help="The namespace to deploy the workload to on the Kubernetes cluster"),
        Option("service", "s", help="Create a service object for the container being deployed"),
    ),
    arguments=(
        Argument(
            "names",
            min=0,
            max=None,
            metavar="[CONTAINER...|POD...|VOLUME...]",
            completer="pypod.complete:for_kube",
        ),
    ),
    examples=(
        ("pypod kube apply ctrName volName", "a container and a volume"),
        ("pypod kube apply --ns project -f fileName", "a file, into a namespace"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from ocicore.kube import cluster, documents, generate
    from pypod.session import open_engine

    if args.file and args.service:
        raise InvalidInput("cannot set --service and --file at the same time")
    if not args.kubeconfig:
        raise InvalidInput("kubeconfig not given, unable to connect to cluster", hint="give --kubeconfig")
    if args.file:
        if args.names:
            raise InvalidInput("names and --file cannot be used together")
        text = documents.read_file(args.file, ctx.stdin_bytes)
    else:
        if not args.names:
            raise InvalidInput("nothing to deploy: name containers, pods or volumes, or a --file")
        text = generate.generate(
            open_engine(ctx), args.names, service=args.service, version=ctx.program.version
        ).encode()
    objects = documents.load(text, args.file or "what was generated")
    if not objects:
        raise InvalidInput("yaml file provided is empty, cannot apply to a cluster")
    target = cluster.Cluster(args.kubeconfig, authority=args.ca_cert_file)
    ctx.print("Deploying to cluster...")
    for document in objects:
        target.create(document, args.ns or "default")
    ctx.print("Successfully deployed workloads to cluster!")
    return 0
