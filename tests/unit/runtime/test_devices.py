"""--device and --device-cgroup-rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.errors import InvalidInput, NotFound
from ocicore.runtime import devices


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/dev/a", ("/dev/a", "/dev/a", "rwm")),
        ("/dev/a:/dev/b", ("/dev/a", "/dev/b", "rwm")),
        ("/dev/a:r", ("/dev/a", "/dev/a", "r")),
        ("/dev/a:/dev/b:mr", ("/dev/a", "/dev/b", "mr")),
        ("/dev/a::w", ("/dev/a", "/dev/a", "w")),
    ],
)
def test_syntax(text: str, expected: tuple[str, str, str]) -> None:
    assert devices.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":/dev/b", "/dev/a:x", "/dev/a:/dev/b:", "/dev/a:/dev/b:rr", "/a:/b:r:w"]
)
def test_malformed(text: str) -> None:
    with pytest.raises(InvalidInput):
        devices.parse(text)


def test_nodes_of_the_host(tmp_path: Path) -> None:
    assert devices.expand("/dev/null:/dev/x:r") == [("/dev/null", "/dev/x", "r")]
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    assert devices.expand(str(link)) == [("/dev/null", str(link), "rwm")]
    with pytest.raises(NotFound, match="no such file"):
        devices.expand(str(tmp_path / "none"))
    with pytest.raises(InvalidInput, match="no devices found"):
        devices.expand(str(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="not a device node"):
        devices.describe(str(tmp_path / "file"))


def test_description() -> None:
    made = devices.describe("/dev/null", "/dev/other")
    assert (made["path"], made["type"], made["major"], made["minor"]) == ("/dev/other", "c", 1, 3)
    assert devices.allow(made, "r") == {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}


def test_host_devices_leave_out_links_and_the_containers_own() -> None:
    paths = {device["path"] for device in devices.host_devices()}
    assert "/dev/null" in paths
    assert not {path for path in paths if path.startswith(("/dev/pts/", "/dev/shm/"))}
    assert "/dev/console" not in paths


@pytest.mark.parametrize(("path", "yes"), [("/dev/tty1", True), ("/dev/tty", False), ("/dev/ttyS0", False)])
def test_virtual_consoles(path: str, yes: bool) -> None:
    assert devices.is_virtual_console(path) is yes


def test_cgroup_rules() -> None:
    assert devices.parse_cgroup_rule("b *:7 rwm") == {"allow": True, "type": "b", "minor": 7, "access": "rwm"}
    assert devices.parse_cgroup_rule("c 1 r") == {"allow": True, "type": "c", "major": 1, "access": "r"}
    for text in ("", "c 1:2", "c a:b r", "c 1:2 z", "q 1:2 r"):
        with pytest.raises(InvalidInput):
            devices.parse_cgroup_rule(text)
