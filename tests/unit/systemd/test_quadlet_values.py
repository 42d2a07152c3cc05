"""`pypod-systemd check`: values that the engine would refuse, found where they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.systemd.quadlet.keys import KEYS
from ocicore.systemd.quadlet.lint import Finding, check
from ocicore.systemd.quadlet.service import Host
from pypod_systemd import values
from support.option_values import VALUES

HOST = Host("/usr/bin/pypod", is_user=False)


def findings(folder: Path, name: str, *lines: str) -> list[Finding]:
    (folder / name).write_text("\n".join(lines) + "\n")
    found = check(str(folder / name), HOST, judge=values.judge)
    return [finding for finding in found if finding.level == "error"]


def quoted(key: str, value: str) -> str:
    return f'"{value}"' if " " in value else value


@pytest.mark.parametrize("option", VALUES)
def test_good_and_bad(tmp_path: Path, option: str) -> None:
    key, good, bad = VALUES[option]
    assert KEYS["Container"][key][1] == (option if option != "--volume" else "--volume")
    for value in good:
        assert findings(tmp_path, "a.container", "[Container]", "Image=localhost/x", f"{key}={value}") == []
    for value in bad:
        found = findings(tmp_path, "a.container", "[Container]", "Image=localhost/x", "", f" {key} = {value}")
        assert [(f.line, f.column) for f in found] == [(4, len(key) + 5)], (value, found)
        assert found[0].message.startswith(f"{key}: ")
        assert "\n" not in found[0].message


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("a.container", "Image=localhost/X", "repository name must be lowercase"),
        ("a.container", "Volume=", ""),
        ("a.image", "Image=docker-archive:/x.tar", ""),
        ("a.image", "Image=UPPER/x:y:z", "invalid reference format"),
        ("a.build", "ImageTag=localhost/X", "repository name must be lowercase"),
        ("a.build", "Network=host", ""),
        ("a.build", "Pull=perhaps", "choose from always"),
        ("a.build", "Secret=src=/x", "id=NAME is missing"),
        ("a.network", "Subnet=10.0.0.0/33", "invalid CIDR address"),
        ("a.network", "Gateway=x", "invalid IP address"),
        ("a.network", "IPRange=10.0.0.1-10.0.0.9", ""),
        ("a.network", "IPRange=10.0.0.1-x", "invalid IP address"),
        ("a.network", "IPAMDriver=paper", "choose from host-local"),
        ("a.network", "DNS=x", "invalid IP address"),
        ("a.pod", "PublishPort=x", "invalid container port"),
        ("a.pod", "ExitPolicy=panic", "choose from continue, stop"),
        ("a.pod", "PodName=a/b", "names must match"),
        ("a.kube", "PublishPort=x", "invalid container port"),
        ("a.kube", "UserNS=keep-it", "unrecognized namespace mode"),
    ],
)
def test_other_kinds(tmp_path: Path, name: str, line: str, said: str) -> None:
    section = f"[{name.partition('.')[2].capitalize()}]"
    needed = {
        "a.container": "Image=localhost/x",
        "a.image": "Image=localhost/x",
        "a.build": "ImageTag=localhost/x\nFile=/x/Containerfile\nSetWorkingDirectory=unit",
        "a.kube": "Yaml=/x.yaml",
        "a.network": "Subnet=10.0.0.0/24",
    }
    key = line.partition("=")[0]
    rest = [text for text in needed.get(name, "").splitlines() if not text.startswith(f"{key}=")]
    found = findings(tmp_path, name, section, line, *rest)
    if not said:
        assert found == []
        return
    assert [(f.line, f.column) for f in found] == [(2, len(key) + 2)], found
    assert said in found[0].message


@pytest.mark.parametrize("value", ["%h/x", "${PORT}", "$PORT", "a%i"])
def test_what_systemd_replaces_is_not_judged(tmp_path: Path, value: str) -> None:
    lines = [f"{key}={value}" for key in ("PublishPort", "PidsLimit", "UserNS", "Memory", "StopSignal")]
    assert findings(tmp_path, "a.container", "[Container]", "Image=localhost/x", *lines) == []


def test_doubled_marks_are_themselves(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "a.container", "[Container]", "Image=localhost/x", "PidsLimit=1%%")
    assert found.message == "PidsLimit: '1%' is not a number"


def test_each_of_several_and_the_drop_in_it_stands_in(tmp_path: Path) -> None:
    (tmp_path / "a.container.d").mkdir()
    drop_in = tmp_path / "a.container.d/x.conf"
    drop_in.write_text("[Container]\nUlimit=nofile=x\n")
    found = findings(
        tmp_path,
        "a.container",
        "[Container]",
        "Image=localhost/x",
        "PublishPort=a",
        "PublishPort=80",
        "PublishPort=b",
    )
    places = [(Path(f.path).name, f.line, f.message.partition(":")[0]) for f in found]
    assert places == [
        ("a.container", 3, "PublishPort"),
        ("a.container", 5, "PublishPort"),
        ("x.conf", 2, "Ulimit"),
    ]


def test_values_of_other_options_are_any_text(tmp_path: Path) -> None:
    lines = ["PodmanArgs=--pids-limit lots", "Exec=--memory x", "HostName=x", "User=nobody", "WorkingDir=/x"]
    assert findings(tmp_path, "a.container", "[Container]", "Image=localhost/x", *lines) == []
