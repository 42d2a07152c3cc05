"""Searching a registry: Docker's /v1/search where there is one, else the names in /v2/_catalog that contain the term."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from ocicore.registry.client import Registry
from ocicore.registry.problems import RegistryError

_MAX_BODY = 16 * 1024 * 1024


def search(registry: Registry, term: str, limit: int) -> list[dict[str, Any]]:
    """At most `limit` results as /v1/search has them: name, description, star_count, is_official, is_automated.

    Raises:
        RegistryError: neither way is open.
    """
    if term:
        found = _by_index(registry, term, limit)
        if found is not None:
            return found
    names = [name for name in registry.catalog() if term in name]
    # A full match is what was looked for.
    names.sort(key=lambda name: name != term)
    return [{"name": name} for name in names[:limit]]


def _by_index(registry: Registry, term: str, limit: int) -> list[dict[str, Any]] | None:
    query = urlencode({"n": limit, "q": term})
    try:
        response = registry.session.request(
            "GET", f"/v1/search?{query}", scope="", doing=f"searching {registry.host}"
        )
        value = json.loads(response.read_all(_MAX_BODY))
    except (RegistryError, ValueError):
        return None
    results = value.get("results") if isinstance(value, dict) else None
    if not isinstance(results, list):
        return None
    return [item for item in results if isinstance(item, dict) and isinstance(item.get("name"), str)]
