"""ConfigMaps and Secrets: their data, as environment variables and as files of volumes."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import yaml

from ocicore.engine import secrets
from ocicore.errors import InvalidInput, NotFound
from ocicore.kube import documents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocicore.engine.context import Engine

    Json = dict[str, Any]


class Sources:
    """What a pod may refer to.

    Args:
        engine: has the secrets.
        config_maps: objects by name.
    """

    def __init__(self, engine: Engine, config_maps: Mapping[str, Json]) -> None:
        self._engine = engine
        self._config_maps = dict(config_maps)

    def config_map(self, name: str) -> dict[str, bytes]:
        """Its data. Raises NotFound, InvalidInput."""
        found = self._config_maps.get(name)
        if found is None:
            raise NotFound(f"configmap {name} not found")
        where = f"configmap {name}"
        data = {key: value.encode() for key, value in documents.string_map(found, "data", where).items()}
        return {**data, **_decoded(found, "binaryData", where)}

    def secret(self, name: str) -> dict[str, bytes]:
        """The data of a secret that `kube play` stored, or a plain one under its own name. Raises NotFound, InvalidInput."""
        record = secrets.find(self._engine, name)
        data = secrets.data(self._engine, record)
        try:
            value = yaml.safe_load(data)
        except (yaml.YAMLError, ValueError):
            value = None
        if not isinstance(value, dict) or value.get("kind") != "Secret":
            raise InvalidInput(
                f"secret {name} is no kubernetes secret",
                hint="make it with kube play, from YAML of kind Secret",
            )
        return secret_data(value, name)

    def environment(self, container: Json, where: str, facts: Mapping[str, str]) -> dict[str, str]:
        """env and envFrom of a container.

        Args:
            facts: fieldRef and resourceFieldRef -> value.

        Raises:
            NotFound, InvalidInput: what is referred to is not there and not optional.
        """
        found: dict[str, str] = {}
        for entry in documents.objects(container, "env", where):
            name = documents.text(entry, "name", f"{where}: env")
            value = self._variable(entry, name, where, facts)
            if value is not None:
                found[name] = value
        for entry in documents.objects(container, "envFrom", where):
            prefix = documents.text(entry, "prefix", where)
            for key, raw in self._all_of(entry, where).items():
                found[prefix + key] = raw.decode("utf-8", "surrogateescape")
        return found

    def _variable(self, entry: Json, name: str, where: str, facts: Mapping[str, str]) -> str | None:
        source = documents.mapping(entry, "valueFrom", where)
        for key, kind, read in (
            ("configMapKeyRef", "configmap", self.config_map),
            ("secretKeyRef", "secret", self.secret),
        ):
            if key not in source:
                continue
            reference = documents.mapping(source, key, where)
            owner, wanted = documents.text(reference, "name", where), documents.text(reference, "key", where)
            try:
                data = read(owner)
                if wanted not in data:
                    raise NotFound(f"key {wanted} not found in {kind} {owner}")
            except NotFound as error:
                if documents.flag(reference, "optional", where):
                    return None
                error.message = f"cannot set env {name}: {error.message}"
                raise
            return data[wanted].decode("utf-8", "surrogateescape")
        for key, field in (("fieldRef", "fieldPath"), ("resourceFieldRef", "resource")):
            if key in source:
                path = documents.text(documents.mapping(source, key, where), field, where)
                if path not in facts:
                    raise InvalidInput(
                        f"can not set env {name}. Field {path} is not supported",
                        hint="choose from " + ", ".join(sorted(facts)),
                    )
                return facts[path]
        return documents.text(entry, "value", f"{where}: env {name}")

    def _all_of(self, entry: Json, where: str) -> dict[str, bytes]:
        for key, read in (("configMapRef", self.config_map), ("secretRef", self.secret)):
            if key not in entry:
                continue
            reference = documents.mapping(entry, key, where)
            try:
                return read(documents.text(reference, "name", where))
            except NotFound:
                if not documents.flag(reference, "optional", where):
                    raise
        return {}

    def files(self, source: Json, kind: str, where: str) -> dict[str, bytes] | None:
        """Names and contents of a configMap or secret volume; None when it is optional and not there."""
        key = "name" if kind == "configMap" else "secretName"
        read = self.config_map if kind == "configMap" else self.secret
        try:
            data = read(documents.text(source, key, where))
        except NotFound:
            if documents.flag(source, "optional", where):
                return None
            raise
        items = documents.objects(source, "items", where)
        if not items:
            return data
        chosen = {}
        for item in items:
            name = documents.text(item, "key", where)
            if name not in data:
                raise NotFound(f"{where}: key {name} is not there")
            chosen[documents.text(item, "path", where) or name] = data[name]
        return chosen


def secret_data(value: Json, name: str) -> dict[str, bytes]:
    """data (base64) and stringData of a Secret object. Raises InvalidInput."""
    where = f"secret {name}"
    plain = {key: text.encode() for key, text in documents.string_map(value, "stringData", where).items()}
    return {**_decoded(value, "data", where), **plain}


def _decoded(value: Json, key: str, where: str) -> dict[str, bytes]:
    found = {}
    for name, text in documents.string_map(value, key, where).items():
        try:
            found[name] = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise InvalidInput(f"{where}: {key}: {name}: is not base64") from None
    return found
