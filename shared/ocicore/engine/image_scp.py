"""Copying images between the stores of users and of machines, without a registry (podman image scp).

A place is `USER@localhost::[IMAGE]` (another user here), `[USER@]HOST[:PORT]::[IMAGE]` (a machine reached by ssh) or IMAGE
(our own store). Where it comes from runs `save`, where it goes to runs `load`; a file lies between.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocicore.engine import remote
from ocicore.errors import Error, InvalidInput

if TYPE_CHECKING:
    from ocicore.engine.context import Engine


@dataclass(frozen=True)
class Place:
    """Where an image is or goes.

    Attributes:
        image: name or id, "" when the other side's name is kept.
        user: another user of this machine, "" for us.
        host, port: a machine reached by ssh ("user@host" is possible), "" for this one.
    """

    image: str
    user: str = ""
    host: str = ""
    port: str = ""

    @property
    def is_ours(self) -> bool:
        """Our own store."""
        return not (self.user or self.host)


def parse(text: str) -> Place:
    """Raises InvalidInput."""
    where, separator, image = text.partition("::")
    if not separator:
        return Place(text)
    if not where:
        raise InvalidInput(f"invalid place {text!r}: name a host before the two colons: HOST::IMAGE")
    user, at, host = where.rpartition("@")
    if at and host == "localhost":
        return Place(image, user=user.partition(":")[0])
    host = where.removeprefix("ssh://")
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        host = name
    else:
        port = ""
    # What ssh would take for an option, or a shell for more than a word, is no host.
    if not re.fullmatch(r"[A-Za-z0-9_.@\[\]:%-]+", host) or host.startswith("-"):
        raise InvalidInput(f"invalid host {host!r}")
    return Place(image, host=host, port=port)


def copy(engine: Engine, source: Place, target: Place, *, quiet: bool, archive_format: str = "") -> str:
    """Copy an image; what `load` said about it.

    Args:
        archive_format: of the file in between, "" for docker-archive.

    Raises:
        InvalidInput: nothing to copy, or nowhere to copy it to. Error: what one of the sides said.
    """
    if not source.image:
        raise InvalidInput("no source image specified: invalid argument")
    if source.is_ours and target.is_ours:
        raise InvalidInput("must specify a destination: invalid argument")
    descriptor, path = tempfile.mkstemp(prefix="pypod-scp-", dir=engine.environ.get("TMPDIR") or "/var/tmp")
    os.close(descriptor)
    try:
        save = ["save"] + (["-q"] if quiet else [])
        save += ["--format", archive_format] if archive_format else []
        with open(path, "wb") as file:
            remote.run(_words(engine, source, [*save, source.image]), engine.environ, stdout=file)
        load = ["load"] + (["-q"] if quiet else [])
        with open(path, "rb") as file:
            said = remote.run(_words(engine, target, load), engine.environ, stdin=file)
        if target.image:
            loaded = _loaded(said)
            remote.run(_words(engine, target, ["tag", loaded, target.image]), engine.environ)
    finally:
        os.unlink(path)
    return said


def _loaded(said: str) -> str:
    """The image that `load` named."""
    for line in said.splitlines():
        start, separator, name = line.partition(": ")
        if separator and start.startswith("Loaded image"):
            return name.strip()
    raise Error("the other side loaded the image without saying its name")


def _words(engine: Engine, place: Place, command: list[str]) -> list[str]:
    """Words that run one of our commands at a place."""
    if place.is_ours:
        return [*engine.self_command, *engine.options.global_words, *command]
    if place.user:
        return _as_user(engine, place.user, [*engine.self_command, *command])
    configured = remote.configuration(engine.config.engine.ssh_config, engine.user.home)
    return remote.words(place.host, command, port=place.port, configuration=configured)


def _as_user(engine: Engine, user: str, words: list[str]) -> list[str]:
    import pwd

    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise InvalidInput(f"user: unknown user {user}") from None
    if engine.rootless:
        return [
            remote.program("sudo", "transfers from an ordinary user's store to another's need sudo"),
            "-n",
            "-u",
            user,
            *words,
        ]
    setpriv = remote.program("setpriv", "install util-linux")
    change = [setpriv, f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups", "--"]
    env = [
        "/usr/bin/env",
        f"HOME={entry.pw_dir}",
        f"USER={user}",
        f"XDG_RUNTIME_DIR=/run/user/{entry.pw_uid}",
    ]
    return [*change, *env, "--chdir=/", *words] if entry.pw_uid else words
