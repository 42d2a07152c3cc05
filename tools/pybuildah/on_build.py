"""ONBUILD triggers of an image, done by `from` in the new container as buildah does; afterwards the container has none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ocicore.errors import Error

if TYPE_CHECKING:
    from ocicore.build.containerfile import Instruction
    from ocicore.build.working import WorkingContainer
    from ocicore.cli.bind import Args
    from pybuildah.session import Session


def perform(session: Session, container: WorkingContainer, args: Args) -> None:
    """Run every trigger in order.

    Raises:
        Error: one of them failed; the caller removes the container.
    """
    from ocicore.build import containerfile
    from pybuildah import changes

    triggers = container.draft.command("OnBuild")
    container.draft.set_list("OnBuild", None)
    for text in triggers:
        instruction = containerfile.parse_line(text, "ONBUILD", 1)
        if instruction.name == "run":
            _run(session, container, instruction, args)
        elif instruction.name in ("add", "copy"):
            _copy(session, container, instruction)
        else:
            changes.apply(container.draft, [text], "")


def _run(session: Session, container: WorkingContainer, instruction: Instruction, args: Args) -> None:
    import contextlib

    from ocicore.build import run as runs
    from ocicore.cli import interrupt

    draft = container.draft
    words = list(instruction.args)
    if not instruction.json:
        words = [*(draft.command("Shell") or ("/bin/sh", "-c")), *words]
    options = runs.RunOptions(words)
    options.env = draft.env()
    options.user = draft.text("User")
    options.working_dir = draft.text("WorkingDir") or "/"
    environment = session.environment(args)
    with interrupt.ending(environment.interrupt), contextlib.closing(environment):
        root = container.mount()
        try:
            status = runs.run(container, root, options, environment)
        finally:
            container.unmount()
    if status:
        raise Error(
            f"ONBUILD {instruction.original}: while running runtime: exit status {status}", status=status
        )


def _copy(session: Session, container: WorkingContainer, instruction: Instruction) -> None:
    from ocicore.build import copy_context
    from ocicore.build.draft import absolute_path
    from ocicore.build.transfer import Ownership

    working_dir = container.draft.text("WorkingDir") or "/"
    *sources, destination = instruction.args
    maps = container.id_maps()
    options = copy_context.AddOptions(
        os.getcwd(),
        absolute_path(destination, working_dir),
        Ownership(owner=(0, 0), uid_map=maps[0] if maps else None, gid_map=maps[1] if maps else None),
        extract=instruction.name == "add",
        working_dir=working_dir,
        in_user_namespace=session.user.rootless,
    )
    root = container.mount()
    try:
        copy_context.add(root, sources, options)
    finally:
        container.unmount()
