"""A clean room for every test: own directories, no variables of the caller's, privileges as a dimension.

Tests marked `root` need uid 0, `rootless` need uid 0 too (they become an ordinary user of their own) or run as the
caller when the caller is one. Nothing is skipped for a missing program: a missing one fails the test, because
`make deps` installs them all.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from support.docker_registry import docker_registry
from support.users import OrdinaryUser
from support.users import ordinary_user as make_ordinary_user

# Before the first import: what these assert is told as in a test.
pytest.register_assert_rewrite(
    *(
        f"support.{name}"
        for name in (
            "interop",
            "interop_operations",
            "pypod_completions",
            "pypod_life",
            "pypod_scripts",
            "rootless_scenarios",
        )
    )
)

# The same examples every time, so that a green run stays green; HYPOTHESIS_EXPLORE=1 looks for new ones.
hypothesis.settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile("explore" if os.environ.get("HYPOTHESIS_EXPLORE") else "repeatable")

# podman 5 remarks on cgroup v1 at every command otherwise. Set here, not in a fixture: module-wide peers copy os.environ.
os.environ["PODMAN_IGNORE_CGROUPSV1_WARNING"] = "1"

# Programs under test start with the defaults, whoever started pytest: nohup(1) lets a hang-up be ignored, a shell's
# background the keyboard's signals, and that is inherited, while a handler is not.
for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda number, frame: None)

_FOREIGN = ("CONTAINERS_", "STORAGE_", "REGISTRY_", "BUILDAH_", "PODMAN_", "_CONTAINERS", "DOCKER_")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        foreign = name.startswith(_FOREIGN) and name != "PODMAN_IGNORE_CGROUPSV1_WARNING"
        if foreign or name in ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "SOURCE_DATE_EPOCH"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this user cannot run at all: root's tests for an ordinary user, and say how many."""
    if os.geteuid() == 0:
        return
    kept, left = [], []
    for item in items:
        (left if item.get_closest_marker("root") else kept).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


@pytest.fixture(scope="session")
def ordinary_user(tmp_path_factory: pytest.TempPathFactory) -> OrdinaryUser:
    """The user of rootless tests; several workers share one."""
    return make_ordinary_user(
        Path("/var/tmp/pypod-tests") if os.geteuid() == 0 else tmp_path_factory.getbasetemp()
    )


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a docker-registry without authentication or TLS."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="session", autouse=True)
def _unmount_leftovers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take away mounts below this run's temporary folder: podman (and a store as podman leaves it) keeps its overlay
    directory bind-mounted on itself, and pytest could not tidy up."""
    yield
    if os.geteuid() != 0:
        return
    base = f"{tmp_path_factory.getbasetemp()}/"
    mounted = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for target in reversed([path for path in mounted if path.startswith(base)]):
        subprocess.run(["umount", "--lazy", target], check=False)
