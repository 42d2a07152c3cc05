"""--userns=auto on a real store: as many ids as the image has, and never the ids of another container."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from ocicore.storage import auto_userns
from ocicore.storage.store import Store
from support.stores import add_image, tar

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    ("files", "owner", "size"),
    [
        ({"a": b""}, (0, 0), 1024),
        ({"a": b""}, (1999, 3), 2000),
        ({"a": b""}, (3, 2999), 3000),
        ({"etc/": None, "etc/passwd": b"a:x:4999:1::/:\nnobody:x:65534:65534::/:\n"}, (0, 0), 5000),
        ({"etc/": None, "etc/passwd": b"a:x:1:5999::/:\n\xff\nb:x:y:z\n"}, (0, 0), 6000),
        ({"etc/": None, "etc/group": b"g:x:6999:\nnogroup:x:60000:\n"}, (0, 0), 7000),
    ],
)
def test_as_many_as_the_image_has(
    store_with_ids: Store, files: dict[str, bytes | None], owner: tuple[int, int], size: int
) -> None:
    image = add_image(store_with_ids, [tar(files, owner=owner)], "one")
    uids, gids = auto_userns.allocate(store_with_ids, "", rootless=False, image=image)
    assert uids == gids == [(0, 5_000_000, size)]
    assert store_with_ids.mounted(image.layer or "") == 0


def test_all_at_once_nobody_gets_anothers(store_with_ids: Store) -> None:
    image = add_image(store_with_ids, [tar({"a": b""})], "one")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with store_with_ids.choosing_ids():
                maps = auto_userns.allocate(store_with_ids, "", rootless=False, image=image)
                store_with_ids.create_container(image=image.id, id_maps=maps)
        except BaseException as error:  # noqa: BLE001 – told to the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    firsts = [container.id_maps[0][0][1] for container in store_with_ids.containers() if container.id_maps]
    assert sorted(firsts) == [5_000_000 + 1024 * number for number in range(8)]


def test_others_are_waited_for(store_with_ids: Store) -> None:
    """podman and buildah hold a record lock of the process on userns.lock meanwhile."""
    script = (
        "import fcntl, sys, time\n"
        f"file = open({store_with_ids.graph_root + '/userns.lock'!r}, 'a')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX)\nprint('held', flush=True)\nsys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None and holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    entered = threading.Event()

    def choose() -> None:
        with store_with_ids.choosing_ids():
            entered.set()

    thread = threading.Thread(target=choose)
    thread.start()
    assert not entered.wait(0.3)
    holder.stdin.close()
    assert entered.wait(20)
    thread.join()
    holder.wait()
    holder.stdout.close()
