"""config.json beside podman's own for the same options; every tolerated difference is named."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocicore.runtime import host, spec
from support.peer_generations import peer_does
from support.programs import PODMAN_RUN_FLAGS, Tool, theirs
from support.rootfs import busybox_tar

pytestmark = [pytest.mark.root, pytest.mark.compat]

RLIMITS = [{"type": "nofile", "soft": 1000, "hard": 1000}, {"type": "nproc", "soft": 1000, "hard": 1000}]

#: podman's own files, bound by its engine; ours come from the engine as well.
ENGINE_MOUNTS = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv", "/run/secrets"}
#: Masked since podman 5.6, or only in old releases.
MASKED_SINCE = {"/proc/interrupts", "/sys/devices/virtual/powercap"}
MASKED_ONCE = {"/sys/dev/block"}


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    folder = tmp_path_factory.mktemp("podman")
    archive = folder / "bb.tar"
    archive.write_bytes(busybox_tar())
    with tempfile.TemporaryDirectory(
        prefix="run.", dir="/run"
    ) as run_root:  # podman wants less than 50 characters
        tool = theirs("podman", "--root", str(folder / "root"), "--runroot", run_root)
        tool("import", "--quiet", str(archive), "localhost/bb")
        yield tool
        tool("rm", "--all", "--force", status=None)
        tool("rmi", "--all", "--force", status=None)


def podmans_spec(podman: Tool, *options: str) -> tuple[str, dict[str, Any]]:
    """(container id, its config.json): `init` writes the file, nothing is started."""
    network = [] if any("--network" in option for option in options) else ["--network", "none"]
    identity = podman.out("create", *PODMAN_RUN_FLAGS, *network, *options, "localhost/bb", "sleep", "100")
    try:
        podman("init", identity)
        path = podman.out("inspect", "--format", "{{.OCIConfigPath}}", identity)
        return identity, json.loads(Path(path).read_text())
    finally:
        podman("rm", "--force", "--time", "0", identity)


def our_spec(identity: str, rootfs: str, config: dict[str, Any]) -> dict[str, Any]:
    facts = host.probe(False, print)
    namespaces = {"net": {"mode": "none"}, **config.pop("namespaces", {})}
    settings = {
        "id": identity,
        "args": ["sleep", "100"],
        "rlimits": RLIMITS,
        "default_sysctl": {"net.ipv4.ping_group_range": "0 0"},
        "resources": {"pids_limit": 2048, **config.pop("resources", {})},
        "namespaces": namespaces,
        **config,
    }
    made = spec.generate(settings, rootfs=rootfs, host=facts, warn=print)  # type: ignore[arg-type]
    document: dict[str, Any] = json.loads(json.dumps(made))
    return document


def normal(document: dict[str, Any]) -> dict[str, Any]:
    """A specification without what is tolerated: lists that have no order are sorted."""
    process, linux = document["process"], document["linux"]
    variables = dict(entry.split("=", 1) for entry in process["env"])
    # podman 4 sets TERM without a terminal, podman 5 does not.
    variables.pop("TERM", None)
    # podman looks HOME up while it starts the container; it is not in the file that `init` writes.
    variables.pop("HOME", None)
    capabilities = {key: sorted(value) for key, value in process["capabilities"].items() if value}
    mounts = {
        entry["destination"]: (entry["type"], sorted(set(entry["options"]) - {"rprivate"}))
        for entry in document["mounts"]
        if entry["destination"] not in ENGINE_MOUNTS
    }
    if not peer_does("/dev may hold programs"):
        kind, options = mounts["/dev"]
        mounts["/dev"] = (kind, [option for option in options if option != "noexec"])
    # podman binds a tmpfs it mounted itself on /dev/shm, so that others may share it; ours is the runtime's.
    kind, options = mounts["/dev/shm"]
    if kind == "tmpfs" and "mode=1777" in options:
        mounts["/dev/shm"] = ("bind", sorted({*options, "bind"} - {"mode=1777", "size=65536k"}))
    resources = dict(linux.get("resources", {}))
    return {
        "args": process["args"],
        "cwd": process["cwd"],
        "user": {
            key: sorted(value) if isinstance(value, list) else value for key, value in process["user"].items()
        },
        "env": variables,
        "capabilities": capabilities,
        "rlimits": sorted(process["rlimits"], key=lambda limit: str(limit["type"])),
        "no_new_privileges": process.get("noNewPrivileges", False),
        "terminal": process.get("terminal", False),
        "oom": process.get("oomScoreAdj"),
        "hostname": document.get("hostname", ""),
        "readonly": document["root"].get("readonly", False),
        "mounts": mounts,
        "namespaces": sorted(entry["type"] for entry in linux["namespaces"]),
        "masked": sorted(set(linux.get("maskedPaths", [])) - MASKED_SINCE - MASKED_ONCE),
        "readonly_paths": sorted(linux.get("readonlyPaths", [])),
        "sysctl": linux.get("sysctl", {}),
        "resources": resources,
        "cgroup": linux.get("cgroupsPath", ""),
        "devices": sorted(
            (entry["path"], entry["type"], entry["major"], entry["minor"])
            for entry in linux.get("devices", [])
        ),
        "seccomp": seccomp(linux.get("seccomp")),
        "propagation": linux.get("rootfsPropagation", ""),
    }


def seccomp(profile: dict[str, Any] | None) -> Any:
    """Rules in any order and grouping: one entry a call."""
    if profile is None:
        return None
    rules = {
        (name, call["action"], call.get("errnoRet"), json.dumps(call.get("args") or [], sort_keys=True))
        for call in profile["syscalls"]
        for name in call["names"]
    }
    return (
        profile["defaultAction"],
        profile.get("defaultErrnoRet"),
        sorted(profile["architectures"]),
        sorted(rules, key=str),
    )


@pytest.mark.parametrize(
    ("options", "config"),
    [
        ((), {}),
        (("--env", "A=b"), {"env": {"A": "b"}}),
        (("--user", "user"), {"user": "user"}),
        (
            ("--user", "user:staff", "--cap-add", "NET_RAW"),
            {"user": "user:staff", "security": {"cap_add": ["NET_RAW"]}},
        ),
        (
            ("--cap-drop", "ALL", "--cap-add", "chown"),
            {"security": {"cap_drop": ["ALL"], "cap_add": ["chown"]}},
        ),
        (
            ("--cap-add", "SYS_ADMIN,SYS_PTRACE,BPF"),
            {"security": {"cap_add": ["SYS_ADMIN", "SYS_PTRACE", "BPF"]}},
        ),
        (("--security-opt", "no-new-privileges"), {"security": {"no_new_privileges": True}}),
        (("--security-opt", "seccomp=unconfined"), {"security": {"seccomp": "unconfined"}}),
        (("--security-opt", "mask=/a:/b"), {"security": {"mask": ["/a", "/b"]}}),
        (
            ("--security-opt", "unmask=/proc/kcore:/proc/sys"),
            {"security": {"unmask": ["/proc/kcore:/proc/sys"]}},
        ),
        (("--security-opt", "unmask=ALL"), {"security": {"unmask": ["ALL"]}}),
        (("--read-only",), {"read_only": True}),
        (("--hostname", "name", "--workdir", "/tmp"), {"hostname": "name", "cwd": "/tmp"}),
        (("--tty",), {"terminal": True}),
        (
            ("--pid", "host", "--ipc", "host", "--uts", "host"),
            {"namespaces": {k: {"mode": "host"} for k in ("pid", "ipc", "uts")}},
        ),
        (("--network", "host"), {"namespaces": {"net": {"mode": "host"}}}),
        (("--memory", "64m", "--cpu-shares", "5"), {"resources": {"memory": 64 << 20, "cpu_shares": 5}}),
        (
            ("--pids-limit", "10", "--oom-score-adj", "7"),
            {"resources": {"pids_limit": 10}, "oom_score_adj": 7},
        ),
        (("--device", "/dev/zero:/dev/nought:r"), {"devices": ["/dev/zero:/dev/nought:r"]}),
        (("--sysctl", "net.core.somaxconn=100"), {"sysctl": {"net.core.somaxconn": "100"}}),
        (("--cgroup-parent", "/mine"), {"cgroup_parent": "/mine"}),
        (("--umask", "0077"), {"umask": "0077"}),
        (("--group-add", "staff"), {"group_add": ["staff"]}),
        (
            ("--uidmap", "0:200000:5000", "--gidmap", "0:200000:5000"),
            {
                "uid_mappings": [{"container_id": 0, "host_id": 200000, "size": 5000}],
                "gid_mappings": [{"container_id": 0, "host_id": 200000, "size": 5000}],
            },
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_same_options_same_specification(
    podman: Tool, options: tuple[str, ...], config: dict[str, Any]
) -> None:
    identity, document = podmans_spec(podman, *options)
    rootfs = rootfs_for(podman, identity, document)
    ours = normal(our_spec(identity, rootfs, json.loads(json.dumps(config))))
    wanted = normal(document)
    assert ours == wanted


def rootfs_for(podman: Tool, identity: str, document: dict[str, Any]) -> str:
    """A folder with the user database of the image: the container's own root is unmounted again by now."""
    path = Path(document["root"]["path"]).parent / "diff"
    if not path.exists():
        path = Path(document["root"]["path"])
    if not (path / "etc" / "passwd").exists():
        store = Path(podman.argv[podman.argv.index("--root") + 1])
        path = next(found.parent.parent for found in store.glob("overlay/*/diff/etc/passwd"))
    return str(path)


def test_privileged(podman: Tool) -> None:
    identity, document = podmans_spec(podman, "--privileged")
    theirs_normal = normal(document)
    ours = normal(
        our_spec(identity, rootfs_for(podman, identity, document), {"security": {"privileged": True}})
    )
    # Nodes of terminals come and go with the processes of the machine.
    for made in (ours, theirs_normal):
        made["devices"] = [
            device for device in made["devices"] if not re.match(r"/dev/(tty|pts|ptm|loop)", device[0])
        ]
    assert os.path.exists("/dev/null")
    assert ours == theirs_normal
