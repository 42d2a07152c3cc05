"""Health checks: our conmon runs them and keeps their state; here they are declared to it and read back.

The state file is conmon's (conmon/protocol.h): Status, FailingStreak, Action, Log with Start, End, ExitCode, Output.
"""

from __future__ import annotations

import os

from ocicore.engine.quantities import format_duration
from ocicore.errors import Error, NotFound
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

STATE_FILE = "healthcheck.json"


def test_command(test: list[str]) -> list[str]:
    """The words of a check: CMD's own, CMD-SHELL's text for a shell. Raises Error when there is none."""
    if test[0] == "CMD-SHELL":
        return ["/bin/sh", "-c", " ".join(test[1:])]
    words = test[1:] if test[0] == "CMD" else test
    if not words:
        raise Error("health check command is empty")
    return words


def words(engine: Engine, container: Container, run_dir: str, document: Any) -> tuple[str, ...]:
    """conmon's options for this container's check; writes the OCI process it runs. () when there is none."""
    check = container.config["health"]
    if not check or not check.get("Interval"):
        return ()
    from ocicore.engine import runtime_choice
    from ocicore.linux import spawn
    from ocicore.runtime import spec

    monitor = runtime_choice.conmon(engine)
    version = spawn.capture([monitor, "--version"], runtime_choice.runtime_environment(engine)).stdout
    if b"pypod" not in version:
        engine.warn(f"{monitor} runs no health checks; use pypod healthcheck run, or pypod's own conmon")
        return ()
    process = spec.exec_process(document, args=test_command(check["Test"]))
    path = f"{run_dir}/health-process.json"
    with open(path, "wb") as file:
        file.write(quick_json.dumps(process).encode())
    forget(engine, container)
    result = [
        f"--health-process-spec={path}",
        f"--health-interval={format_duration(check['Interval'])}",
        f"--health-timeout={format_duration(check['Timeout'])}",
        f"--health-retries={check['Retries']}",
        f"--health-state-file={state_file(engine, container)}",
        f"--health-event-file={engine.paths.tmp_dir}/events/health.log",
        f"--health-on-failure={check['on_failure']}",
        f"--health-log-count={check['log_count']}",
        f"--health-log-size={check['log_size']}",
    ]
    if check.get("startup"):
        result += _startup_words(check["startup"], run_dir, document)
    if check["StartPeriod"]:
        result.append(f"--health-start-period={format_duration(check['StartPeriod'])}")
    return tuple(result)


def _startup_words(startup: dict[str, Any], run_dir: str, document: Any) -> list[str]:
    """The check that must succeed before the ordinary one counts."""
    from ocicore.runtime import spec

    path = f"{run_dir}/health-startup.json"
    with open(path, "wb") as file:
        process = spec.exec_process(document, args=test_command(startup["Test"]))
        file.write(quick_json.dumps(process).encode())
    return [
        f"--health-startup-process-spec={path}",
        f"--health-startup-interval={format_duration(startup['Interval'])}",
        f"--health-startup-timeout={format_duration(startup['Timeout'])}",
        f"--health-startup-retries={startup['Retries']}",
        f"--health-startup-successes={startup['Successes']}",
    ]


def state_file(engine: Engine, container: Container) -> str:
    """Where conmon keeps the state."""
    return f"{engine.store.container_run_dir(container.id)}/{STATE_FILE}"


def read(engine: Engine, container: Container) -> dict[str, Any]:
    """The state: Status, FailingStreak, Action, Log; "starting" when no check has run."""
    try:
        with open(state_file(engine, container), "rb") as file:
            found = quick_json.loads(file.read())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        return {"Status": "starting", "FailingStreak": 0, "Action": "none", "Log": []}
    return found


def forget(engine: Engine, container: Container) -> None:
    """Remove the state of an earlier run."""
    try:
        os.unlink(state_file(engine, container))
    except FileNotFoundError:
        pass


def record(engine: Engine, container: Container) -> None:
    """Keep the last state in the database: the run directory does not outlive the container's mounts."""
    found = read(engine, container)
    engine.state.containers.update(
        container,
        health=found["Status"],
        state={
            **container.state,
            "health_log": {"streak": found["FailingStreak"], "log": found["Log"], "action": found["Action"]},
        },
    )


def run_once(engine: Engine, container: Container) -> int:
    """`healthcheck run`: one check now; 0 healthy, 1 not. Raises Error when there is no check or it does not run."""
    check = container.config["health"]
    if not check:
        raise Error(f"has no defined healthcheck: container {container.id} has no defined healthcheck")
    from ocicore.engine import execute

    options = execute.ExecOptions(test_command(check["Test"]))
    return 0 if execute.run_silently(engine, container, options) == 0 else 1


def status(engine: Engine, container: Container) -> str:
    """starting, healthy, unhealthy; "" without a check."""
    if not container.health:
        return ""
    try:
        found: str = read(engine, container)["Status"]
    except NotFound:
        return container.health
    return found
