"""Health checks: our conmon runs them and keeps their state; here they are declared to it and read back.

The state file is conmon's (conmon/protocol.h): Status, FailingStreak, Action, Log with Start, End, ExitCode, Output. Where
another conmon watches, or systemd is to start the checks, `health_timers` and `health_judging` do its work.
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
#: Beyond twice the check's own limit: the machine may be busy.
_PATIENCE_SECONDS = 20
_POLL_SECONDS = 0.02
#: conmon gives a container this long to stop, and kills it then.
_ACTION_MS = 15_000


def test_command(test: list[str]) -> list[str]:
    """The words of a check: CMD's own, CMD-SHELL's text for a shell. Raises Error when there is none."""
    if test[0] == "CMD-SHELL":
        return ["/bin/sh", "-c", " ".join(test[1:])]
    words = test[1:] if test[0] == "CMD" else test
    if not words:
        raise Error("health check command is empty")
    return words


def words(engine: Engine, container: Container, run_dir: str, document: Any) -> tuple[str, ...]:
    """conmon's options for this container's check; writes the OCI process it runs. () when it has none to run.

    With an interval of 0 conmon checks on request only. The caller holds the lock.
    """
    from ocicore.engine import health_timers, runtime_choice

    check = container.config["health"]
    if not check:
        return ()
    forget(engine, container)
    monitor = runtime_choice.conmon(engine)
    if not health_timers.wanted(engine):
        if _is_ours(engine, monitor):
            return _options(engine, container, check, run_dir, document)
        if not health_timers.possible(engine):
            engine.warn(
                f"{monitor} runs no health checks, and there is no systemd that could; use pypod healthcheck run, or "
                "pypod's own conmon"
            )
    from ocicore.engine import health_judging

    health_timers.choose(engine, container)
    health_judging.begin(engine, container)
    return ()


def _is_ours(engine: Engine, monitor: str) -> bool:
    """Whether a monitor runs health checks."""
    from ocicore.engine import runtime_choice
    from ocicore.linux import spawn

    found = spawn.capture([monitor, "--version"], runtime_choice.runtime_environment(engine))
    return b"pypod" in found.stdout


def _options(
    engine: Engine, container: Container, check: dict[str, Any], run_dir: str, document: Any
) -> tuple[str, ...]:
    from ocicore.runtime import spec

    process = spec.exec_process(document, args=test_command(check["Test"]))
    path = f"{run_dir}/health-process.json"
    with open(path, "wb") as file:
        file.write(quick_json.dumps(process).encode())
    noted = event_file(engine)
    if engine.config.engine.healthcheck_events:
        # The monitor makes no folders, and with journald nobody else makes this one.
        os.makedirs(os.path.dirname(noted), mode=0o700, exist_ok=True)
    result = [
        f"--health-process-spec={path}",
        f"--health-interval={format_duration(check['Interval'])}",
        f"--health-timeout={format_duration(check['Timeout'])}",
        f"--health-retries={check['Retries']}",
        f"--health-state-file={state_file(engine, container)}",
        *([f"--health-event-file={noted}"] if engine.config.engine.healthcheck_events else []),
        f"--health-on-failure={check['on_failure']}",
        f"--health-stop-signal={container.config['stop_signal']}",
        f"--health-stop-timeout={min(container.config['stop_timeout'], 2**31 - 1)}",
        f"--health-log-count={check['log_count']}",
        f"--health-log-size={check['log_size']}",
    ]
    if check.get("startup"):
        result += _startup_words(check["startup"], run_dir, document)
    if check["StartPeriod"]:
        result.append(f"--health-start-period={format_duration(check['StartPeriod'])}")
    return tuple(result)


def event_file(engine: Engine) -> str:
    """Where conmon notes every check; `events` shows them."""
    return f"{engine.paths.tmp_dir}/events/health.log"


def reload(engine: Engine, container: Container, *, before: bool) -> None:
    """Go on with the (changed) check of a running container; `before`: it had one. The caller holds the lock."""
    from ocicore.engine import health_timers

    if health_timers.applies(container) or (not before and not _monitor_can(engine, container)):
        from ocicore.engine import health_judging

        health_timers.adopt(engine, container)
        health_judging.renew(engine, container, before=before)
    else:
        _reload_monitor(engine, container)


def _monitor_can(engine: Engine, container: Container) -> bool:
    """Whether a check that a running container is given now is its monitor's business."""
    from ocicore.engine import health_timers

    return not health_timers.wanted(engine) and _is_ours(engine, f"/proc/{container.conmon_pid}/exe")


def _reload_monitor(engine: Engine, container: Container) -> None:
    from ocicore.engine import places
    from ocicore.runtime import monitor_protocol as protocol

    bundle = places.static_dir(engine, container)
    check = container.config["health"]
    found: tuple[str, ...] = ()
    if check:
        with open(f"{bundle}/config.json", "rb") as file:
            document = quick_json.loads(file.read())
        found = _options(engine, container, check, places.run_dir(engine, container), document)
    from ocicore.files import atomic

    atomic.write(f"{bundle}/{protocol.HEALTH_OPTIONS_FILE}", "".join(f"{word}\n" for word in found).encode())
    if not _tell(bundle, protocol.CONTROL_HEALTH_RELOAD):
        engine.warn(f"the monitor of {container.name} does not listen: its checks change at the next start")


def _tell(bundle: str, message: int) -> bool:
    """Send conmon a message without numbers of its own; False when it does not listen."""
    from ocicore.runtime import monitor_protocol as protocol

    try:
        descriptor = os.open(
            f"{bundle}/{protocol.CONTROL_FIFO_NAME}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except OSError:
        return False
    try:
        os.write(descriptor, f"{message} 0 0\n".encode())
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


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
    """Where conmon keeps the state and the log: in the run directory, or in the directory the user named."""
    destination = (container.config["health"] or {}).get("destination", "local")
    if destination.startswith("/"):
        return f"{destination}/{container.id}-healthcheck.log"
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


def run_once(engine: Engine, container: Container) -> tuple[int, str]:
    """`healthcheck run`: one check now, with all that follows from it; (0 healthy or 1 not, the status to show).

    Raises Error when there is no check, or the container does not run.
    """
    check = container.config["health"]
    if not check:
        raise Error(f"container {container.id} has no defined healthcheck")
    from ocicore.engine import health_timers, listing, places, records

    listing.refresh(engine, container)
    if container.status not in (records.RUNNING, records.STOPPING):
        raise Error(f"container {container.id} is not running")
    from ocicore.runtime import monitor_protocol as protocol

    before = read(engine, container)
    bundle = places.static_dir(engine, container)
    if (
        not health_timers.applies(container)
        and "Checks" in before
        and _tell(bundle, protocol.CONTROL_HEALTH_RUN)
    ):
        found = _await(engine, container, before["Checks"], check)
        _after(engine, container, found)
        code, shown = found["ExitCode"], found["Status"]
    else:
        from ocicore.engine import health_judging

        code, shown = health_judging.run(engine, container)
    if code == 0:
        return 0, ""
    return 1, "starting" if shown == "starting" and check["StartPeriod"] else "unhealthy"


def _await(engine: Engine, container: Container, count: int, check: dict[str, Any]) -> dict[str, Any]:
    """The state after the next check. Raises Error when conmon says nothing for much longer than a check may take."""
    import time

    deadline = time.monotonic() + 2 * check["Timeout"] / 1_000_000_000 + _PATIENCE_SECONDS
    while True:
        found = read(engine, container)
        if found.get("Checks", 0) > count:
            return found
        if time.monotonic() > deadline:
            raise Error(f"running the health check of container {container.id}: no answer from its monitor")
        time.sleep(_POLL_SECONDS)


def _after(engine: Engine, container: Container, found: dict[str, Any]) -> None:
    """Log the check where the user wants it in the events; wait until what conmon does about a failure is done."""
    if container.config["health"].get("destination") == "events_logger":
        write_event(engine, container, found)
    if found["Action"] in ("kill", "stop", "restart"):
        from ocicore.engine import liveness

        liveness.wait_process(container, _ACTION_MS)
        await_record(engine, container)


def write_event(engine: Engine, container: Container, found: dict[str, Any]) -> None:
    """One health_status event about the newest check of a state."""
    from ocicore.engine import events

    log = found["Log"]
    logged = log and container.config["health"].get("destination") == "events_logger"
    events.container(
        engine,
        "health_status",
        container,
        HealthStatus=found["Status"],
        HealthFailingStreak=found["FailingStreak"],
        HealthLog=quick_json.dumps(log[-1]) if logged else "",
    )


def await_record(engine: Engine, container: Container) -> None:
    """The container has just ended: wait until that is recorded, by whoever does it first."""
    from ocicore.engine import liveness

    with engine.lock(container.id):
        try:
            engine.state.containers.refresh(container)
            liveness.sync(engine, container)
        except NotFound:
            return


def status(engine: Engine, container: Container) -> str:
    """starting, healthy, unhealthy; "" without a check."""
    if not container.health:
        return ""
    try:
        found: str = read(engine, container)["Status"]
    except NotFound:
        return container.health
    return found
