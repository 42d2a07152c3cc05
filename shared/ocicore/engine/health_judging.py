"""One health check and what follows from it, as our conmon does it; for containers whose monitor runs no checks.

The state file is conmon's (conmon/protocol.h), with two keys of our own: Successes, of the startup check in a row, and
RunStarted, when the ordinary check began to count (nanoseconds since the epoch; 0: with the container).
"""

from __future__ import annotations

import time

from ocicore.engine import health_check, health_timers, liveness, records
from ocicore.engine.quantities import rfc3339
from ocicore.errors import Error, NotFound
from ocicore.files import atomic, quick_json
from ocicore.runtime import monitor_protocol as protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

#: What is kept where the options say "all", as in conmon: enough for people, and an end for memory and disk.
OUTPUT_MAX = 1024 * 1024
_RESULTS_MAX = 10_000
_SIGKILL = 9
#: After SIGKILL the kernel needs a moment to tear a big process down.
_KILL_WAIT_MS = 15_000


def begin(engine: Engine, container: Container) -> None:
    """The state of a container that is about to run, or whose check has changed. The caller holds the lock."""
    startup = container.config["health"].get("startup")
    _write(engine, container, {**fresh(), "StartupDone": not startup})


def renew(engine: Engine, container: Container, *, before: bool) -> None:
    """Go on with a check that `update` changed; `before`: there was one. The caller holds the lock."""
    check = container.config["health"]
    if not check:
        health_timers.stop(engine, container)
        health_timers.choose(engine, container)
        return
    if before:
        _write(engine, container, {**_state(engine, container), "StartupDone": not check.get("startup")})
    else:
        begin(engine, container)
    health_timers.start(engine, container, startup=bool(check.get("startup")))


def run(engine: Engine, container: Container) -> tuple[int, str]:
    """One check now: (its exit status, the health after it). Raises Error when it cannot be tried at all."""
    from ocicore.engine import health_process

    check: dict[str, Any] = container.config["health"]
    who = (container.pid, container.pid_start)
    state = _state(engine, container)
    chosen = check["startup"] if starting_up(check, state) else check
    begun = time.time_ns()
    code, output = health_process.run(
        engine,
        container,
        health_check.test_command(chosen["Test"]),
        timeout=chosen["Timeout"],
        limit=check["log_size"] or OUTPUT_MAX,
    )
    result = {
        "Start": rfc3339(begun),
        "End": rfc3339(time.time_ns()),
        "ExitCode": code,
        "Output": output.decode("utf-8", "replace"),
    }
    with engine.lock(container.id):
        try:
            engine.state.containers.refresh(container)
        except NotFound:
            return code, ""
        liveness.sync(engine, container, wait_for_exit_file=False)
        if container.status != records.RUNNING or (container.pid, container.pid_start) != who:
            return code, ""  # it ended while it was looked at; what was found is of no use to another run
        state = _state(engine, container)
        passing = starting_up(check, state)
        action = judge(check, state, result, container.started)
        _write(engine, container, state)
        if passing and state["StartupDone"]:
            health_timers.start(engine, container)
        if engine.config.engine.healthcheck_events:
            health_check.write_event(engine, container, state)
        if action != protocol.HEALTH_ACTION_NONE:
            _signal(container, _first_signal(container, action))
    if action != protocol.HEALTH_ACTION_NONE:
        _await_end(engine, container, action)
    return code, state["Status"]


def starting_up(check: dict[str, Any], state: dict[str, Any]) -> bool:
    """Whether the startup check has not succeeded yet, and so is the one to run."""
    return bool(check.get("startup")) and not state["StartupDone"]


def judge(check: dict[str, Any], state: dict[str, Any], result: dict[str, Any], started: int) -> str:
    """Change the state as a result demands; what is to be done about it (none, kill, restart, stop), once in a run.

    Args:
        check: the configuration; its durations are nanoseconds.
        result: Start, End, ExitCode, Output.
        started: when the container was started, nanoseconds since the epoch.
    """
    ok = result["ExitCode"] == 0
    action = protocol.HEALTH_ACTION_NONE
    state["Checks"] += 1
    state["ExitCode"] = result["ExitCode"]
    if starting_up(check, state):
        startup = check["startup"]
        state["Successes"] = state["Successes"] + 1 if ok else 0
        state["FailingStreak"] = 0 if ok else state["FailingStreak"] + 1
        if state["Successes"] >= startup["Successes"]:
            state["StartupDone"] = True
            state["RunStarted"] = time.time_ns()
        elif startup["Retries"] and state["FailingStreak"] >= startup["Retries"]:
            state["Status"] = protocol.HEALTH_STATUS_UNHEALTHY
            action = protocol.HEALTH_ACTION_RESTART
    elif ok:
        state["FailingStreak"] = 0
        state["Status"] = protocol.HEALTH_STATUS_HEALTHY
    elif (
        state["Status"] != protocol.HEALTH_STATUS_STARTING
        or time.time_ns() - (state["RunStarted"] or started) >= check["StartPeriod"]
    ):
        state["FailingStreak"] += 1
        if state["FailingStreak"] >= check["Retries"]:
            state["Status"] = protocol.HEALTH_STATUS_UNHEALTHY
            action = check["on_failure"]
    state["Log"] = [*state["Log"], result][-(check["log_count"] or _RESULTS_MAX) :]
    if state["Action"] != protocol.HEALTH_ACTION_NONE:
        return protocol.HEALTH_ACTION_NONE
    state["Action"] = action
    return action


def fresh() -> dict[str, Any]:
    """The state before the first check."""
    return {
        "Version": protocol.HEALTH_STATE_VERSION,
        "Status": protocol.HEALTH_STATUS_STARTING,
        "FailingStreak": 0,
        "StartupDone": False,
        "Action": protocol.HEALTH_ACTION_NONE,
        "Checks": 0,
        "ExitCode": 0,
        "Log": [],
        "Successes": 0,
        "RunStarted": 0,
    }


def _state(engine: Engine, container: Container) -> dict[str, Any]:
    return {**fresh(), **health_check.read(engine, container)}


def _write(engine: Engine, container: Container, state: dict[str, Any]) -> None:
    path = health_check.state_file(engine, container)
    try:
        atomic.write(path, f"{quick_json.dumps(state)}\n".encode(), fsync=False)
    except OSError as error:
        raise Error(f"writing health state file {path}: {(error.strerror or '').lower()}") from None


def _first_signal(container: Container, action: str) -> int:
    if action == protocol.HEALTH_ACTION_KILL or container.config["stop_timeout"] == 0:
        return _SIGKILL
    return int(container.config["stop_signal"])


def _signal(container: Container, number: int) -> None:
    from ocicore.linux import process

    process.kill_process(container.pid, number, container.pid_start)


def _await_end(engine: Engine, container: Container, action: str) -> None:
    """See the container's end through. "restart" is finished by the clean-up, which reads the action in the state file."""
    patience = container.config["stop_timeout"]
    ended = liveness.wait_process(
        container,
        _KILL_WAIT_MS
        if _first_signal(container, action) == _SIGKILL
        else patience * 1000
        if patience >= 0
        else None,
    )
    if not ended:
        _signal(container, _SIGKILL)
    health_check.await_record(engine, container)
