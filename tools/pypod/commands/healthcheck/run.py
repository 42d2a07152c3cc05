"""`pypod healthcheck run`: one check now."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Run the health check of a container",
    description="""Runs the health check of a container once, with all that follows from it (status, log, event, the action on failure);
the exit status is 0 when it is healthy and 1 when it is not.

By itself pypod's own conmon runs the check. Where another conmon is used, or healthcheck_timers = true stands in the table
[engine] of containers.conf, systemd does: a transient timer and service ID-NUMBER (ID-startup-NUMBER while the startup check has not
succeeded) of the system's manager, or the user's, start this command from the start of the container to its end. With
DISABLE_HC_SYSTEMD=true in the environment, or without systemd, there are no timers.""",
    options=(Option("ignore-result", help="Exit with 0 regardless of the healthcheck result"),),
    arguments=(Argument("container", completer="pypod.complete:running"),),
    examples=(("pypod healthcheck run web", "is it well?"),),
    statuses=((1, "the check failed"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import health_check, health_timers
    from ocicore.errors import NotFound
    from pypod.session import open_engine

    engine = open_engine(ctx)
    try:
        container = engine.state.containers.find(args.container)
    except NotFound:
        if health_timers.end_stray(engine, None):
            return 0
        raise
    if health_timers.end_stray(engine, container):
        return 0
    status, shown = health_check.run_once(engine, container)
    if status:
        ctx.print(shown)
    return 0 if args.ignore_result else status
