"""config.json from a ContainerConfig: podman's defaults and every kind of option, on facts made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocicore.errors import Error, InvalidInput, NotFound, Unsupported
from ocicore.runtime import spec, spec_process
from ocicore.runtime.types import HostFacts
from support.rootfs import make_busybox_root

ID = "ab" * 32


@pytest.fixture(scope="module")
def rootfs(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_busybox_root(tmp_path_factory.mktemp("root") / "fs"))


def facts(**changes: Any) -> HostFacts:
    values: dict[str, Any] = {
        "rootless": False,
        "cgroup_mode": "v2",
        "rlimits": {"NOFILE": (1024, 4096), "NPROC": (-1, -1)},
        "may_raise_limits": True,
    }
    return HostFacts(**{**values, **changes})


def rootless(**changes: Any) -> HostFacts:
    maps = [(0, 1000, 1), (1, 100000, 65536)]
    return facts(**{"rootless": True, "uid_map": maps, "gid_map": maps, "may_raise_limits": False, **changes})


def generate(rootfs: str, host: HostFacts | None = None, **config: Any) -> dict[str, Any]:
    warnings: list[str] = []
    made = spec.generate(
        {"id": ID, "args": ["true"], **config}, rootfs=rootfs, host=host or facts(), warn=warnings.append
    )
    document: dict[str, Any] = json.loads(json.dumps(made))
    document["warnings"] = warnings
    return document


def mount(document: dict[str, Any], destination: str) -> dict[str, Any]:
    found = [entry for entry in document["mounts"] if entry["destination"] == destination]
    assert len(found) == 1, document["mounts"]
    return dict(found[0])


def namespaces(document: dict[str, Any]) -> dict[str, str]:
    return {entry["type"]: entry.get("path", "") for entry in document["linux"]["namespaces"]}


def env(document: dict[str, Any]) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in document["process"]["env"])


def test_defaults_are_podmans(rootfs: str) -> None:
    made = generate(rootfs)
    process = made["process"]
    assert process["args"] == ["true"]
    assert process["cwd"] == "/"
    assert process["user"] == {"uid": 0, "gid": 0, "umask": 0o022}
    names = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
        "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
    ]  # fmt: skip
    assert process["capabilities"] == {"bounding": names, "effective": names, "permitted": names}
    assert "noNewPrivileges" not in process
    assert env(made) == {
        "PATH": spec_process.DEFAULT_PATH,
        "container": "podman",
        "HOME": "/root",
        "HOSTNAME": ID[:12],
    }
    assert made["hostname"] == ID[:12]
    assert made["root"] == {"path": rootfs}
    assert set(namespaces(made)) == {"pid", "network", "ipc", "uts", "mount", "cgroup"}
    assert "/proc/kcore" in made["linux"]["maskedPaths"]
    assert "/proc/sys" in made["linux"]["readonlyPaths"]
    assert made["linux"]["resources"]["devices"] == [{"allow": False, "access": "rwm"}]
    assert made["linux"]["cgroupsPath"] == f"/libpod_parent/libpod-{ID}"
    assert made["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    assert [entry["destination"] for entry in made["mounts"]] == [
        "/proc", "/dev", "/sys", "/dev/pts", "/dev/mqueue", "/dev/shm", "/sys/fs/cgroup",
    ]  # fmt: skip
    assert "gid=5" in mount(made, "/dev/pts")["options"]
    assert "ro" in mount(made, "/sys")["options"]
    assert "size=65536k" in mount(made, "/dev/shm")["options"]
    assert {limit["type"]: limit["hard"] for limit in process["rlimits"]} == {
        "RLIMIT_NOFILE": 1048576,
        "RLIMIT_NPROC": 1048576,
    }
    assert made["warnings"] == []


def test_cgroup_namespace_is_private_on_v2_only(rootfs: str) -> None:
    assert "cgroup" not in namespaces(generate(rootfs, facts(cgroup_mode="hybrid")))


def test_privileged(rootfs: str) -> None:
    bounding = frozenset({"CAP_SYS_ADMIN", "CAP_CHOWN"})
    made = generate(rootfs, facts(bounding=bounding), security={"privileged": True})
    assert made["process"]["capabilities"]["effective"] == ["CAP_CHOWN", "CAP_SYS_ADMIN"]
    linux = made["linux"]
    assert "seccomp" not in linux
    assert "maskedPaths" not in linux
    assert "readonlyPaths" not in linux
    assert linux["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert any(device["path"] == "/dev/null" for device in linux["devices"])
    assert "rw" in mount(made, "/sys")["options"]
    assert "rw" in mount(made, "/sys/fs/cgroup")["options"]
    assert made["annotations"]["io.podman.annotations.privileged"] == "TRUE"


def test_privileged_keeps_a_seccomp_profile_that_was_asked_for(rootfs: str, tmp_path: Path) -> None:
    profile = tmp_path / "p.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_LOG", "syscalls": []}')
    made = generate(rootfs, security={"privileged": True, "seccomp": str(profile)})
    assert made["linux"]["seccomp"] == {"defaultAction": "SCMP_ACT_LOG", "syscalls": []}


def test_user_without_added_capabilities_has_none(rootfs: str) -> None:
    caps = generate(rootfs, user="user")["process"]["capabilities"]
    assert caps["effective"] == [] == caps["permitted"]
    assert len(caps["bounding"]) == 11
    made = generate(rootfs, user="user", security={"cap_add": ["net_bind_service"]})
    caps = made["process"]["capabilities"]
    assert caps["ambient"] == ["CAP_NET_BIND_SERVICE"] == caps["effective"] == caps["inheritable"]
    assert made["process"]["user"]["uid"] == 1000
    assert made["process"]["user"]["additionalGids"] == [50, 1000]
    assert env(made)["HOME"] == "/home"


@pytest.mark.parametrize(
    ("security", "expected"),
    [
        ({"cap_drop": ["ALL"]}, set()),
        ({"cap_drop": ["all"], "cap_add": ["CHOWN"]}, {"CAP_CHOWN"}),
        ({"cap_add": ["CAP_SYS_TIME"], "capabilities": ["KILL"]}, {"CAP_KILL", "CAP_SYS_TIME"}),
        ({"cap_drop": ["kill"], "capabilities": ["KILL", "CHOWN"]}, {"CAP_CHOWN"}),
    ],
)
def test_capabilities_added_and_dropped(rootfs: str, security: dict[str, Any], expected: set[str]) -> None:
    made = generate(rootfs, security=security)
    assert set(made["process"]["capabilities"]["effective"]) == expected


@pytest.mark.parametrize(
    ("security", "text"),
    [
        ({"cap_add": ["NOPE"]}, '"CAP_NOPE": unknown capability'),
        ({"cap_add": ["KILL"], "cap_drop": ["KILL"]}, "cannot be dropped and added"),
        ({"cap_add": ["ALL"], "cap_drop": ["ALL"]}, "not allowed"),
    ],
)
def test_contradicting_capabilities(rootfs: str, security: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        generate(rootfs, security=security)


def test_rootless_with_the_hosts_network_binds_sys(rootfs: str) -> None:
    made = generate(rootfs, rootless(), namespaces={"net": {"mode": "host"}})
    assert mount(made, "/sys")["type"] == "bind"
    assert "rbind" in mount(made, "/sys")["options"]
    assert "/sys/kernel" in made["linux"]["maskedPaths"]
    assert "network" not in namespaces(made)
    assert "devices" not in made["linux"].get("resources", {})


def test_rootless_with_one_group_id_leaves_out_gid_5(rootfs: str) -> None:
    single = [(0, 1000, 1)]
    made = generate(rootfs, rootless(uid_map=single, gid_map=single))
    assert "gid=5" not in mount(made, "/dev/pts")["options"]


def test_new_user_namespace(rootfs: str) -> None:
    maps = [{"container_id": 0, "host_id": 200000, "size": 1000}]
    made = generate(
        rootfs,
        uid_mappings=maps,
        gid_mappings=maps,
        namespaces={
            "net": {"mode": "path", "path": "/run/netns/x"},
            "ipc": {"mode": "host"},
            "pid": {"mode": "host"},
        },
    )
    assert made["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 200000, "size": 1000}]
    assert "user" in namespaces(made)
    assert namespaces(made)["network"] == "/run/netns/x"
    for path in ("/sys", "/proc", "/dev/mqueue"):
        assert mount(made, path)["type"] == "bind"
        # What is mounted on it in the container must not appear on the host.
        assert "rprivate" in mount(made, path)["options"]


def test_a_network_namespace_of_its_own_allows_sysfs_in_a_user_namespace(rootfs: str) -> None:
    maps = [{"container_id": 0, "host_id": 200000, "size": 1000}]
    made = generate(rootfs, uid_mappings=maps, gid_mappings=maps, namespaces={"net": {"mode": "private"}})
    assert mount(made, "/sys")["type"] == "sysfs"


def test_limits_that_may_not_be_raised_are_cut_with_a_note(rootfs: str) -> None:
    host = facts(may_raise_limits=False)
    made = generate(rootfs, host, rlimits=[{"type": "nofile", "soft": 9000, "hard": 9000}])
    limits = {limit["type"]: (limit["soft"], limit["hard"]) for limit in made["process"]["rlimits"]}
    assert limits["RLIMIT_NOFILE"] == (4096, 4096)
    assert limits["RLIMIT_NPROC"] == (1048576, 1048576)
    assert made["warnings"] == ["limit nofile=9000 is above what this user may set; using 4096"]


def test_default_limits_are_cut_silently(rootfs: str) -> None:
    made = generate(rootfs, facts(may_raise_limits=False))
    assert {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 4096} in made["process"]["rlimits"]
    assert made["warnings"] == []


def test_unlimited_is_the_largest_number(rootfs: str) -> None:
    made = generate(rootfs, rlimits=[{"type": "RLIMIT_CORE", "soft": -1, "hard": -1}])
    assert {"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1} in made["process"]["rlimits"]


def test_callers_mounts_replace_defaults_and_earlier_ones(rootfs: str) -> None:
    made = generate(
        rootfs,
        mounts=[
            {"type": "bind", "source": "/a", "destination": "/data", "options": ["rbind", "ro"]},
            {"type": "bind", "source": "/b", "destination": "/data/", "options": ["rbind"]},
            {"type": "tmpfs", "destination": "/dev/shm", "options": ["size=1m"]},
            {"type": "bind", "source": "/c", "destination": "/data/sub/deep", "options": ["bind"]},
        ],
    )
    assert mount(made, "/data")["source"] == "/b"
    assert mount(made, "/dev/shm")["options"] == ["size=1m"]
    order = [entry["destination"] for entry in made["mounts"]]
    assert order.index("/data") < order.index("/data/sub/deep")


def test_a_dev_of_the_users_own_takes_the_defaults_below_with_it(rootfs: str) -> None:
    made = generate(rootfs, mounts=[{"type": "bind", "source": "/dev", "destination": "/dev", "options": []}])
    assert [entry["destination"] for entry in made["mounts"] if entry["destination"].startswith("/dev")] == [
        "/dev"
    ]


def test_tmpfs_below_a_link_of_the_root_goes_where_the_link_leads(tmp_path: Path) -> None:
    root = make_busybox_root(tmp_path / "fs")
    (root / "run").mkdir()
    (root / "var" / "run").symlink_to("/run")
    made = generate(str(root), mounts=[{"type": "tmpfs", "destination": "/var/run", "options": []}])
    assert mount(made, "/run")["type"] == "tmpfs"


def test_read_only_root_keeps_tmpfs_where_programs_write(rootfs: str) -> None:
    made = generate(rootfs, read_only=True)
    assert made["root"]["readonly"] is True
    for path in ("/run", "/tmp", "/var/tmp"):
        assert mount(made, path)["type"] == "tmpfs"
    without = generate(rootfs, read_only=True, read_only_tmpfs=False)
    assert "ro" in mount(without, "/dev")["options"]
    assert not [entry for entry in without["mounts"] if entry["destination"] == "/tmp"]


def test_systemd_mode(rootfs: str) -> None:
    made = generate(rootfs, systemd=True, shm_size_systemd=4096)
    assert env(made)["container_uuid"] == ID[:32]
    for path in ("/run", "/run/lock", "/tmp", "/var/log/journal"):
        assert "size=4096" in mount(made, path)["options"]
    assert "rw" in mount(made, "/sys/fs/cgroup")["options"]


def test_init_is_bound_and_put_before_the_command(rootfs: str) -> None:
    made = generate(rootfs, init=True, init_path="/usr/bin/catatonit")
    assert made["process"]["args"] == ["/run/podman-init", "--", "true"]
    assert mount(made, "/run/podman-init")["source"] == "/usr/bin/catatonit"


def test_shared_memory(rootfs: str) -> None:
    assert "size=1000" in mount(generate(rootfs, shm_size=1000), "/dev/shm")["options"]
    assert mount(generate(rootfs, shm_path="/x/shm"), "/dev/shm")["source"] == "/x/shm"
    host = mount(generate(rootfs, namespaces={"ipc": {"mode": "host"}}), "/dev/shm")
    assert (host["type"], host["source"]) == ("bind", "/dev/shm")


def test_mask_and_unmask(rootfs: str) -> None:
    made = generate(rootfs, security={"mask": ["/secret"], "unmask": ["/proc/kcore:/proc/sys", "/proc/a*"]})
    masked = made["linux"]["maskedPaths"]
    assert "/secret" in masked
    assert "/proc/kcore" not in masked
    assert "/proc/acpi" not in masked
    assert "/sys/firmware" in masked
    assert "/proc/sys" not in made["linux"]["readonlyPaths"]
    assert "/proc/asound" not in made["linux"]["readonlyPaths"]
    everything = generate(rootfs, security={"unmask": ["ALL"]})["linux"]
    assert "maskedPaths" not in everything
    assert "readonlyPaths" not in everything


@pytest.mark.parametrize(("hierarchy", "access"), [("v2", "rw"), ("hybrid", "ro"), ("v1", "ro")])
def test_only_a_unified_hierarchy_is_unmasked(rootfs: str, hierarchy: str, access: str) -> None:
    made = generate(rootfs, facts(cgroup_mode=hierarchy), security={"unmask": ["ALL"]})
    assert access in mount(made, "/sys/fs/cgroup")["options"]


def test_security_options_reach_the_process(rootfs: str) -> None:
    made = generate(
        rootfs,
        facts(apparmor=True),
        security={
            "no_new_privileges": True,
            "apparmor": "mine",
            "seccomp": "unconfined",
            "selinux_process_label": "p",
            "selinux_mount_label": "m",
            "proc_opts": ["hidepid=2"],
        },
    )
    assert made["process"]["noNewPrivileges"] is True
    assert made["process"]["apparmorProfile"] == "mine"
    assert made["process"]["selinuxLabel"] == "p"
    assert made["linux"]["mountLabel"] == "m"
    assert "seccomp" not in made["linux"]
    assert mount(made, "/proc")["options"] == ["hidepid=2"]


def test_apparmor_profile_without_apparmor_is_refused(rootfs: str) -> None:
    with pytest.raises(Unsupported, match="Apparmor is not enabled"):
        generate(rootfs, security={"apparmor": "mine"})


def test_resources(rootfs: str) -> None:
    made = generate(
        rootfs,
        resources={
            "memory": 1000,
            "memory_reservation": 500,
            "cpu_shares": 3,
            "cpu_quota": 5,
            "cpu_period": 7,
            "cpuset_cpus": "0",
            "pids_limit": 9,
            "blkio_weight": 11,
            "oom_kill_disable": True,
            "unified": {"memory.high": "1"},
        },
    )["linux"]["resources"]
    assert made["memory"] == {"limit": 1000, "reservation": 500, "swap": 2000, "disableOOMKiller": True}
    assert made["cpu"] == {"shares": 3, "quota": 5, "period": 7, "cpus": "0"}
    assert made["pids"] == {"limit": 9}
    assert made["blockIO"] == {"weight": 11}
    assert made["unified"] == {"memory.high": "1"}


def test_resources_of_a_device(rootfs: str) -> None:
    made = generate(
        rootfs,
        resources={
            "device_read_bps": [{"path": "/dev/null", "rate": 5}],
            "blkio_weight_device": [{"path": "/dev/zero", "weight": 10}],
        },
    )["linux"]["resources"]["blockIO"]
    assert made["throttleReadBpsDevice"] == [{"major": 1, "minor": 3, "rate": 5}]
    assert made["weightDevice"] == [{"major": 1, "minor": 5, "weight": 10}]


@pytest.mark.parametrize(
    ("resources", "error"),
    [
        ({"memory": 10, "memory_swap": 5}, InvalidInput),
        ({"memory_swap": 5}, InvalidInput),
        ({"memory": 10, "memory_reservation": 20}, InvalidInput),
        ({"device_read_bps": [{"path": "/dev/nothing-here", "rate": 5}]}, NotFound),
    ],
)
def test_impossible_resources(rootfs: str, resources: dict[str, Any], error: type[Error]) -> None:
    with pytest.raises(error):
        generate(rootfs, resources=resources)


def test_rootless_on_cgroup_v1_cannot_limit(rootfs: str) -> None:
    host = rootless(cgroup_mode="hybrid")
    made = generate(rootfs, host, resources={"memory": 1000})
    assert "resources" not in made["linux"]
    assert made["warnings"] == [
        "resource limits are not supported and ignored on cgroups V1 rootless systems"
    ]
    assert generate(rootfs, host, resources={"pids_limit": 2048})["warnings"] == []
    assert "cgroupsPath" not in made["linux"]


@pytest.mark.parametrize(
    ("config", "host", "path"),
    [
        ({"cgroup_parent": "/mine"}, facts(), f"/mine/libpod-{ID}"),
        ({"cgroup_manager": "systemd"}, facts(), f"machine.slice:libpod:{ID}"),
        ({"cgroup_manager": "systemd"}, rootless(), f"user.slice:libpod:{ID}"),
        ({"cgroup_manager": "systemd", "cgroup_parent": "a/b.slice"}, facts(), f"b.slice:libpod:{ID}"),
        ({"cgroups": "split"}, facts(cgroup_root="/here"), f"/here/libpod-payload-{ID}"),
        ({"cgroup_path": "/all/mine", "cgroups": "disabled"}, facts(), "/all/mine"),
    ],
)
def test_cgroup_paths(rootfs: str, config: dict[str, Any], host: HostFacts, path: str) -> None:
    assert generate(rootfs, host, **config)["linux"]["cgroupsPath"] == path


def test_split_cgroups_need_a_cgroup_of_ones_own(rootfs: str) -> None:
    with pytest.raises(Unsupported, match="root cgroup"):
        generate(rootfs, cgroups="split")
    with pytest.raises(InvalidInput, match="slice"):
        generate(rootfs, cgroup_manager="systemd", cgroup_parent="/plain")


def test_sysctls_follow_the_namespaces(rootfs: str) -> None:
    made = generate(
        rootfs,
        default_sysctl={"net.ipv4.ping_group_range": "0 0", "kernel.msgmax": "1"},
        sysctl={"kernel.shmmax": "2"},
        namespaces={"net": {"mode": "host"}},
    )
    assert made["linux"]["sysctl"] == {"kernel.msgmax": "1", "kernel.shmmax": "2"}
    with pytest.raises(InvalidInput, match="can't be set since Network Namespace set to host"):
        generate(rootfs, sysctl={"net.core.somaxconn": "1"}, namespaces={"net": {"mode": "host"}})


def test_devices_as_root_and_rootless(rootfs: str) -> None:
    made = generate(rootfs, devices=["/dev/zero:/dev/nought:r"])
    assert made["linux"]["devices"][0]["path"] == "/dev/nought"
    assert made["linux"]["resources"]["devices"][1:] == [
        {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "r"}
    ]
    bound = mount(generate(rootfs, rootless(), devices=["/dev/zero:/dev/nought:r"]), "/dev/nought")
    assert (bound["type"], bound["source"]) == ("bind", "/dev/zero")
    assert "ro" in bound["options"]
    with pytest.raises(NotFound):
        generate(rootfs, devices=["/dev/nothing-here"])


def test_device_cgroup_rules(rootfs: str) -> None:
    made = generate(rootfs, device_cgroup_rules=["c 10:* rw"])
    assert made["linux"]["resources"]["devices"][1] == {
        "allow": True,
        "type": "c",
        "major": 10,
        "access": "rw",
    }
    with pytest.raises(Unsupported):
        generate(rootfs, rootless(), device_cgroup_rules=["c 10:* rw"])
    with pytest.raises(InvalidInput):
        generate(rootfs, device_cgroup_rules=["x 10:* rw"])


def test_environment_can_be_emptied(rootfs: str) -> None:
    assert env(generate(rootfs, env={"A": "b"}, unset_env_all=True)) == {"A": "b"}
    assert "PATH" not in env(generate(rootfs, unset_env=["PATH", "NOT_THERE"]))
    assert env(generate(rootfs, env={"HOME": "/x", "TERM": "y"}, terminal=True))["TERM"] == "y"
    assert env(generate(rootfs, terminal=True))["TERM"] == "xterm"


def test_host_uts_has_the_hosts_name(rootfs: str) -> None:
    made = generate(rootfs, facts(hostname="machine"), namespaces={"uts": {"mode": "host"}})
    assert "hostname" not in made
    assert env(made)["HOSTNAME"] == "machine"


def test_small_things(rootfs: str) -> None:
    made = generate(
        rootfs,
        personality="linux32",
        umask="0077",
        oom_score_adj=-5,
        rdt_class="gold",
        domainname="example.org",
        annotations={"a": "b"},
        group_add=["keep-groups"],
        stop_signal=15,
        hooks={"prestart": [{"path": "/bin/true"}]},
        io_priority={"class": "IOPRIO_CLASS_BE", "priority": 3},
    )
    assert made["linux"]["personality"] == {"domain": "LINUX32"}
    assert made["linux"]["intelRdt"] == {"closID": "gold"}
    assert made["process"]["user"]["umask"] == 0o077
    assert made["process"]["oomScoreAdj"] == -5
    assert made["domainname"] == "example.org"
    assert made["annotations"]["a"] == "b"
    assert made["annotations"]["run.oci.keep_original_groups"] == "1"
    assert made["annotations"]["org.opencontainers.image.stopSignal"] == "15"
    assert made["hooks"] == {"prestart": [{"path": "/bin/true"}]}
    assert made["process"]["ioPriority"] == {"class": "IOPRIO_CLASS_BE", "priority": 3}


@pytest.mark.parametrize(
    "config",
    [
        {"args": []},
        {"umask": "9"},
        {"personality": "windows"},
        {"oom_score_adj": 2000},
        {"namespaces": {"pid": {"mode": "path"}}},
        {"namespaces": {"pid": {"mode": "container"}}},
    ],
)
def test_malformed_values(rootfs: str, config: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        generate(rootfs, **config)


def test_propagation_of_binds_decides_the_roots(rootfs: str) -> None:
    shared = [{"type": "bind", "source": "/a", "destination": "/a", "options": ["rbind", "rshared"]}]
    assert generate(rootfs, mounts=shared)["linux"]["rootfsPropagation"] == "shared"
    slave = [{"type": "bind", "source": "/a", "destination": "/a", "options": ["rbind", "rslave"]}]
    assert generate(rootfs, mounts=slave)["linux"]["rootfsPropagation"] == "rslave"
    assert "rootfsPropagation" not in generate(rootfs)["linux"]


def test_idmapped_mounts_carry_their_maps(rootfs: str) -> None:
    maps = [{"container_id": 0, "host_id": 5, "size": 1}]
    made = generate(
        rootfs,
        mounts=[
            {
                "type": "bind",
                "source": "/a",
                "destination": "/a",
                "options": ["rbind"],
                "uid_mappings": maps,
                "gid_mappings": maps,
            }
        ],
    )
    assert mount(made, "/a")["uidMappings"] == [{"containerID": 0, "hostID": 5, "size": 1}]


def test_exec_process_derives_from_the_container(rootfs: str) -> None:
    document = spec.generate(
        {"id": ID, "args": ["true"], "env": {"A": "1"}, "cwd": "/tmp", "terminal": True},
        rootfs=rootfs,
        host=facts(),
        warn=lambda text: None,
    )
    plain = spec.exec_process(document, args=["id"], env={"B": "2"})
    assert plain["args"] == ["id"]
    assert plain["cwd"] == "/tmp"
    assert "terminal" not in plain
    assert "A=1" in plain["env"] and "B=2" in plain["env"]
    assert plain["capabilities"] == document["process"]["capabilities"]

    as_user = spec.exec_process(document, args=["id"], user="user", rootfs=rootfs, terminal=True)
    assert as_user["user"]["uid"] == 1000
    assert as_user["capabilities"]["effective"] == []
    assert "HOME=/home" in as_user["env"]
    assert as_user["terminal"] is True

    host = facts(bounding=frozenset({"CAP_SYS_ADMIN"}))
    powerful = spec.exec_process(document, args=["id"], privileged=True, host=host)
    assert powerful["capabilities"]["effective"] == ["CAP_SYS_ADMIN"]


@pytest.mark.parametrize(
    "config",
    [
        {"args": []},
        {"security": {"cap_add": ["NOPE"]}},
        {"security": {"seccomp": "/nowhere"}},
        {"security": {"apparmor": "mine"}},
        {"devices": ["/dev/nothing-here"]},
        {"umask": "9"},
        {"oom_score_adj": 5000},
        {"resources": {"memory_swap": 5}},
        {"sysctl": {"net.x": "1"}, "namespaces": {"net": {"mode": "host"}}},
        {"cgroups": "split"},
    ],
)
def test_check_refuses_without_a_root(config: dict[str, Any]) -> None:
    with pytest.raises(Error):
        spec.check({"id": ID, "args": ["true"], **config}, host=facts())  # type: ignore[typeddict-item]
    spec.check({"id": ID, "args": ["true"], "user": "whoever"}, host=facts())


def test_default_sysctls_of_a_namespace_made_for_the_container() -> None:
    """A network namespace by path counts as the container's own only where its user namespace may set it."""
    ours = {"mode": "path", "path": "/run/netns/x", "own": True}
    for network, user, expected in (
        (ours, "host", {"net.a": "1"}),
        (ours, "private", {}),
        ({"mode": "path", "path": "/run/netns/x"}, "host", {}),
        ({"mode": "host"}, "host", {}),
    ):
        config = {"default_sysctl": {"net.a": "1"}, "namespaces": {"net": network, "user": {"mode": user}}}
        assert spec._sysctl(config, facts()) == expected  # type: ignore[arg-type]
