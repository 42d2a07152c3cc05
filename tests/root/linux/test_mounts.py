"""Overlays, bind mounts, mapped ids and pinned namespaces on the running kernel, in a mount namespace of the test's own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

SHARED = str(Path(__file__).parents[3] / "shared")


def in_own_mounts(script: str, folder: Path) -> str:
    """Run Python in a fresh process that leaves the host's mounts alone."""
    head = f"""
        import os, sys
        sys.path.insert(0, {SHARED!r})
        from ocicore.linux import mount, namespaces
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.make_private("/", recursive=True)
        mount.mount("tmpfs", {str(folder)!r}, "tmpfs")
        os.chdir({str(folder)!r})
        base = {str(folder)!r}
    """
    program = textwrap.dedent(head) + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_layers(count: int, name: str = "l{}") -> str:
    return f"""
lowers = []
for i in range({count}):
    path = os.path.join(base, {name!r}.format(i))
    os.makedirs(path)
    open(os.path.join(path, f"file{{i}}"), "w").close()
    lowers.append(path)
for path in ("upper", "work", "merged"):
    os.mkdir(path)
"""


@pytest.mark.parametrize("count", [1, 2, 100, 400])
def test_overlay_with_many_lowers(count: int, tmp_path: Path) -> None:
    out = in_own_mounts(
        make_layers(count)
        + """
mount.overlay(f"{base}/merged", lowers, f"{base}/upper", f"{base}/work", ["index=off"])
print(len(os.listdir("merged")), mount.fs_magic("merged") == mount.OVERLAYFS_MAGIC)
open("merged/new", "w").close()
print(os.listdir("upper"))
mount.umount(f"{base}/merged")
print(mount.is_mount_point(f"{base}/merged"))
""",
        tmp_path,
    )
    assert out.splitlines() == [f"{count} True", "['new']", "False"]


def test_overlay_with_paths_too_long_for_fsconfig(tmp_path: Path) -> None:
    out = in_own_mounts(
        make_layers(60, "n" * 240 + "{}/" + "m" * 200)
        + """
mount.overlay(f"{base}/merged", lowers, f"{base}/upper", f"{base}/work")
print(len(os.listdir("merged")), os.getcwd() == base)
""",
        tmp_path,
    )
    assert out == "60 True"


def test_overlay_with_awkward_names(tmp_path: Path) -> None:
    out = in_own_mounts(
        make_layers(2, "a:b,c\\\\d e{}")
        + """
mount.overlay(f"{base}/merged", lowers, f"{base}/upper", f"{base}/work")
print(sorted(os.listdir("merged")))
""",
        tmp_path,
    )
    assert out == "['file0', 'file1']"


def test_overlay_read_only(tmp_path: Path) -> None:
    out = in_own_mounts(
        make_layers(3)
        + """
mount.overlay(f"{base}/merged", lowers)
try:
    open("merged/x", "w")
except OSError as error:
    print(error.strerror, len(os.listdir("merged")))
mount.umount(f"{base}/merged")
mount.overlay(f"{base}/merged", lowers[:1])
print(os.listdir("merged"))
""",
        tmp_path,
    )
    assert out.splitlines() == ["Read-only file system 3", "['file0']"]


def test_overlay_failure_has_a_hint(tmp_path: Path) -> None:
    out = in_own_mounts(
        make_layers(1)
        + """
try:
    mount.overlay(f"{base}/merged", [f"{base}/none"], f"{base}/upper", f"{base}/work")
except mount.MountError as error:
    print(error, "|", error.errno)
""",
        tmp_path,
    )
    assert out == f"mounting overlay on {tmp_path}/merged: no such file or directory | 2"


def test_bind_read_only_and_order_of_unmounting(tmp_path: Path) -> None:
    out = in_own_mounts(
        """
os.makedirs("a/b"); os.makedirs("t/b")
mount.bind(f"{base}/a", f"{base}/t", flags=mount.MS_RDONLY | mount.MS_NODEV)
try:
    open("t/x", "w")
except OSError as error:
    print(error.strerror)
mount.remount(f"{base}/t", mount.MS_NODEV)
open("t/x", "w").close()
mount.mount("tmpfs", f"{base}/t/b", "tmpfs")
mount.mount("tmpfs", f"{base}/t/b", "tmpfs")
print([path.removeprefix(base) for path in mount.mounts_below(f"{base}/t")])
for path in mount.mounts_below(f"{base}/t"):
    mount.umount(path)
print(mount.mounts_below(f"{base}/t"))
""",
        tmp_path,
    )
    assert out.splitlines() == ["Read-only file system", "['/t/b', '/t/b', '/t']", "[]"]


def test_idmapped_bind(tmp_path: Path) -> None:
    out = in_own_mounts(
        """
os.mkdir("a"); os.mkdir("t")
open("a/f", "w").close()
os.chown("a/f", 5, 6)
mount.idmapped_bind(f"{base}/a", f"{base}/t", [(0, 100000, 65536)], [(0, 200000, 65536)])
facts = os.stat("t/f")
print(facts.st_uid, facts.st_gid)
""",
        tmp_path,
    )
    assert out == "100005 200006"


def test_network_namespace_is_pinned(tmp_path: Path) -> None:
    out = in_own_mounts(
        """
namespaces.new_netns(f"{base}/net")
own = namespaces.ns_id("self", "net")
fd = os.open("net", os.O_RDONLY)
print(own != (os.fstat(fd).st_dev, os.fstat(fd).st_ino), own == namespaces.ns_id("self", "net"))
child = os.fork()
if child == 0:
    namespaces.setns(fd, "net")
    os._exit(0 if len(open("/proc/net/dev").read().splitlines()) == 3 else 1)
print(os.waitpid(child, 0)[1])
namespaces.remove_netns(f"{base}/net")
namespaces.remove_netns(f"{base}/net")
print(os.path.exists("net"))
""",
        tmp_path,
    )
    assert out.splitlines() == ["True True", "0", "False"]


def test_full_disk_while_unpacking_and_copying(tmp_path: Path) -> None:
    out = in_own_mounts(
        f"""
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
import errno
from ocicore.linux import archive
from support.malicious_layers import END, entry
os.mkdir("small"); os.mkdir("source")
mount.mount("tmpfs", base + "/small", "tmpfs", 0, "size=256k,nr_inodes=40")
with open("layer", "wb") as layer:
    layer.write(entry("a", data=b"x" * 100000) + entry("b", data=b"x" * 300000) + END)
small, source = os.open("small", os.O_RDONLY), os.open("source", os.O_RDONLY)
archive.unpack(os.open("layer", os.O_RDONLY), source)
for attempt in (
    lambda: archive.unpack(os.open("layer", os.O_RDONLY), small),
    lambda: archive.copy_tree(source, small),
):
    try:
        attempt()
    except archive.ArchiveError as error:
        print(str(error).replace("copying: b: copying", "copying: b: writing"), error.errno == errno.ENOSPC, error.hint, sep=" | ")
    archive.remove_tree(small, "a")
    archive.remove_tree(small, "b")
print(os.listdir("small"))
""",
        tmp_path,
    )
    assert out.splitlines() == [
        "unpacking: b: writing: no space left on device | True | free some space, or move the store",
        "copying: b: writing: no space left on device | True | free some space, or move the store",
        "[]",
    ]
