"""Profiles resolved for capabilities, architecture and kernel; our own table against the host's profile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocicore.errors import InvalidInput
from ocicore.runtime import seccomp


def resolve(profile: dict[str, Any], caps: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return seccomp.resolve(profile, caps, **{"architecture": "amd64", "kernel": (6, 1), **more})


def actions(compiled: dict[str, Any], name: str) -> list[tuple[str, int | None, int]]:
    return [
        (call["action"], call.get("errnoRet"), len(call.get("args", ())))
        for call in compiled["syscalls"]
        if name in call["names"]
    ]


RULES = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 38,
    "defaultErrno": "ENOSYS",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
        {"names": ["a"], "action": "SCMP_ACT_ALLOW", "args": None, "includes": {}, "excludes": {}},
        {"names": ["b"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_X"]}},
        {"names": ["c"], "action": "SCMP_ACT_ERRNO", "errno": "EPERM", "excludes": {"caps": ["CAP_X"]}},
        {"names": ["d"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
        {"names": ["e"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
        {"names": ["f"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "4.8"}},
        {
            "name": "g",
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 1, "valueTwo": 0, "op": "X"}],
        },
        {"names": [], "action": "SCMP_ACT_ALLOW"},
    ],
}


def test_conditions_are_decided() -> None:
    made = resolve(RULES)
    assert made["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert (made["defaultAction"], made["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 38)
    assert [call["names"][0] for call in made["syscalls"]] == ["a", "c", "e", "g"]
    assert made["syscalls"][1]["errnoRet"] == 1
    assert made["syscalls"][3]["args"] == [{"index": 0, "value": 1, "op": "X"}]
    assert [call["names"][0] for call in resolve(RULES, ("CAP_X",))["syscalls"]] == ["a", "b", "e", "g"]
    arm = resolve(RULES, architecture="arm64", kernel=(4, 7))
    assert [call["names"][0] for call in arm["syscalls"]] == ["a", "c", "d", "f", "g"]
    assert "architectures" not in arm


@pytest.mark.parametrize(
    "profile",
    [
        {"archMap": [{}], "architectures": ["SCMP_ARCH_X86"]},
        {"syscalls": [{"name": "a", "names": ["b"], "action": "SCMP_ACT_ALLOW"}]},
        {"defaultErrno": "ENOTHING"},
        {"syscalls": [{"names": ["a"], "action": "X", "includes": {"minKernel": "new"}}]},
    ],
)
def test_contradictions(profile: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="loading seccomp profile failed"):
        resolve(profile)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1} x'])
def test_files_that_are_no_profile(tmp_path: Path, content: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=str(path)):
        seccomp.from_file(str(path), (), architecture="amd64", kernel=(6, 1))
    with pytest.raises(InvalidInput, match="no such file"):
        seccomp.from_file(str(tmp_path / "none"), (), architecture="amd64", kernel=(6, 1))


def test_builtin_profile() -> None:
    made = seccomp.builtin(("CAP_SYS_CHROOT",), architecture="amd64")
    assert made["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    assert actions(made, "openat") == [("SCMP_ACT_ALLOW", None, 0)]
    assert actions(made, "chroot") == [("SCMP_ACT_ALLOW", None, 0)]
    assert actions(made, "bpf") == [("SCMP_ACT_ERRNO", 1, 0)]
    assert actions(made, "kexec_load") == [("SCMP_ACT_ERRNO", 1, 0)]
    assert actions(made, "arch_prctl") == [("SCMP_ACT_ALLOW", None, 0)]
    assert actions(made, "set_tls") == []
    assert len(actions(made, "personality")) == 5
    assert len(actions(made, "socket")) == 3
    powerful = seccomp.builtin(("CAP_BPF", "CAP_AUDIT_WRITE"), architecture="arm64")
    assert actions(powerful, "bpf") == [("SCMP_ACT_ALLOW", None, 0)]
    assert actions(powerful, "socket") == [("SCMP_ACT_ALLOW", None, 0)]
    assert actions(powerful, "set_tls") == [("SCMP_ACT_ALLOW", None, 0)]


def test_no_call_has_two_unconditional_actions() -> None:
    for caps in ((), ("CAP_SYS_ADMIN",), ("CAP_BPF", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE")):
        names = [
            name
            for call in seccomp.builtin(caps, architecture="amd64")["syscalls"]
            if "args" not in call
            for name in call["names"]
        ]
        assert len(names) == len(set(names))


def test_default_takes_the_configured_file(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_LOG"}))
    made = seccomp.default((), architecture="amd64", kernel=(6, 1), profile=str(path))
    assert made == {"defaultAction": "SCMP_ACT_LOG", "syscalls": []}
