"""Images of a real store: lookup, tags, removal, pull, push, save and load, against a registry in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocicore.errors import Conflict, Corrupted, Error, InUse, InvalidInput, NotFound
from ocicore.image import ancestry, assemble, pull, push, save, transport
from ocicore.image.copy import CopyOptions
from ocicore.image.local import ImageNotKnown, LocalImage, LocalImages
from ocicore.image.types import SystemContext
from ocicore.oci.platform import Platform, host
from ocicore.storage.store import Store
from support import stores
from support.contexts import system_context
from support.images import digest_of, make_image, publish, publish_index
from support.registry_server import RegistryServer, registry_server

pytestmark = pytest.mark.root


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def context(tmp_path: Path) -> Iterator[SystemContext]:
    made = system_context(tmp_path)
    yield made
    made.close()


@pytest.fixture
def images(tmp_path: Path) -> LocalImages:
    store = Store(stores.config(tmp_path))
    return LocalImages(store, lambda: ({"alias": "example.com/real/name"}, ["search.example", "docker.io"]))


def commit(images: LocalImages, *names: str, parent: LocalImage | None = None, note: str = "x") -> LocalImage:
    """An image of one more layer than its parent, committed as podman does."""
    store = images.store
    base = store.layer(parent.layer) if parent is not None else None
    layer = stores.add_layer(store, stores.tar({note: note.encode()}), base)
    config = {
        "created": "2026-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": [note]},
    }
    history = parent.config().history if parent is not None else []
    return assemble.image_from_layer(
        store,
        layer_id=layer.id,
        config=config,
        names=names,
        history=[*history, {"created": "2026-01-01T00:00:00Z", "created_by": note}],
    )


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("localhost/a:latest", "a"),
        ("localhost/a:latest", "localhost/a"),
        ("localhost/a:v1", "a:v1"),
        ("docker.io/library/a:latest", "a"),
        ("docker.io/library/a:latest", "docker.io/a"),
        ("docker.io/some/a:latest", "some/a"),
        ("search.example/a:latest", "a"),
        ("example.com/real/name:latest", "alias"),
        ("quay.io/deep/down/a:latest", "a"),
        ("quay.io/deep/down/a:v2", "down/a:v2"),
        ("localhost:5000/a:latest", "localhost:5000/a"),
        ("localhost/a:latest", "containers-storage:localhost/a:latest"),
    ],
)
def test_names_are_found(images: LocalImages, stored: str, asked: str) -> None:
    image = commit(images, stored)
    found = images.find(asked)
    assert found.id == image.id
    assert found.found_as == stored


def test_identifiers_and_digests(images: LocalImages) -> None:
    image = commit(images, "localhost/a:latest", "localhost/b:v2")
    for asked in (
        image.id,
        image.id[:12],
        image.id[:4],
        f"sha256:{image.id}",
        f"a@{image.digest}",
        f"localhost/b@{image.digest}",
    ):
        assert images.find(asked).id == image.id
    for asked in (
        "a@sha256:" + "0" * 64,
        f"other@{image.digest}",
        "0" * 64,
        "b",
        "a:v2",
        "nothing/a",
        "UPPER",
        "quay.io/a",
    ):
        with pytest.raises(ImageNotKnown) as caught:
            images.find(asked)
        assert caught.value.message == f"{asked}: image not known"
    with pytest.raises(InvalidInput, match="no 64-byte hexadecimal value"):
        images.find("sha256:12ab")
    assert images.exists("a")
    assert not images.exists("c")


def test_tag_and_untag(images: LocalImages) -> None:
    first = commit(images, "localhost/a:latest", note="1")
    second = commit(images, "localhost/b:latest", note="2")
    assert images.tag(second, "a") == "localhost/a:latest"
    assert images.find("a").id == second.id
    again = images.by_id(first.id)
    assert again is not None
    assert again.names == []
    with pytest.raises(Conflict, match="tag by digest not supported"):
        images.tag(second, f"a@{second.digest}")
    with pytest.raises(NotFound, match="localhost/zzz:latest: tag not known"):
        images.untag(images.find("b"), ["zzz"])
    with pytest.raises(InvalidInput):
        images.tag(second, "UPPER")
    assert images.untag(images.find("b")) == ["localhost/a:latest", "localhost/b:latest"]


def test_removal_follows_podman(images: LocalImages) -> None:
    parent = commit(images, "localhost/parent:latest", note="p")
    child = commit(images, "localhost/child:latest", "localhost/also:latest", parent=parent, note="c")
    with pytest.raises(InUse, match="by ID with more than one tag") as caught:
        images.remove(child, referenced_by=child.id[:12])
    assert caught.value.exit_status == 2
    report = images.remove(images.find("also"), referenced_by="also")
    assert (report.untagged, report.deleted) == (["localhost/also:latest"], [])
    images.untag(images.find("parent"))
    report = images.remove(images.find("child"), referenced_by="child")
    assert report.untagged == ["localhost/child:latest"]
    assert report.deleted == [child.id, parent.id], "an untagged parent goes with its last child"
    assert images.list() == []
    assert images.store.layers() == []


def test_images_in_use_stay(images: LocalImages) -> None:
    image = commit(images, "localhost/a:latest")
    container = images.store.create_container(image=image.id, names=["c"])
    with pytest.raises(
        InUse, match=f"image used by {container.id}: image is in use by a container"
    ) as caught:
        images.remove(image, referenced_by="a")
    assert caught.value.exit_status == 2
    report = images.remove(image, referenced_by="a", force=True)
    assert report.deleted == [image.id]
    assert images.store.containers() == []


def test_ancestry(images: LocalImages) -> None:
    parent = commit(images, "localhost/parent:latest", note="p")
    child = commit(images, "localhost/child:latest", parent=parent, note="c")
    stranger = commit(images, "localhost/stranger:latest", note="s")
    tree = ancestry.Ancestry(images)
    found = tree.parent(child)
    assert found is not None
    assert found.id == parent.id
    assert tree.parent(parent) is None
    assert [image.id for image in tree.children(parent)] == [child.id]
    assert tree.children(stranger) == []
    lines = tree.history(child)
    assert [(line.created_by, line.id) for line in lines] == [("c", child.id), ("p", parent.id)]
    assert all(line.size > 0 for line in lines)


@pytest.mark.parametrize("docker", [False, True])
def test_pull_gives_the_record_podman_makes(
    server: RegistryServer, context: SystemContext, images: LocalImages, docker: bool
) -> None:
    made = make_image(layers=3, docker=docker)
    publish(server, "a", "v1", made)
    (image,) = pull.pull(images, f"{server.address}/a:v1", context=context)
    assert image.names == [f"{server.address}/a:v1"]
    assert image.digest == made.digest
    assert image.id == digest_of(made.config)[7:]
    assert image.manifest_bytes() == made.manifest
    expected = ["manifest", f"manifest-{made.digest}", f"sha256:{image.id}"]
    assert sorted(image.record.big_data_names) == expected
    chain = image.layers()
    assert [layer.diff_id for layer in chain] == made.diff_ids
    assert [layer.compressed_digest for layer in chain] == made.layers
    assert chain[0].id == made.diff_ids[0][7:]
    assert chain[1].id == digest_of(f"{chain[0].id}+{made.diff_ids[1][7:]}".encode())[7:]


def test_pulling_again_fetches_no_layer(
    server: RegistryServer, context: SystemContext, images: LocalImages
) -> None:
    publish(server, "a", "v1", make_image(layers=3))
    pull.pull(images, f"{server.address}/a:v1", context=context)
    before = server.count("GET", "blob")
    pull.pull(images, f"{server.address}/a:v1", context=context)
    assert server.count("GET", "blob") - before == 1, "only the configuration"


def test_the_same_layer_twice(server: RegistryServer, context: SystemContext, images: LocalImages) -> None:
    made = make_image(layers=1)
    manifest = json.loads(made.manifest)
    config = json.loads(made.config)
    manifest["layers"] *= 2
    config["rootfs"]["diff_ids"] *= 2
    config["history"] *= 2
    data = json.dumps(config).encode()
    manifest["config"].update(digest=digest_of(data), size=len(data))
    publish(server, "a", "v1", made)
    server.put_blob("a", data)
    server.put_manifest("a", "v1", json.dumps(manifest).encode(), made.media_type)
    (image,) = pull.pull(images, f"{server.address}/a:v1", context=context)
    assert len(image.layers()) == 2


def test_pull_policies(server: RegistryServer, context: SystemContext, images: LocalImages) -> None:
    name = f"{server.address}/a:v1"
    publish(server, "a", "v1", make_image())
    with pytest.raises(ImageNotKnown):
        pull.pull(images, name, policy="never", context=context)
    (first,) = pull.pull(images, name, policy="missing", context=context)
    publish(server, "a", "v1", make_image(seed=2))
    seen = sum(server.requests.values())
    assert pull.pull(images, name, policy="missing", context=context)[0].id == first.id
    assert sum(server.requests.values()) == seen, "nobody was asked"
    (second,) = pull.pull(images, name, policy="newer", context=context)
    assert second.id != first.id
    assert pull.pull(images, name, policy="newer", context=context)[0].id == second.id
    server.faults.clear()
    server.fail("status", "manifest", method="", status=404, times=9)
    assert pull.pull(images, name, policy="newer", context=context)[0].id == second.id, (
        "the local one will do"
    )


def test_pull_by_digest_and_from_a_list(
    server: RegistryServer, context: SystemContext, images: LocalImages
) -> None:
    made = {"amd64": make_image(), "arm64": make_image(seed=2, architecture="arm64")}
    index = publish_index(server, "a", "v1", made)
    arm = context.with_(platform=Platform("linux", "arm64"))
    (image,) = pull.pull(images, f"{server.address}/a:v1", context=arm)
    assert image.digest == made["arm64"].digest
    assert images.find(f"{server.address}/a@{digest_of(index)}").id == image.id
    (other,) = pull.pull(images, f"{server.address}/a@{made['amd64'].digest}", context=context)
    assert other.names == [f"{server.address}/a@{made['amd64'].digest}"]
    with pytest.raises(ImageNotKnown):
        images.find(f"{server.address}/a:v1", Platform("linux", "amd64"))


def test_an_image_is_no_other_for_having_come_without_its_list(
    server: RegistryServer, context: SystemContext, images: LocalImages
) -> None:
    from ocicore.image.docker import DockerReference

    made = {"amd64": make_image(), "arm64": make_image(seed=2, architecture="arm64")}
    publish_index(server, "a", "v1", made)
    name = f"{server.address}/a:v1"
    own = host().architecture
    other = "arm64" if own == "amd64" else "amd64"
    reference = transport.parse(f"docker://{name}")
    assert isinstance(reference, DockerReference)
    for architecture, differs in ((own, False), (other, True)):
        (image,) = pull.pull(images, f"{server.address}/a@{made[architecture].digest}", context=context)
        assert pull.differs(reference, image, context) is differs
    (image,) = pull.pull(images, name, context=context)
    assert not pull.differs(reference, image, context)


def test_all_tags(server: RegistryServer, context: SystemContext, images: LocalImages) -> None:
    for number in range(3):
        publish(server, "a", f"v{number}", make_image(seed=number))
    pulled = pull.pull(images, f"{server.address}/a", all_tags=True, context=context)
    assert sorted(name for image in pulled for name in image.names) == [
        f"{server.address}/a:v{n}" for n in range(3)
    ]


def test_short_names(server: RegistryServer, tmp_path: Path, images: LocalImages) -> None:
    publish(server, "library/a", "latest", make_image())
    (tmp_path / "registries.conf").write_text(
        f'unqualified-search-registries = ["{server.address}/library"]\n[aliases]\nb = "{server.address}/library/a"\n'
        '[[registry]]\nlocation = "blocked.example"\nblocked = true\n'
    )
    context = system_context(tmp_path)
    notes: list[str] = []

    class Notes(pull.Progress):
        def note(self, text: str) -> None:
            notes.append(text)

    (image,) = pull.pull(images, "b", context=context, progress=Notes())
    assert image.names == [f"{server.address}/library/a:latest"]
    assert notes[0].startswith('Resolved "b" as an alias (')
    assert notes[1] == f"Trying to pull {server.address}/library/a:latest..."
    with pytest.raises(InvalidInput, match="blocked"):
        pull.pull(images, "blocked.example/x", context=context)
    (tmp_path / "registries.conf").write_text("")
    with pytest.raises(InvalidInput, match='short-name "zzz" did not resolve to an alias'):
        pull.pull(images, "zzz", context=system_context(tmp_path))
    context.close()


def test_mirrors(server: RegistryServer, tmp_path: Path, images: LocalImages) -> None:
    publish(server, "mirror/a", "v1", make_image())
    (tmp_path / "registries.conf").write_text(
        '[[registry]]\nprefix = "example.com/team"\nlocation = "example.com/team"\n'
        f'[[registry.mirror]]\nlocation = "{server.address}/empty"\ninsecure = true\n'
        f'[[registry.mirror]]\nlocation = "{server.address}/mirror"\ninsecure = true\n'
    )
    context = system_context(tmp_path, tls_verify=None)
    (image,) = pull.pull(images, "example.com/team/a:v1", context=context)
    assert image.names == ["example.com/team/a:v1"], "the name is the one asked for"
    context.close()


def test_broken_pulls_leave_nothing(
    server: RegistryServer, context: SystemContext, images: LocalImages
) -> None:
    publish(server, "a", "v1", make_image(layers=4, size=100_000))
    server.fail("corrupt", "blob", times=99)
    with pytest.raises(Corrupted):
        pull.pull(images, f"{server.address}/a:v1", context=context)
    assert images.store.layers() == []
    assert images.list() == []
    assert images.store.check().problems == []
    server.faults.clear()
    pull.pull(images, f"{server.address}/a:v1", context=context)


def test_wrong_diff_id_is_refused(
    server: RegistryServer, context: SystemContext, images: LocalImages
) -> None:
    made = make_image(layers=1)
    config = json.loads(made.config)
    config["rootfs"]["diff_ids"] = ["sha256:" + "1" * 64]
    data = json.dumps(config).encode()
    manifest = json.loads(made.manifest)
    manifest["config"].update(digest=digest_of(data), size=len(data))
    publish(server, "a", "v1", made)
    server.put_blob("a", data)
    server.put_manifest("a", "v1", json.dumps(manifest).encode(), made.media_type)
    with pytest.raises(Error):
        pull.pull(images, f"{server.address}/a:v1", context=context)
    assert images.store.layers() == []


def test_push_finds_what_the_registry_has(
    server: RegistryServer, context: SystemContext, images: LocalImages
) -> None:
    made = make_image(layers=3)
    publish(server, "a", "v1", made)
    pull.pull(images, f"{server.address}/a:v1", context=context)
    result = push.push(images, f"{server.address}/a:v1", f"{server.address}/b:v2", context=context)
    assert result.digest == made.digest, "the compressed layers were mounted, so nothing had to change"
    assert server.count("PATCH", "upload") == 0


def test_push_compresses(server: RegistryServer, context: SystemContext, images: LocalImages) -> None:
    image = commit(images, "localhost/a:latest")
    result = push.push(images, "a", f"docker://{server.address}/a:v1", context=context)
    value = json.loads(result.manifest)
    assert value["layers"][0]["mediaType"].endswith("+gzip")
    again = LocalImages(images.store)
    again.remove(image, force=True)
    assert pull.pull(images, f"{server.address}/a:v1", context=context)[0].id == image.id


def test_push_without_a_destination(images: LocalImages, context: SystemContext) -> None:
    image = commit(images)
    with pytest.raises(InvalidInput, match="no destination"):
        push.push(images, image.id, context=context)


@pytest.mark.parametrize("format", save.FORMATS)
def test_save_and_load(
    images: LocalImages, context: SystemContext, tmp_path: Path, format: save.SaveFormat
) -> None:
    image = commit(images, "localhost/a:v1", "localhost/b:v1")
    path = str(tmp_path / "saved")
    save.save(images, ["a:v1"], path, format=format, context=context)
    images.remove(image, force=True)
    (loaded,) = save.load(images, path, context=context)
    if format != "docker-dir":
        assert loaded.names == ["localhost/a:v1"]
    assert [layer.diff_id for layer in loaded.layers()] == list(image.config().diff_ids)


def test_save_of_several_images(images: LocalImages, context: SystemContext, tmp_path: Path) -> None:
    first = commit(images, "localhost/a:v1", "localhost/a:v2", note="1")
    second = commit(images, "localhost/b:v1", note="2")
    path = str(tmp_path / "saved.tar")
    save.save(images, ["a:v1", "a:v2", "b:v1"], path, context=context)
    for image in (first, second):
        images.remove(image, force=True)
    loaded = save.load(images, path, context=context)
    assert {image.id for image in loaded} == {first.id, second.id}
    assert sorted(images.find("a:v2").names) == ["localhost/a:v1", "localhost/a:v2"]
    with pytest.raises(InvalidInput, match="doesn't support modifying"):
        save.save(images, ["a:v1"], path, context=context)


def test_load_of_no_archive(images: LocalImages, context: SystemContext, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"nothing\n" * 1000)
    with pytest.raises(Error, match="payload does not match any of the supported image formats"):
        save.load(images, str(tmp_path / "bad"), context=context)


def test_names_move_with_additional_tags(
    server: RegistryServer, context: SystemContext, images: LocalImages
) -> None:
    publish(server, "a", "v1", make_image())
    options = CopyOptions(additional_tags=["localhost/more:1"])
    (image,) = pull.pull(images, f"{server.address}/a:v1", context=context, options=options)
    assert sorted(image.names) == sorted([f"{server.address}/a:v1", "localhost/more:1"])


def test_a_record_before_its_manifest(images: LocalImages) -> None:
    """Another program makes an image: its record is there, what belongs to it is not yet."""
    record = images.store.create_image(names=["localhost/half:latest"])
    found = images.find("half")
    assert found.id == record.id
    assert not found.is_manifest_list
