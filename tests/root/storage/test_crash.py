"""A kill at any step leaves the old state, or the new one, or something the next opener undoes."""

from __future__ import annotations

import io
import os
import random
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocicore.errors import Error
from ocicore.linux import mount
from ocicore.storage.store import Store
from support.stores import add_image, add_layer, config, tar

pytestmark = pytest.mark.root

_BASE = tar({"etc/": None, "etc/one": b"1\n"})
_UPPER = tar({"two": b"2\n"})
#: Calls after which the disk differs (or may): a process is killed before the n-th of them.
_STEPS = (
    "rename",
    "mkdir",
    "symlink",
    "open",
    "write",
    "pwrite",
    "fdatasync",
    "fsync",
    "unlink",
    "rmdir",
    "chmod",
)


def _die_at(step: int, operation: Callable[[], object]) -> bool:
    """Run `operation` in a child that is killed before its step-th call; False when it ended before that."""
    pid = os.fork()
    if pid == 0:
        left = step

        def wrap(call: Callable[..., object]) -> Callable[..., object]:
            def counted(*args: object, **kwargs: object) -> object:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **kwargs)

            return counted

        for name in _STEPS:
            setattr(os, name, wrap(getattr(os, name)))
        try:
            operation()
            os._exit(0)
        except BaseException:  # noqa: BLE001 – the parent sees the status
            os._exit(1)
    status = os.waitpid(pid, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "the operation failed"
    return os.WIFSIGNALED(status)


class _Scene:
    """A store with an image and a container, and one operation on it."""

    def __init__(self, folder: Path, operation: str, driver: str) -> None:
        self.config = config(folder, driver)
        self.store = Store(self.config)
        self.image = add_image(self.store, [_BASE, _UPPER], "one")
        self.container = self.store.create_container(names=["c"], image=self.image.id, big_data={"k": b"v"})
        self.operation = operation

    def act(self) -> None:
        """Runs in the child, on a store of its own."""
        store = Store(self.config)
        match self.operation:
            case "layer":
                add_layer(store, tar({"new": b"x"}))
            case "image":
                add_image(store, [_BASE, tar({"new": b"x"})], "two", "one")
            case "container":
                store.create_container(names=["d"], image=self.image.id, big_data={"k": b"v"}, flags={"a": 1})
            case "volatile container":
                store.create_container(names=["d"], image=self.image.id, volatile=True)
            case "delete container":
                store.delete_container("c")
            case "delete image":
                store.delete_container("c")
                store.delete_image("one")
            case "names":
                store.set_names("image", "one", ["x", "y"])
            case "big data":
                store.set_big_data("image", "one", "extra", b"data")
            case "mapped container":
                store.driver.__class__.supports_shifting = lambda self: False  # type: ignore[method-assign]
                store.create_container(image=self.image.id, id_maps=([(0, 1000, 9)], [(0, 1000, 9)]))
            case "gc":
                os.mkdir(os.path.join(store.image_store.folder, "e" * 64))
                store.gc()

    def examine(self) -> None:
        """The store opens, has all that was committed, and is clean after one clean-up."""
        said: list[str] = []
        store = Store(self.config, warn=said.append)
        images = {image.id: image for image in store.images()}
        containers = {container.id for container in store.containers()}
        if self.operation not in ("delete image",):
            assert self.image.id in images
        if not self.operation.startswith("delete"):
            assert self.container.id in containers
        if "delete" not in self.operation:
            assert store.mount(self.container.id)
            store.unmount(self.container.id)
        # The next writer finishes what was begun, without any special command.
        store.delete_layer(store.create_layer().id)
        assert os.listdir(store.layer_store.temp_root) == []
        report = store.gc()
        assert report.interrupted == 0
        kept = ("overlay/", "/vfs/", "-containers/")
        assert not [
            path for path in report.removed if any(part in path for part in kept) and ".tmp-" not in path
        ]
        assert store.check(contents=True).problems == []
        for layer in store.layers():
            used = layer.id in {c.layer for c in store.containers()} or store.images_by_layer(layer.id)
            children = [other for other in store.layers() if other.parent == layer.id]
            # A layer whose image was not yet made is no rubbish: the pull may go on.
            assert used or children or self.operation in ("layer", "image")

    def leave(self) -> None:
        self.store.shutdown(force=True)


_OPERATIONS = (
    "layer",
    "image",
    "container",
    "volatile container",
    "delete container",
    "delete image",
    "names",
    "big data",
    "mapped container",
    "gc",
)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs: hundreds of stores are made and thrown away, and a busy disk would only slow them down."""
    folder = tmp_path / "memory"
    folder.mkdir()
    mount.mount("none", str(folder), "tmpfs")
    yield folder
    mount.umount(str(folder), mount.MNT_DETACH)


@pytest.fixture
def scenes(memory: Path) -> Iterator[Callable[[str, str], _Scene]]:
    made: list[_Scene] = []

    def make(operation: str, driver: str) -> _Scene:
        made.append(_Scene(memory / str(len(made)), operation, driver))
        return made[-1]

    yield make
    for scene in made:
        scene.leave()


@pytest.mark.parametrize("operation", _OPERATIONS)
def test_killed_at_every_step(scenes: Callable[[str, str], _Scene], operation: str) -> None:
    step = 1
    while True:
        scene = scenes(operation, "overlay")
        killed = _die_at(step, scene.act)
        scene.examine()
        if not killed:
            break
        step += 1
    assert step > 3


@pytest.mark.parametrize("operation", ["image", "mapped container"])
def test_killed_at_some_steps_with_vfs(scenes: Callable[[str, str], _Scene], operation: str) -> None:
    for step in range(1, 200, 7):
        scene = scenes(operation, "vfs")
        killed = _die_at(step, scene.act)
        scene.examine()
        if not killed:
            break
    assert step > 10


def test_killed_at_random_instants(memory: Path) -> None:
    """Whole pulls and removals, killed anywhere, in C code too, while others go on; nothing is lost or left."""
    settings = config(memory)
    store = Store(settings)
    kept = add_image(store, [_BASE, _UPPER], "kept")
    big = tar({f"d{n}/": None for n in range(40)} | {f"d{n % 40}/f{n}": b"x" * 3000 for n in range(1500)})
    chance = random.Random(7)

    def work(number: int) -> None:
        mine = Store(settings)
        image = add_image(mine, [_BASE, big, tar({f"own{number}": b"x"})], f"own{number}")
        container = mine.create_container(names=[f"c{number}"], image=image.id, volatile=bool(number % 2))
        Path(mine.mount(container.id), "written").write_text("x")
        mine.commit_layer(mine.stage_container_diff(container.id), image.layer)
        mine.delete_container(container.id)
        for layer in mine.layers():
            if layer.parent == image.layer:
                mine.delete_layer(layer.id)
        mine.delete_image(image.id)

    for number in range(40):
        pids = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                try:
                    work(number * 2 + len(pids))
                finally:
                    os._exit(0)
            pids.append(pid)
        for pid in pids:
            fd = os.pidfd_open(pid)
            select.select([fd], [], [], chance.uniform(0.0, 0.12))
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            os.close(fd)
            os.waitpid(pid, 0)
    store = Store(settings)
    for container in store.containers():
        store.delete_container(container.id)
    for image in store.images():
        if image.id != kept.id:
            store.delete_image(image.id)
    store.delete_layer(store.create_layer().id)
    assert os.listdir(store.layer_store.temp_root) == []
    # A killed probe of the kernel's features leaves its directory; layers and containers leave nothing.
    removed = [path for path in store.gc().removed if "/overlay/" in path or "-containers/" in path]
    assert [path for path in removed if "/overlay/compat" not in path and ".tmp-" not in path] == []
    assert store.check(contents=True).problems == []
    store.shutdown(force=True)


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """A small tmpfs of its own fills up while a layer is staged, and while records are written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount.mount("none", str(disk), "tmpfs", 0, "size=4m")
    try:
        store = Store(config(disk))
        image = add_image(store, [_BASE], "one")
        before = store.df().total
        for data in (tar({"big": b"x" * 8_000_000}), tar({f"f{n}": b"x" * 4096 for n in range(1200)})):
            with pytest.raises(Exception, match=r"(?i)no space left"):
                store.stage_layer(io.BytesIO(data))
        assert os.listdir(store.layer_store.temp_root) == []
        ballast = os.open(disk / "ballast", os.O_CREAT | os.O_WRONLY)
        with pytest.raises(OSError, match=r"(?i)no space left"):
            while True:
                os.write(ballast, b"x" * 4096)
        os.close(ballast)
        for attempt in (
            lambda: store.create_container(image=image.id),
            lambda: store.set_big_data("image", image.id, "k", b"x" * 100_000),
            lambda: store.add_names("image", image.id, [f"name{n}" for n in range(5000)]),
        ):
            with pytest.raises(Error, match=r"writing the store: .*: no space left on device"):
                attempt()
        (disk / "ballast").unlink()
        again = Store(config(disk))
        assert [found.names for found in again.images()] == [["one"]]
        assert again.containers() == []
        again.delete_container(again.create_container(image=image.id).id)
        again.gc()
        assert again.check(contents=True).problems == []
        assert abs(again.df().total - before) < 4096
        again.shutdown(force=True)
    finally:
        mount.umount(str(disk), mount.MNT_DETACH)
