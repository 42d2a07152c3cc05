"""`pypod pod clone`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.pod import CLONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Clone an existing pod",
    description="Creates a copy of a pod and its containers; options change what is different. The ID of the new pod is printed.",
    options=(
        *CLONE,
        Option("destroy", help="Destroy the original pod"),
        Option("start", help="Start the new pod"),
    ),
    arguments=(
        Argument("pod", completer="pypod.complete:pods"),
        Argument("pod_name", min=0, metavar="[NAME]"),
    ),
    examples=(
        ("pypod pod clone webpod", "webpod-clone"),
        ("pypod pod clone --destroy webpod newpod", "renamed"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import pod_clone, pod_verbs
    from ocicore.errors import InvalidInput
    from pypod.commands.container.create import resolver
    from pypod.session import create_command, open_engine

    values = dict(args.as_dict())
    given = set(args.given_names())
    if args.pod_name:
        if args.name:
            raise InvalidInput("cannot specify --name and NAME at the same time")
        values["name"] = args.pod_name
    engine = open_engine(ctx)
    pod = engine.state.pods.find(args.pod)
    changes = {name: values[name] for name in given if name not in ("destroy", "start")}
    changes["name"] = values["name"]
    new = pod_clone.clone(
        engine,
        pod,
        changes,
        create_command=create_command(ctx),
        resolve=resolver(ctx, engine),
    )
    if args.destroy:
        pod_verbs.remove(engine, pod, force=True)
    if args.start:
        pod_verbs.start(engine, new)
    ctx.print(new.id)
    return 0
