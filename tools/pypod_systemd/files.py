"""What the commands about Quadlet files share: the engine they start, the folder's other files, the folder of services."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ocicore.systemd.quadlet.service import Host

if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.systemd.quadlet.service import Service
    from ocicore.systemd.unit_file import Entry


def host(args: Args, ctx: Context) -> Host:
    """Of this user, or of the system where it is asked for."""
    from pypod_systemd.session import engine_command

    given = ctx.environ.get("PODMAN")
    program = given or engine_command(ctx)[0]
    return Host(program, is_user=is_user(args))


def is_user(args: Args) -> bool:
    return bool(args.user) or os.geteuid() != 0


def generated_folder(args: Args, ctx: Context) -> str:
    """Where the manager's generators have put their services."""
    if is_user(args):
        runtime = ctx.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        return f"{runtime}/systemd/generator"
    return "/run/systemd/generator"


def service_of(path: str, host: Host) -> tuple[Service | None, list[str]]:
    """The service that a file becomes, beside the others in its folder; and what is wrong with it.

    Raises:
        InvalidInput: it is no Quadlet file.
    """
    from ocicore.systemd.quadlet import paths
    from ocicore.systemd.quadlet.convert import convert_all, load_all
    from ocicore.systemd.quadlet.installed import kind_of
    from ocicore.systemd.quadlet.keys import SECTIONS

    folder, name = os.path.split(os.path.abspath(path))
    kind_of(name)
    others = [file for file in paths.quadlet_files([folder], SECTIONS) if os.path.basename(file) != name]
    sources, problems = load_all([f"{folder}/{name}", *others], paths.DropIns([folder]))
    services, more = convert_all(sources, host)
    wrong = [str(problem.error) for problem in problems + more if problem.name == name]
    return next((service for service in services if service.source.name == name), None), wrong


def place(entry: Entry | None, path: str) -> str:
    """`web.container:5`, of an assignment."""
    if entry is None:
        return ""
    return f"{os.path.relpath(entry.path or path, os.path.dirname(path))}:{entry.line}"
