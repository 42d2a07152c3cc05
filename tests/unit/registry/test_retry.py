"""What is tried again, and what is said about it."""

from __future__ import annotations

from ocicore.registry.problems import RegistryError, Unreachable
from ocicore.registry.retry import RetryPolicy


def _refused() -> RegistryError:
    error = Unreachable("pinging container registry h:1: connection refused")
    error.__cause__ = ConnectionRefusedError()
    return error


def test_a_refusal_is_final_unless_a_delay_was_given() -> None:
    waited: list[float] = []
    assert not RetryPolicy(sleep=waited.append).wait_after_error(1, _refused())
    assert waited == []
    patient = RetryPolicy(attempts=3, fixed_delay=5, sleep=waited.append)
    assert [patient.wait_after_error(attempt, _refused()) for attempt in (1, 2, 3)] == [True, True, False]
    assert waited == [5, 5]


def test_words_of_a_retry() -> None:
    said: list[str] = []
    policy = RetryPolicy(attempts=5, fixed_delay=5, sleep=lambda seconds: None, warn=said.append)
    policy.doing = "initializing source docker://h:1/a"
    policy.wait_after_error(1, _refused())
    policy.doing = ""
    policy.wait_after_status(2, 503, {})
    assert said == [
        "Failed, retrying in 5s ... (1/4). Error: initializing source docker://h:1/a: "
        "pinging container registry h:1: connection refused",
        "Failed, retrying in 5s ... (2/4). Error: HTTP status 503",
    ]
