"""`pypod pod exists`: an exit status of 0 or 1."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Check if a pod exists in local storage",
    description="If the named pod exists in local storage, exits with 0, otherwise with 1.",
    arguments=(Argument("pod", completer="pypod.complete:pods"),),
    examples=(("pypod pod exists webpod", "0 when it is here"),),
    statuses=((1, "the pod does not exist"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import NotFound
    from pypod.session import open_engine

    try:
        open_engine(ctx).state.pods.find(args.pod)
    except NotFound:
        return 1
    return 0
