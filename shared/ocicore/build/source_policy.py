"""--source-policy-file: rules that allow, deny or replace the base images of a build (BuildKit's source policy, JSON)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocicore.errors import Error, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "docker-image://"


class SourcePolicy:
    """Rules in order; the first that matches decides, what matches none is allowed."""

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        self.rules = rules

    def image(self, name: str) -> str:
        """The image to use for a full name.

        Raises:
            Error: a rule denies it.
        """
        identifier = _PREFIX + name
        for number, rule in enumerate(self.rules):
            selector = rule["selector"]
            if not _matches(selector, identifier):
                continue
            if rule["action"] == "DENY":
                raise Error(
                    f"source {identifier} denied by source policy: matched rule {number} "
                    f'(selector: "{selector["identifier"]}")'
                )
            if rule["action"] == "CONVERT":
                return str(rule["updates"]["identifier"]).removeprefix(_PREFIX)
            return name
        return name


def load(path: str) -> SourcePolicy:
    """Read and check a policy file. Raises InvalidInput."""
    import json

    try:
        with open(path, "rb") as stream:
            value = json.load(stream)
    except OSError as error:
        raise InvalidInput(
            f'reading source policy file "{path}": {(error.strerror or "").lower()}'
        ) from error
    except ValueError as error:
        raise InvalidInput(f"parsing source policy {path}: {error}") from error
    rules = value.get("rules") if isinstance(value, dict) else None
    if not isinstance(rules, list):
        raise InvalidInput(f"source policy {path}: rules is no list", hint='expected {"rules": [...]}')
    for number, rule in enumerate(rules):
        problem = _problem(rule)
        if problem:
            raise InvalidInput(f"source policy {path}: rule {number}: {problem}")
    return SourcePolicy(rules)


def _problem(rule: object) -> str:
    if not isinstance(rule, dict):
        return "is no object"
    action = rule.get("action")
    if action not in ("ALLOW", "DENY", "CONVERT"):
        return f'unknown action "{action}" (valid: ALLOW, DENY, CONVERT)' if action else "action is required"
    selector = rule.get("selector")
    if not isinstance(selector, dict) or not selector.get("identifier"):
        return "selector.identifier is required"
    kind = selector.get("matchType") or "WILDCARD"
    if kind not in ("EXACT", "WILDCARD"):
        return f'unknown matchType "{kind}" (valid: EXACT, WILDCARD)'
    if action == "CONVERT" and not (rule.get("updates") or {}).get("identifier"):
        return "updates.identifier is required for CONVERT action"
    return ""


def _matches(selector: Mapping[str, str], identifier: str) -> bool:
    pattern = selector["identifier"]
    if selector.get("matchType") == "EXACT":
        return pattern == identifier
    import re

    expression = "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch(expression, identifier, re.DOTALL) is not None
