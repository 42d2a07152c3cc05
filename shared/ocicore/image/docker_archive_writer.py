"""Writes `docker save` archives: layers, configurations, legacy entries, manifest.json, repositories."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from ocicore.errors import Error
from ocicore.image import go_json
from ocicore.image.tar_writer import DeterministicTar, written_in_place
from ocicore.oci import digest as digests
from ocicore.oci.manifest import Manifest
from ocicore.oci.reference import parse_normalized

_LEGACY_KEYS = ("architecture", "config", "container", "container_config", "created", "docker_version", "os")


class DockerArchiveWriter:
    """An archive that grows image by image and appears whole when it is closed.

    Args:
        path: where it goes; a pipe, a device or a link is written in place.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._temporary = None if written_in_place(path) else f"{path}.{os.getpid()}.partial"
        try:
            self._file = open(self._temporary or path, "wb")
        except OSError as exc:
            raise Error(f"writing {path}: {(exc.strerror or str(exc)).lower()}") from exc
        self._tar = DeterministicTar(self._file)
        self._items: list[dict[str, Any]] = []
        self._repositories: dict[str, dict[str, str]] = {}

    def add(self, folder: str, manifest: Manifest, names: Sequence[str]) -> None:
        """Add an image.

        Args:
            folder: where its blobs are, named by their hexadecimal digests.
            manifest: Docker v2 schema 2 over uncompressed layers.
            names: full names with tags.
        """
        assert manifest.config is not None
        try:
            for layer in manifest.layers:
                self._add_file(
                    f"{digests.encoded(layer.digest)}.tar",
                    os.path.join(folder, digests.encoded(layer.digest)),
                )
            config_name = f"{digests.encoded(manifest.config.digest)}.json"
            config_path = os.path.join(folder, digests.encoded(manifest.config.digest))
            self._add_file(config_name, config_path)
            with open(config_path, "rb") as file:
                config = json.load(file)
            self._add_legacy(manifest, config, names)
        except OSError as exc:
            raise Error(f"writing {self._path}: {(exc.strerror or str(exc)).lower()}") from exc
        self._add_item(config_name, manifest, names)

    def close(self) -> None:
        """Write the tables and make the archive appear."""
        try:
            self._tar.add_bytes("manifest.json", go_json.dumps(self._items))
            ordered = {name: dict(sorted(tags.items())) for name, tags in sorted(self._repositories.items())}
            self._tar.add_bytes("repositories", go_json.dumps(ordered))
            self._tar.close()
            self._file.close()
            if self._temporary is not None:
                os.rename(self._temporary, self._path)
        except OSError as exc:
            self.discard()
            raise Error(f"writing {self._path}: {(exc.strerror or str(exc)).lower()}") from exc

    def discard(self) -> None:
        """Take back what was written."""
        self._file.close()
        if self._temporary is not None and os.path.exists(self._temporary):
            os.unlink(self._temporary)

    def _add_file(self, name: str, path: str) -> None:
        if self._tar.has(name):
            return
        with open(path, "rb") as source:
            self._tar.add_stream(name, os.fstat(source.fileno()).st_size, source)

    def _add_item(self, config_name: str, manifest: Manifest, names: Sequence[str]) -> None:
        for item in self._items:
            if item["Config"] == config_name:
                item["RepoTags"] += [name for name in names if name not in item["RepoTags"]]
                return
        layers = [f"{digests.encoded(layer.digest)}.tar" for layer in manifest.layers]
        self._items.append({"Config": config_name, "RepoTags": list(names), "Layers": layers})

    def _add_legacy(self, manifest: Manifest, config: dict[str, Any], names: Sequence[str]) -> None:
        """One directory a layer, for Docker before 1.10; keys sorted, as Go writes maps."""
        chain = ""
        parent = ""
        for number, layer in enumerate(manifest.layers):
            entry: dict[str, Any] = {"parent": parent} if parent else {}
            if number == len(manifest.layers) - 1:
                entry.update({key: config.get(key) for key in _LEGACY_KEYS})
            chain = layer.digest if not chain else digests.from_bytes(f"{chain} {layer.digest}".encode())
            hashed = dict(sorted({**entry, "layer_id": chain}.items()))
            identifier = digests.encoded(digests.from_bytes(go_json.dumps(hashed)))
            entry["id"] = identifier
            if not self._tar.has(f"{identifier}/layer.tar"):
                self._tar.add_symlink(f"{identifier}/layer.tar", f"../{digests.encoded(layer.digest)}.tar")
                self._tar.add_bytes(f"{identifier}/VERSION", b"1.0")
                self._tar.add_bytes(f"{identifier}/json", go_json.dumps(dict(sorted(entry.items()))))
            parent = identifier
        for name in names:
            named = parse_normalized(name).with_default_tag()
            if parent and named.tag is not None:
                self._repositories.setdefault(named.name, {})[named.tag] = parent
