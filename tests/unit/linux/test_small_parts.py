"""Capabilities, xattrs, cgroups, mount table: read-only looks at the running kernel, and parsers on given text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocicore.errors import Error
from ocicore.linux import caps, cgroups, mount, namespaces, userns, xattr


def test_capability_names_are_the_kernels() -> None:
    assert caps.CAPABILITIES[caps.number("sys_admin")] == "CAP_SYS_ADMIN"
    assert caps.number("CAP_CHOWN") == 0
    assert len(caps.known()) == caps.last_cap() + 1
    with pytest.raises(caps.CapabilityError, match="unknown capability: nonsense"):
        caps.number("nonsense")


def test_effective_capabilities_agree_with_proc() -> None:
    status = Path("/proc/self/status").read_text()
    lines = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    wanted = int(lines["CapEff"], 16)
    assert sum(1 << caps.number(name) for name in caps.effective()) == wanted
    assert sum(1 << caps.number(name) for name in caps.bounding()) == int(lines["CapBnd"], 16)
    assert caps.has("CAP_CHOWN") == bool(wanted & 1)


def test_xattr_round_trip(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    open(path, "w").close()
    assert xattr.lget(path, b"user.a") is None
    xattr.lset(path, b"user.a", b"\0b")
    assert xattr.lget(path, b"user.a") == b"\0b"
    assert b"user.a" in xattr.llist(path)
    assert xattr.lremove(path, b"user.a")
    assert not xattr.lremove(path, b"user.a")


def test_mountinfo_lists_proc() -> None:
    entries = mount.mountinfo()
    proc = next(entry for entry in entries if entry.target == "/proc")
    assert proc.fstype == "proc"
    assert mount.is_mount_point("/proc")
    assert not mount.is_mount_point("/proc/self")
    assert mount.mounts_below("/")[-1] == "/"


def test_mountinfo_line_with_escapes() -> None:
    entry = mount.MountEntry(
        r"36 35 98:0 /a\040b /m\134n\012 rw,noatime shared:1 master:2 - ext3 /dev/x\040y rw,e=c"
    )
    assert (entry.root, entry.target, entry.source) == ("/a b", "/m\\n\n", "/dev/x y")
    assert (entry.propagation, entry.super_options) == ("shared:1 master:2", "rw,e=c")


def test_mount_errors_name_the_call(tmp_path: Path) -> None:
    with pytest.raises(mount.MountError, match=f"^unmounting {tmp_path}: "):
        mount.umount(str(tmp_path))


def test_namespace_of_nobody() -> None:
    with pytest.raises(namespaces.NamespaceError, match="opening net namespace of process 999999999"):
        namespaces.open_ns(999999999, "net")
    assert namespaces.ns_id("self", "net") == namespaces.ns_id(os.getpid(), "net")


def test_cgroup_looks() -> None:
    assert cgroups.mode() in ("v1", "v2", "hybrid")
    assert cgroups.own_paths()
    stats = cgroups.stats(cgroups.own_paths())
    assert stats.memory_bytes is None or stats.memory_bytes >= 0


def test_cgroup_v1_stats_from_files(tmp_path: Path) -> None:
    (tmp_path / "memory/g").mkdir(parents=True)
    (tmp_path / "memory/g/memory.usage_in_bytes").write_text("1000\n")
    (tmp_path / "memory/g/memory.stat").write_text("cache 5\ntotal_inactive_file 300\n")
    (tmp_path / "memory/g/memory.limit_in_bytes").write_text("9223372036854771712\n")
    (tmp_path / "pids/g").mkdir(parents=True)
    (tmp_path / "pids/g/pids.current").write_text("3\n")
    (tmp_path / "pids/g/pids.max").write_text("max\n")
    stats = cgroups.stats({"memory": "/g", "pids": "/g"}, str(tmp_path))
    assert (stats.memory_bytes, stats.memory_limit_bytes, stats.pids, stats.pids_limit) == (
        700,
        None,
        3,
        None,
    )


class TestSubordinateIds:
    """Ranges as subuid(5) gives them, mapped from 1 on."""

    def files(self, tmp_path: Path, uids: str, gids: str) -> dict[str, str]:
        (tmp_path / "subuid").write_text(uids)
        (tmp_path / "subgid").write_text(gids)
        return {"subuid": str(tmp_path / "subuid"), "subgid": str(tmp_path / "subgid")}

    def test_by_name_and_number(self, tmp_path: Path) -> None:
        files = self.files(tmp_path, "a:100:10\nb:500:5\n1000:200:5\n", "a:100:10\n")
        uids, gids = userns.read_subids("a", 1000, **files)
        assert uids == [(1, 100, 10), (11, 200, 5)]
        assert gids == [(1, 100, 10)]

    def test_none(self, tmp_path: Path) -> None:
        assert userns.read_subids("z", 77, **self.files(tmp_path, "", "")) == ([], [])
        assert userns.read_subids("z", 77, subuid="/nonexistent", subgid="/nonexistent") == ([], [])

    def test_half(self, tmp_path: Path) -> None:
        with pytest.raises(userns.UserNamespaceError, match="no range in") as caught:
            userns.read_subids("a", 1, **self.files(tmp_path, "a:1:1\n", ""))
        assert caught.value.hint is not None
        assert "usermod" in caught.value.hint

    def test_malformed(self, tmp_path: Path) -> None:
        with pytest.raises(Error, match="malformed line: a:x:1"):
            userns.read_subids("a", 1, **self.files(tmp_path, "a:x:1\n", ""))


def test_pause_pid_ignores_what_is_no_pause_process(tmp_path: Path) -> None:
    file = tmp_path / "pause.pid"
    assert userns.pause_pid(str(file)) == 0
    for text in ("", "x", "-5", "0", "1", "999999999", str(os.getpid())):
        file.write_text(text)
        assert userns.pause_pid(str(file)) == 0


def test_parse_map() -> None:
    assert userns.parse_map("         0       1001          1\n 1 100000 65536\n") == [
        (0, 1001, 1),
        (1, 100000, 65536),
    ]
