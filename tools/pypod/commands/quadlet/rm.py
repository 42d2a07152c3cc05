"""`pypod quadlet rm`."""

from __future__ import annotations

import os

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.systemd.manager import Manager
    from ocicore.systemd.quadlet.installed import Installation

COMMAND = Command(
    "Remove Quadlets",
    description=(
        "Removes Quadlet files, or applications (.NAME.app) with all their files, and lets systemd forget their services. "
        "Volumes, networks and images that they made stay."
    ),
    options=(
        Option("all", "a", help="Remove all Quadlets for the current user"),
        Option("force", "f", help="Remove running quadlets"),
        Option("ignore", "i", help="Do not error for Quadlets that do not exist"),
        Option("reload-systemd", default=True, help="Reload systemd after removal"),
    ),
    arguments=(
        Argument(
            "quadlets", metavar="QUADLET [QUADLET...]", min=0, max=None, completer="pypod.complete:quadlets"
        ),
    ),
    examples=(("pypod quadlet rm --force web.container", "stop the service and remove the file"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import Error, InvalidInput, NotFound
    from ocicore.systemd.quadlet import paths
    from ocicore.systemd.quadlet.installed import Installation, find
    from ocicore.systemd.quadlet.keys import SECTIONS
    from pypod.commands import quadlet
    from pypod.options.select import report

    if not args.quadlets and not args.all:
        raise InvalidInput("at least one quadlet file must be selected")
    folders = quadlet.folders(ctx)
    installation = Installation(quadlet.install_folder(ctx))
    manager = quadlet.manager(ctx)
    errors: list[Error] = []
    chosen: dict[str, str] = {}
    names = list(args.quadlets)
    if args.all:
        chosen = {path.rpartition("/")[2]: path for path in paths.quadlet_files(folders, SECTIONS)}
    for name in names:
        if name.startswith(".") and name.endswith(".app"):
            members = [
                member for member in installation.members(name) if member.rpartition(".")[2] in SECTIONS
            ]
            if not members and not args.ignore:
                errors.append(Error(f"unable to remove Quadlet {name}: no such application"))
            names += members
            continue
        try:
            chosen[name] = find(name, folders)
        except NotFound as error:
            if args.ignore:
                ctx.print(name)
            else:
                errors.append(Error(f"unable to remove Quadlet {name}: {error.message}"))
        except Error as error:
            errors.append(Error(f"unable to remove Quadlet {name}: {error.message}"))
    removed = False
    for name, path in chosen.items():
        try:
            _remove(name, path, installation, manager, force=args.force)
        except Error as error:
            errors.append(Error(f"unable to remove Quadlet {name}: {error.message}", hint=error.hint))
            continue
        removed = True
        ctx.print(name)
    if removed and args.reload_systemd:
        manager.reload()
    return report(ctx, errors)


def _remove(name: str, path: str, installation: Installation, manager: Manager, *, force: bool) -> None:
    from ocicore.errors import Error, InUse
    from ocicore.systemd.quadlet.source import load
    from ocicore.systemd.unit_file import UnitFileError

    source = load(path, [], [])
    try:
        if source is not None:
            source.set_names()
    except UnitFileError:
        source = None  # it has no service, then
    if source is not None and not source.service.endswith("@"):
        unit = f"{source.service}.service"
        if manager.states([unit])[unit][1] in ("active", "activating", "reloading"):
            if not force:
                raise InUse(
                    f"quadlet {name} is running and force is not set, refusing to remove", hint="use --force"
                )
            manager.stop(unit)
    try:
        os.unlink(path)
    except OSError as error:
        raise Error(f"{path}: {error.strerror}")
    application = installation.application_of(name)
    if application:
        installation.forget(application, name)
