"""`pypod auto-update`: newer images for containers that run as services."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.types import SystemContext

COMMAND = Command(
    "Auto update containers according to their auto-update policy",
    description=(
        "Looks for newer images of containers that run in systemd units, fetches them and restarts the units.\n\n"
        'The label io.containers.autoupdate of a container says where to look: "registry" (or "image"): whether the '
        'registry has another image of that name, which must be written in full; "local": whether the name means '
        'another image here by now; "disabled": nowhere. The unit must make a new container at each start, as those of '
        "Quadlet files do and those of pypod generate systemd --new. A unit that does not come up with the new image is "
        "started with the old one again.\n\n"
        "pypod-auto-update.timer does it once a day: systemctl [--user] enable --now pypod-auto-update.timer"
    ),
    options=(
        Option(
            "authfile",
            kind="path",
            help="Path to the authentication file. Use REGISTRY_AUTH_FILE environment variable to override",
        ),
        Option("dry-run", help="Check for pending updates"),
        Option(
            "format",
            kind="string",
            help="Change the output format to JSON or a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("rollback", default=True, help="Rollback to previous image if update fails"),
        Option(
            "tls-verify",
            default=True,
            help="Require HTTPS and verify certificates when contacting registries",
        ),
    ),
    examples=(
        ("pypod auto-update --dry-run", "what would be updated"),
        ("pypod auto-update", "update, restart, and go back where a unit fails"),
    ),
)

_HEADERS = {
    "Unit": "UNIT",
    "Container": "CONTAINER",
    "ContainerName": "CONTAINER NAME",
    "ContainerID": "CONTAINER ID",
    "Image": "IMAGE",
    "Policy": "POLICY",
    "Updated": "UPDATED",
}
_SHOWN = ("Unit", "Container", "Image", "Policy", "Updated")


def run(args: Args, ctx: Context) -> int:
    import os

    from ocicore.cli import progress
    from ocicore.engine import auto_update, registry_context
    from ocicore.errors import InvalidInput
    from pypod.options.select import report
    from pypod.session import open_engine

    if args.given("authfile") and not os.path.exists(args.authfile):
        raise InvalidInput(
            f"credential file is not accessible: stat {args.authfile}: no such file or directory"
        )
    engine = open_engine(ctx)

    def context(authfile: str) -> SystemContext:
        made = registry_context.make(engine, args)
        if not args.given("tls-verify"):
            made.tls_verify = None
        return made.with_(authfile=authfile) if authfile else made

    options = auto_update.Options(dry_run=args.dry_run, rollback=args.rollback, context=context)
    with progress.shown(ctx.stderr) as shown:
        tasks, errors = auto_update.run(engine, options, shown)
    rows = [
        {
            "Unit": task.unit,
            "Container": f"{task.container.id[:12]} ({task.container.name})",
            "ContainerName": task.container.name,
            "ContainerID": task.container.id,
            "Image": task.image_name,
            "Policy": task.policy,
            "Updated": task.status,
        }
        for task in tasks
    ]
    if rows:
        _show(rows, args, ctx)
    return report(ctx, errors)


def _show(rows: list[dict[str, str]], args: Args, ctx: Context) -> None:
    from ocicore.cli import template

    if args.format == "json":
        from ocicore.cli.gojson import dumps

        ctx.print(dumps(rows, indent="    "))
    elif args.format:
        template.print_list(ctx.stdout, args.format, rows, name="auto-update", headers=_HEADERS)
    else:
        from ocicore.cli.table import print_table

        shown = [[row[key] for key in _SHOWN] for row in rows]
        print_table(ctx.stdout, [_HEADERS[key] for key in _SHOWN], shown)
