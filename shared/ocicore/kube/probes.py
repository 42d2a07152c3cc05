"""livenessProbe and startupProbe as health checks that run in the container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ocicore.errors import InvalidInput
from ocicore.kube import documents

if TYPE_CHECKING:
    Json = dict[str, Any]


def apply(values: Json, container: Json, where: str, *, never: bool) -> None:
    """Add the health options to a container's. Raises InvalidInput.

    Args:
        never: the pod is not restarted, so an unhealthy container is not either.
    """
    liveness = documents.mapping(container, "livenessProbe", where)
    if liveness:
        words = _command(liveness, container, f"{where}: livenessProbe")
        values["health_cmd"] = words
        timing = _timing(liveness, f"{where}: livenessProbe")
        values["health_interval"], values["health_timeout"] = timing["interval"], timing["timeout"]
        values["health_retries"], values["health_start_period"] = timing["retries"], timing["start"]
        values["health_on_failure"] = "none" if never else "restart"
    startup = documents.mapping(container, "startupProbe", where)
    if startup:
        if not liveness:
            raise InvalidInput(f"{where}: startupProbe: it needs a livenessProbe beside it")
        timing = _timing(startup, f"{where}: startupProbe")
        values["health_startup_cmd"] = _command(startup, container, f"{where}: startupProbe")
        values["health_startup_interval"] = timing["interval"]
        values["health_startup_timeout"] = timing["timeout"]
        values["health_startup_retries"] = timing["retries"]
        success = documents.number(startup, "successThreshold", where)
        values["health_startup_success"] = success or 1


def _timing(probe: Json, where: str) -> Json:
    """Kubernetes' defaults: every 10 s, 1 s of patience, three failures."""

    def value(key: str, default: int) -> int:
        found = documents.number(probe, key, where)
        return found if found is not None and found > 0 else default

    return {
        "interval": f"{value('periodSeconds', 10)}s",
        "timeout": f"{value('timeoutSeconds', 1)}s",
        "retries": value("failureThreshold", 3),
        "start": f"{value('initialDelaySeconds', 0)}s",
    }


def _command(probe: Json, container: Json, where: str) -> str:
    if "exec" in probe:
        words = documents.texts(documents.mapping(probe, "exec", where), "command", where)
        if not words:
            raise InvalidInput(f"{where}: must define a healthcheck command for all healthchecks")
        return json.dumps(["CMD", *words])
    if "httpGet" in probe:
        get = documents.mapping(probe, "httpGet", where)
        scheme = documents.text(get, "scheme", where, "HTTP").lower()
        host = documents.text(get, "host", where, "localhost")
        path = documents.text(get, "path", where, "/")
        return f"curl -f {scheme}://{host}:{_port(get, container, where)}{path} || exit 1"
    if "tcpSocket" in probe:
        socket = documents.mapping(probe, "tcpSocket", where)
        host = documents.text(socket, "host", where, "localhost")
        return f"nc -z -v {host} {_port(socket, container, where)} || exit 1"
    raise InvalidInput(f"{where}: must define a healthcheck command for all healthchecks")


def _port(handler: Json, container: Json, where: str) -> int:
    """A number, or the name of one of the container's ports."""
    wanted = handler.get("port")
    if isinstance(wanted, int):
        return wanted
    if isinstance(wanted, str) and wanted.isdigit():
        return int(wanted)
    for port in documents.objects(container, "ports", where):
        if port.get("name") == wanted:
            return documents.number(port, "containerPort", where) or 0
    raise InvalidInput(f"{where}: unknown port: {wanted}")
