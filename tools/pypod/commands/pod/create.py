"""`pypod pod create`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command
from pypod.options.pod import CREATE_POD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine

COMMAND = Command(
    "Create a new empty pod",
    description="Creates an empty pod, and prepares it to have containers added to it: its infra container holds "
    "the namespaces that they share. The pod's ID is then printed to stdout.",
    options=CREATE_POD,
    arguments=(Argument("pod_name", min=0, metavar="[NAME]"),),
    interspersed=False,
    examples=(
        ("pypod pod create --name web -p 8080:80", "a pod with a published port"),
        ("pypod run -d --pod web nginx", "a container in it"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pods
    from ocicore.errors import Error, InvalidInput
    from pypod.commands.container.create import resolver
    from pypod.session import create_command, open_engine

    values = dict(args.as_dict())
    given = set(args.given_names())
    if args.pod_name:
        if args.name:
            raise InvalidInput("cannot specify --name and NAME at the same time")
        values["name"] = args.pod_name
    engine = open_engine(ctx)
    if args.replace:
        _replace(engine, str(values["name"]))
    options = pods.PodOptions(values, given)
    pod = pods.create(engine, options, create_command=create_command(ctx), resolve=resolver(ctx, engine))
    if args.pod_id_file:
        try:
            with open(args.pod_id_file, "w") as file:
                file.write(pod.id)
        except OSError as error:
            from ocicore.engine import pod_verbs

            pod_verbs.remove(engine, pod, force=True)
            reason = (error.strerror or "").lower()
            raise Error(f"failed to write pod ID to file: {args.pod_id_file}: {reason}") from error
    ctx.print(pod.id)
    return 0


def _replace(engine: Engine, name: str) -> None:
    from ocicore.engine import pod_verbs
    from ocicore.errors import InvalidInput, NotFound

    if not name:
        raise InvalidInput("cannot replace pod without --name being set")
    try:
        pod_verbs.remove(engine, engine.state.pods.find(name), force=True)
    except NotFound:
        pass
