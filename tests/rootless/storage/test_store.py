"""The store in an ordinary user's namespace: native overlay with user attributes, shared with podman."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import PODMAN_RUN_FLAGS
from support.rootfs import busybox_tar
from support.users import OrdinaryUser

pytestmark = pytest.mark.rootless

# What the scripts share: enter podman's own namespace, open the store it would use.
_PRELUDE = """
import io, json, os, sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(os.pathsep)
from ocicore.config import paths, storage_conf
from ocicore.linux import userns
from ocicore.storage.store import Store
from support.stores import add_image, tar
user = paths.user_paths(os.environ)
config = storage_conf.load(user, os.environ, root=sys.argv[2] + "/graph", runroot=sys.argv[2] + "/run", driver=sys.argv[3])
userns.ensure(user.runtime_dir + "/libpod/tmp/pause.pid", user.username, user.uid, user.gid, lambda text: None)
store = Store(config, rootless=True)
"""


class Scripts:
    """Runs scripts as the user, in the user's namespace, on a store in the user's home."""

    def __init__(self, user: OrdinaryUser, folder: Path) -> None:
        self.user = user
        self.folder = folder
        self.podman = user.tool(
            "podman", "--root", f"{folder}/graph", "--runroot", f"{folder}/run", "--storage-driver", "overlay"
        )

    def run(self, script: str, driver: str = "overlay") -> str:
        """Run a script; returns what it printed."""
        path = os.pathsep.join(entry for entry in sys.path if entry)
        tool = self.user.command(sys.executable, "-c", _PRELUDE + script, path, str(self.folder), driver)
        return tool.out(stdin=busybox_tar())


@pytest.fixture
def scripts(ordinary_user: OrdinaryUser) -> Iterator[Scripts]:
    folder = ordinary_user.home / f"st{os.getpid()}"
    folder.mkdir()
    os.chown(folder, ordinary_user.uid, ordinary_user.gid)
    made = Scripts(ordinary_user, folder)
    yield made
    made.run("print(store.shutdown(force=True))")
    made.run("print(store.shutdown(force=True))", "vfs")
    if os.geteuid() == 0:
        shutil.rmtree(folder)
    else:
        made.user.command("podman", "unshare", "rm", "-rf", str(folder))()


_MAKE = """
image = add_image(store, [sys.stdin.buffer.read(), tar({"user": b"u"}, owner=(5, 6)), tar({"etc/.wh.group": b""})], "localhost/ours:latest")
"""


@pytest.mark.parametrize("driver", ["overlay", "vfs"])
def test_layers_containers_and_mounts(scripts: Scripts, driver: str) -> None:
    out = scripts.run(
        _MAKE
        + """
container = store.create_container(names=["c"], image=image.id)
root = store.mount(container.id)
Path(root, "new").write_text("x")
os.unlink(f"{root}/etc/passwd")
info = os.stat(f"{root}/user")
staged = store.stage_container_diff(container.id)
layer = store.commit_layer(staged, image.layer)
print(json.dumps({
    "owner": [info.st_uid, info.st_gid],
    "etc": sorted(os.listdir(f"{root}/etc")),
    "changes": sorted(map(repr, store.changes(layer.id))),
    "problems": list(map(repr, store.check(contents=True).problems)),
}))
store.unmount(container.id)
store.delete_container("c")
store.delete_layer(layer.id)
store.delete_image(image.id)
assert store.layers() == []
""",
        driver,
    )
    assert json.loads(out) == {
        "owner": [5, 6],
        "etc": [],
        "changes": ["A /new", "C /etc", "D /etc/passwd"],
        "problems": [],
    }


def test_podman_runs_what_ours_made_and_ours_reads_what_podman_made(scripts: Scripts) -> None:
    scripts.run(_MAKE)
    assert "localhost/ours" in scripts.podman.out("images", "--format", "{{.Repository}}")
    ran = scripts.podman.out(
        "run",
        "--network",
        "none",
        "--name",
        "ran",
        *PODMAN_RUN_FLAGS,
        "localhost/ours",
        "sh",
        "-c",
        "stat -c %u:%g /user; ls /etc/group; echo written > /file",
    )
    assert ran.splitlines() == ["5:6"]
    out = scripts.run(
        """
container = store.containers()[0]
root = store.mount(container.id)
print(Path(root, "file").read_text().strip(), *map(repr, store.changes(container.id)))
store.unmount(container.id)
"""
    )
    assert out.startswith("written ")
    assert "A /file" in out
    scripts.podman("rm", "ran")
    scripts.podman("rmi", "localhost/ours")
    assert scripts.run("print(store.layers(), store.images(), store.check().problems)") == "[] [] []"


def test_another_user_namespace_gets_a_copy_with_its_owners(scripts: Scripts) -> None:
    out = scripts.run(
        _MAKE
        + """
maps = ([(0, 1, 1000)], [(0, 1, 1000)])
assert not store.driver.supports_shifting()
container = store.create_container(image=image.id, id_maps=maps)
root = store.mount(container.id)
info = os.stat(f"{root}/user")
print(info.st_uid, info.st_gid, len(store.image(image.id).mapped_layers), store.check(contents=True).problems)
"""
    )
    assert out == "6 7 1 []"


def test_fuse_overlayfs(scripts: Scripts) -> None:
    """The device is root's on some hosts: then the error says so, and nothing is left mounted."""
    out = scripts.run(
        """
config.driver_options = ["overlay.mount_program=/usr/bin/fuse-overlayfs"]
store = Store(config, rootless=True)
"""
        + _MAKE
        + """
container = store.create_container(image=image.id)
try:
    print(sorted(os.listdir(store.mount(container.id) + "/etc")), os.access("/dev/fuse", os.W_OK))
except Exception as error:
    print("refused" if "fuse" in str(error) else error, os.access("/dev/fuse", os.W_OK), store.mounted(container.id))
"""
    )
    assert out in ("['passwd'] True", "refused False 0")
