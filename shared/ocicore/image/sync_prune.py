"""Deletions carried over: what a synchronisation's destination has beyond the plan is removed.

Only repositories (or, in a directory, names) whose images the plan chose from a list are looked at. A registry deletes a
manifest with all its tags, so a tag whose manifest is still wanted is deleted by its name where the registry can do
that, and left there with a warning where it cannot.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ocicore.errors import Error
from ocicore.image.directory import DirectoryReference
from ocicore.image.docker import DockerReference
from ocicore.image.referrers import related_tag
from ocicore.image.types import ImageReference, SystemContext
from ocicore.registry.problems import RegistryError


@dataclass(frozen=True)
class Pruned:
    """What became of one surplus image: "pruned", "would prune", or "failed" with why."""

    destination: str
    outcome: str
    error: str = ""


def prune(
    targets: Iterable[ImageReference],
    digests: Mapping[str, str],
    *,
    context: SystemContext,
    dry_run: bool,
    mine: Callable[[str], bool],
    warn: Callable[[str], None],
) -> list[Pruned]:
    """Remove what is beside the targets.

    Args:
        targets: every image of the whole plan, also what other shards copy.
        digests: of what the destination is to have, by its reference; manifests of these are never deleted.
        mine: whether this process has to remove the image named; with shards each removes its part.
    """
    repositories: dict[str, list[DockerReference]] = {}
    folders: dict[str, set[str]] = {}
    for target in targets:
        if isinstance(target, DockerReference):
            repositories.setdefault(target.named.name, []).append(target)
        elif isinstance(target, DirectoryReference):
            path = os.path.normpath(target.path)
            folders.setdefault(path.rpartition(":")[0], set()).add(path)
    found: list[Pruned] = []
    for wanted in repositories.values():
        found += _Repository(wanted, digests, context, dry_run, mine, warn).prune()
    for stem, paths in folders.items():
        if stem:
            found += _prune_folders(stem, paths, dry_run, mine)
    return found


class _Repository:
    def __init__(
        self,
        wanted: list[DockerReference],
        digests: Mapping[str, str],
        context: SystemContext,
        dry_run: bool,
        mine: Callable[[str], bool],
        warn: Callable[[str], None],
    ) -> None:
        self._wanted = wanted
        self._digests = digests
        self._dry_run = dry_run
        self._mine = mine
        self._warn = warn
        self._client, self._path = wanted[0].connect(context)
        self._name = wanted[0].named.name

    def prune(self) -> list[Pruned]:
        tags = {item.named.tag for item in self._wanted if item.named.tag is not None}
        kept = {item.named.digest for item in self._wanted if item.named.digest is not None}
        surplus = [tag for tag in self._client.tags(self._path) if tag not in tags]
        if not surplus:
            return []
        for tag in tags:
            known = self._digests.get(f"docker://{self._name}:{tag}") or self._digest(tag)
            if known:
                kept.add(known)
        found = []
        for tag in surplus:
            name = f"docker://{self._name}:{tag}"
            if related_tag(tag) in kept or not self._mine(name):
                continue
            if self._dry_run:
                found.append(Pruned(name, "would prune"))
                continue
            try:
                if self._delete(tag, kept):
                    found.append(Pruned(name, "pruned"))
            except Error as exc:
                found.append(Pruned(name, "failed", exc.message))
        return found

    def _delete(self, tag: str, kept: set[str]) -> bool:
        digest = self._digest(tag)
        if not digest:
            return False
        if digest not in kept:
            self._client.delete_manifest(self._path, digest)
            return True
        try:
            self._client.delete_manifest(self._path, tag)
        except RegistryError as exc:
            if exc.http_status not in (400, 404, 405):
                raise
            self._warn(
                f"{self._name}:{tag} stays: its manifest is still wanted, and the registry deletes no tags"
            )
            return False
        return True

    def _digest(self, tag: str) -> str:
        found = self._client.head_manifest(self._path, tag)
        return found[0] if found is not None else ""


def _prune_folders(stem: str, wanted: set[str], dry_run: bool, mine: Callable[[str], bool]) -> list[Pruned]:
    """Directories NAME:TAG of images beside the wanted ones."""
    parent, base = os.path.split(stem)
    found = []
    try:
        names = sorted(os.listdir(parent or "."))
    except FileNotFoundError:
        return []
    for name in names:
        path = os.path.join(parent, name)
        if not name.startswith(base + ":") or path in wanted or not mine(f"dir:{path}"):
            continue
        # Only what is surely an image of the dir: transport.
        if not all(os.path.isfile(os.path.join(path, file)) for file in ("manifest.json", "version")):
            continue
        if dry_run:
            found.append(Pruned(f"dir:{path}", "would prune"))
            continue
        try:
            shutil.rmtree(path)
        except OSError as exc:
            found.append(Pruned(f"dir:{path}", "failed", (exc.strerror or str(exc)).lower()))
        else:
            found.append(Pruned(f"dir:{path}", "pruned"))
    return found
