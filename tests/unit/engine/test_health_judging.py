"""What one result makes of a container's health: the rules of our conmon, for those who have another."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ocicore.engine import health_judging

SECOND = 1_000_000_000


def check(**more: Any) -> dict[str, Any]:
    return {
        "Retries": 2,
        "StartPeriod": 0,
        "on_failure": "none",
        "log_count": 3,
        "log_size": 0,
        **more,
    }


def fresh(**more: Any) -> dict[str, Any]:
    return {**health_judging.fresh(), "StartupDone": True, **more}


def judge(asked: dict[str, Any], state: dict[str, Any], *codes: int, started: int = 0) -> list[str]:
    """The actions that follow from exit statuses, one after the other."""
    return [
        health_judging.judge(
            asked, state, {"Start": "", "End": "", "ExitCode": code, "Output": str(code)}, started
        )
        for code in codes
    ]


def test_retries() -> None:
    state = fresh()
    assert judge(check(on_failure="kill"), state, 0, 1, 0, 1) == ["none"] * 4
    assert (state["Status"], state["FailingStreak"]) == ("healthy", 1)
    assert judge(check(on_failure="kill"), state, 1, 1) == ["kill", "none"]  # once in a run
    assert (state["Status"], state["FailingStreak"], state["Action"]) == ("unhealthy", 3, "kill")
    assert judge(check(), state, 0) == ["none"]
    assert (state["Status"], state["FailingStreak"]) == ("healthy", 0)
    assert (state["Checks"], state["ExitCode"]) == (7, 0)


@pytest.mark.parametrize("action", ["none", "kill", "restart", "stop"])
def test_actions(action: str) -> None:
    state = fresh()
    assert judge(check(on_failure=action, Retries=1), state, 7) == [action]
    assert state["ExitCode"] == 7


def test_start_period() -> None:
    asked = check(StartPeriod=3600 * SECOND, Retries=1, on_failure="kill")
    state = fresh()
    assert judge(asked, state, 1, 1, started=time.time_ns()) == ["none", "none"]
    assert (state["Status"], state["FailingStreak"]) == ("starting", 0)
    assert judge(asked, state, 0, 1, started=time.time_ns()) == ["none", "kill"]  # it had been well
    assert judge(asked, fresh(), 1, started=time.time_ns() - 3601 * SECOND) == ["kill"]


def test_the_startup_check() -> None:
    asked = check(startup={"Successes": 2, "Retries": 0}, Retries=1, on_failure="stop")
    state = fresh(StartupDone=False)
    judge(asked, state, 1, 1, 0, 1, 0)
    assert (state["StartupDone"], state["Status"], state["Successes"]) == (False, "starting", 1)
    assert judge(asked, state, 0) == ["none"]
    assert (state["StartupDone"], state["Status"]) == (True, "starting")
    assert judge(asked, state, 1) == ["stop"]


def test_the_start_period_begins_after_the_startup_check() -> None:
    asked = check(startup={"Successes": 1, "Retries": 0}, StartPeriod=3600 * SECOND, Retries=1)
    state = fresh(StartupDone=False)
    judge(asked, state, 0, 1, started=1)
    assert (state["Status"], state["FailingStreak"]) == ("starting", 0)


def test_a_startup_check_that_never_succeeds() -> None:
    asked = check(startup={"Successes": 1, "Retries": 3})
    state = fresh(StartupDone=False)
    assert judge(asked, state, 1, 1, 1) == ["none", "none", "restart"]
    assert state["Status"] == "unhealthy"


def test_log() -> None:
    state = fresh()
    judge(check(), state, 1, 2, 3, 4)
    assert [entry["ExitCode"] for entry in state["Log"]] == [2, 3, 4]
    state = fresh()
    judge(check(log_count=0), state, *range(20))
    assert len(state["Log"]) == 20
