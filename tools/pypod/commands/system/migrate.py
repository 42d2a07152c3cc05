"""`pypod system migrate`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Migrate containers",
    description="Stops the running containers, so that they come up with the settings of today; as an ordinary user the shared namespaces are made anew afterwards.",
    options=(
        Option("migrate-db", help="Migrate a BoltDB database to SQLite"),
        Option("new-runtime", kind="string", help="Specify a new runtime for all containers"),
    ),
    examples=(("pypod system migrate --new-runtime crun", "from now on with crun"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.engine import system_usage
    from ocicore.errors import InvalidInput
    from pypod.session import end_namespace, open_engine

    if args.migrate_db:
        raise InvalidInput(
            "--migrate-db: the state is SQLite from the beginning, there is nothing to migrate",
            hint="a BoltDB database is podman's own: use podman for it",
        )
    engine = open_engine(ctx)
    for name in system_usage.migrate(engine, args.new_runtime):
        ctx.print(f"stopped {name}")
    engine.close()
    end_namespace(engine)
    return 0
