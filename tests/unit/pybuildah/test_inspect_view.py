"""What templates of `inspect --format` see."""

from __future__ import annotations

from ocicore.cli import template
from pybuildah.inspect_view import view


def shown(record: dict[str, object], text: str) -> str:
    return template.render(text, view(record))


def test_times_of_a_health_check_are_durations() -> None:
    health = {"Test": ["CMD", "true"], "Interval": 6_000_000_000, "StartPeriod": 90_000_000_000}
    record: dict[str, object] = {"Docker": {"config": {"Healthcheck": health}}}
    where = ".Docker.Config.Healthcheck"
    assert shown(record, f"{{{{{where}.Interval}}}} {{{{{where}.StartPeriod}}}}") == "6s 1m30s"
    assert shown(record, f"{{{{{where}.Timeout}}}} {{{{{where}.Retries}}}}") == "0s 0"
