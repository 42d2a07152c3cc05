"""Health checks started by systemd where the monitor runs none: its own units, as root and as a user."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.rootfs import busybox_tar
from system.test_generate_systemd import as_root, as_tester, eventually

NONET = ("--network", "none")
IMAGE = "localhost/small"
SICK = "test ! -e /sick"


class Place:
    """pypod with timers for somebody, and what systemd shows of them."""

    def __init__(self, who: str, how: str, folder: Path) -> None:
        self.become = as_root if who == "root" else as_tester
        self.pypod = self.become("/usr/local/bin/pypod")
        self.systemctl = self.become("systemctl", *([] if who == "root" else ["--user"]))
        if self.pypod("image", "exists", IMAGE, status=None).returncode != 0:
            archive = Path("/var/tmp/busybox.tar")
            archive.write_bytes(busybox_tar())
            archive.chmod(0o644)
            self.pypod("import", str(archive), IMAGE)
        if how == "theirs":
            self.pypod = self.pypod.with_options("--conmon", "/usr/bin/conmon")
        else:
            conf = folder / "containers.conf"
            conf.write_text("[engine]\nhealthcheck_timers = true\n")
            self.pypod = self.pypod.with_env(CONTAINERS_CONF_OVERRIDE=str(conf))

    def run(self, *words: str, on: Tool | None = None) -> str:
        """A container that sleeps; its id."""
        return (on or self.pypod).out("run", "-d", "--name", "ward", *NONET, *words, IMAGE, "sleep", "1000")

    def units(self, container: str, *words: str) -> list[str]:
        """Names of timers and services of a container that systemd knows."""
        text = self.systemctl.out("list-units", "--plain", "--no-legend", *words, f"{container}*")
        names = [line.split()[0] for line in text.splitlines()]
        return sorted(name for name in names if name.endswith((".timer", ".service")))

    def shown(self, form: str) -> str:
        return self.pypod("inspect", "--format", form, "ward", status=None).stdout.strip()


@pytest.fixture(
    params=[(who, how) for who in ("root", "user") for how in ("theirs", "switched")], ids="-".join
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o055)
    found = Place(*request.param, tmp_path)
    try:
        yield found
    finally:
        found.pypod("rm", "-f", "-t", "0", "ward", status=None)


def test_from_the_startup_check_to_the_end(place: Place) -> None:
    check = (
        "--health-cmd",
        SICK,
        "--health-interval",
        "1s",
        "--health-retries",
        "2",
        "--health-on-failure",
        "kill",
    )
    startup = ("--health-startup-cmd", "test -e /up", "--health-startup-interval", "1s")
    container = place.run(*check, *startup)
    (timer,) = [name for name in place.units(container) if name.endswith(".timer")]
    assert re.fullmatch(rf"{container}-startup-[0-9a-f]{{16}}\.timer", timer)
    # The first check is made at once.
    eventually(lambda: place.shown("{{.State.Health.FailingStreak}}") not in ("", "0"))
    place.pypod("exec", "ward", "touch", "/up")
    eventually(lambda: place.shown("{{.State.Health.Status}}") == "healthy")
    eventually(lambda: not [name for name in place.units(container) if "-startup-" in name])
    (timer,) = [name for name in place.units(container) if name.endswith(".timer")]
    assert re.fullmatch(rf"{container}-[0-9a-f]{{16}}\.timer", timer)
    shown = place.systemctl.out("list-units", "--plain", "--no-legend", timer)
    assert re.search(rf"/usr/local/bin/pypod .*healthcheck run {container}$", shown)
    place.pypod("exec", "ward", "touch", "/sick")
    eventually(lambda: place.shown("{{.State.Status}}") == "exited")
    assert place.shown("{{.State.ExitCode}} {{.State.Health.Status}}") == "137 unhealthy"
    place.pypod("rm", "ward")
    eventually(lambda: not place.units(container, "--all"))


def test_units_come_and_go_with_the_container(place: Place) -> None:
    place.pypod(
        "create",
        "--name",
        "ward",
        *NONET,
        "--health-cmd",
        "true",
        "--health-interval",
        "1h",
        IMAGE,
        "sleep",
        "99",
    )
    container = place.shown("{{.Id}}")
    place.pypod("init", "ward")
    assert place.units(container) == []
    place.pypod("start", "ward")
    first = [name for name in place.units(container) if name.endswith(".timer")]
    assert len(first) == 1
    eventually(lambda: place.shown("{{.State.Health.Status}}") == "healthy")
    place.pypod("restart", "-t", "0", "ward")
    second = [name for name in place.units(container) if name.endswith(".timer")]
    assert len(second) == 1
    assert second != first
    place.pypod("update", "--health-interval", "2h", "ward")
    (third,) = [name for name in place.units(container) if name.endswith(".timer")]
    assert third not in second
    assert "OnUnitInactiveUSec=2h" in place.systemctl.out("show", "-p", "TimersMonotonic", third)
    place.pypod("update", "--no-healthcheck", "ward")
    assert place.units(container) == []
    place.pypod("update", "--health-cmd", "true", "--health-interval", "1h", "ward")
    assert len([name for name in place.units(container) if name.endswith(".timer")]) == 1
    place.pypod("stop", "-t", "0", "ward")
    assert place.units(container) == []


def test_none_without_an_interval(place: Place) -> None:
    container = place.run("--health-cmd", "true", "--health-interval", "disable")
    assert place.units(container, "--all") == []
    place.pypod("healthcheck", "run", "ward")
    assert place.shown("{{.State.Health.Status}}") == "healthy"


def test_none_where_they_are_switched_off(place: Place) -> None:
    off = place.pypod.with_env(DISABLE_HC_SYSTEMD="true")
    container = place.run("--health-cmd", "true", "--health-interval", "1h", on=off)
    assert place.units(container, "--all") == []


@pytest.mark.parametrize("action", ["restart", "stop"])
def test_what_follows_from_a_failure(place: Place, action: str) -> None:
    """The unit that found it does not end itself with the container's units."""
    script = "test ! -e /sick || { rm /sick; exit 1; }"
    check = (
        "--health-cmd",
        script,
        "--health-interval",
        "1s",
        "--health-retries",
        "1",
        "--health-on-failure",
        action,
    )
    container = place.run(*check, "--stop-signal", "KILL")
    first = [name for name in place.units(container) if name.endswith(".timer")]
    place.pypod("exec", "ward", "touch", "/sick")
    if action == "restart":
        eventually(lambda: place.shown("{{.State.Status}} {{.RestartCount}}") == "running 1")
        eventually(lambda: len([name for name in place.units(container) if name.endswith(".timer")]) == 1)
        assert not set(first) & set(place.units(container))
        eventually(lambda: place.shown("{{.State.Health.Status}}") == "healthy")
    else:
        eventually(lambda: place.shown("{{.State.Status}}") == "exited")
        eventually(lambda: not place.units(container, "--all"))


def test_words_arrive_as_they_are(place: Place) -> None:
    """Of the command of the service nothing is taken for a variable, a specifier or a quotation."""
    folder = place.become("mktemp", "-d", "/var/tmp/units.XXXXXX").out()
    odd = place.pypod.with_options("--tmpdir", f"{folder}/a $HOME ${{HOME}} %n 'b' \"c\" \\x ä")
    try:
        container = place.run("--health-cmd", "true", "--health-interval", "1h", on=odd)
        eventually(lambda: odd.out("inspect", "--format", "{{.State.Health.Status}}", "ward") == "healthy")
        place.systemctl("daemon-reload")  # the manager reads back what it has written
        (timer,) = [name for name in place.units(container) if name.endswith(".timer")]
        form = "{{len .State.Health.Log}}"
        place.systemctl("start", timer.replace(".timer", ".service"))  # which does not wait for its end
        eventually(lambda: odd.out("inspect", "--format", form, "ward") == "2")
    finally:
        odd("rm", "-f", "-t", "0", "ward", status=None)
        place.become("rm", "-rf", folder)()
