"""sync beyond skopeo: state files, pruning, referrers, platforms, templates, dates, limits per registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.images import OCI_MANIFEST, MadeImage, digest_of, make_image, publish, publish_index
from support.programs import REPOSITORY
from support.pyskopeo import Pyskopeo
from support.registry_server import RegistryServer, registry_server

PLAIN = ("--src-tls-verify=false", "--dest-tls-verify=false")


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def mirror() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def skopeo(tmp_path: Path) -> Pyskopeo:
    return Pyskopeo(tmp_path)


class Sync:
    """A synchronisation from one registry to another, with its report."""

    def __init__(self, skopeo: Pyskopeo, server: RegistryServer, mirror: RegistryServer) -> None:
        self.skopeo, self.server, self.mirror = skopeo, server, mirror

    def words(self, *more: str, source: str = "a", kind: str = "docker") -> tuple[str, ...]:
        place = source if kind != "docker" else f"{self.server.address}/{source}"
        target = f"{self.mirror.address}/m"
        return ("sync", *PLAIN, "--src", kind, "--dest", "docker", "--report=json", *more, place, target)

    def __call__(self, *more: str, status: int = 0, **where: str) -> dict[str, Any]:
        done = self.skopeo(*self.words(*more, **where))
        assert done.status == status, done.err
        report: dict[str, Any] = json.loads(done.out)
        return report


@pytest.fixture
def sync(skopeo: Pyskopeo, server: RegistryServer, mirror: RegistryServer) -> Sync:
    return Sync(skopeo, server, mirror)


def _tags(server: RegistryServer, count: int = 6) -> list[MadeImage]:
    images = [make_image(seed=number) for number in range(count)]
    for number, image in enumerate(images):
        publish(server, "a", f"v{number}", image)
    return images


# -- unchanged ----------------------------------------------------------------------------


def test_one_request_on_each_side_settles_an_unchanged_image(sync: Sync) -> None:
    _tags(sync.server)
    sync()
    sync.server.requests.clear()
    sync.mirror.requests.clear()
    assert sync()["Counts"] == {"unchanged": 6}
    assert sync.server.requests == {("GET", "ping"): 1, ("GET", "tags"): 1, ("HEAD", "manifest"): 6}
    assert sync.mirror.requests == {("GET", "ping"): 1, ("HEAD", "manifest"): 6}


@pytest.mark.parametrize("more", [(), ("--all",)])
@pytest.mark.parametrize("conditional", [True, False])
def test_lists_are_unchanged_as_what_is_copied_of_them(
    sync: Sync, more: tuple[str, ...], conditional: bool
) -> None:
    sync.server.conditional = conditional
    images = {"amd64": make_image(seed=1), "arm64": make_image(seed=2)}
    for number in range(3):
        publish_index(sync.server, "a", f"v{number}", images)
    words = ("--override-arch", "amd64")
    sync.skopeo(*words, *sync.words(*more))

    def counts() -> object:
        done = sync.skopeo(*words, *sync.words(*more))
        assert done.status == 0, done.err
        return json.loads(done.out)["Counts"]

    assert counts() == {"unchanged": 3}
    conditions = [headers["If-None-Match"] for _, _, headers in sync.server.log if "If-None-Match" in headers]
    assert conditions
    # The destination's list is right for nobody who wants one image of it.
    if more:
        done = sync.skopeo(*words, *sync.words())
        assert json.loads(done.out)["Counts"] == {"copied": 3}


def test_with_a_memory_only_the_source_is_asked(sync: Sync, tmp_path: Path) -> None:
    _tags(sync.server)
    words = ("--memory", str(tmp_path / "memory"))
    sync(*words)
    sync.server.requests.clear()
    sync.mirror.requests.clear()
    assert sync(*words)["Counts"] == {"unchanged": 6}
    assert sync.server.requests == {("GET", "ping"): 1, ("GET", "tags"): 1, ("HEAD", "manifest"): 6}
    assert not sync.mirror.requests
    publish(sync.server, "a", "v3", make_image(seed=77))
    assert sync(*words)["Counts"] == {"unchanged": 5, "copied": 1}
    assert sync(*words)["Counts"] == {"unchanged": 6}
    # What was remembered of one purpose says nothing about another.
    sync.mirror.requests.clear()
    sync(*words, "--all")
    assert sync.mirror.requests["HEAD", "manifest"] == 6
    (tmp_path / "memory").write_text('{"sync":1,"plan":"x"}\n')
    assert "is not a state file of sync" in sync.skopeo.fails(*sync.words(*words))


def test_only_what_changed_is_copied(sync: Sync) -> None:
    _tags(sync.server)
    sync()
    publish(sync.server, "a", "v3", make_image(seed=77))
    assert sync()["Counts"] == {"unchanged": 5, "copied": 1}


def test_quotas_are_reported(sync: Sync) -> None:
    _tags(sync.server, 2)
    sync.server.quota = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"}
    assert sync()["Quotas"] == {sync.server.address: sync.server.quota}


# -- state --------------------------------------------------------------------------------


def test_a_run_goes_on_where_it_stopped(sync: Sync, tmp_path: Path) -> None:
    images = _tags(sync.server)
    state = tmp_path / "state"
    sync.server.blobs[images[3].layers[0]] = b"not what it was"
    words = ("--state", str(state), "--jobs", "1", "--image-parallel-copies", "1")
    sync(*words, "--keep-going", status=1)
    assert len(state.read_text().splitlines()) == 6
    # A process that was killed in the middle of a line.
    with state.open("a") as file:
        file.write('{"source":"half')
    publish(sync.server, "a", "v3", images[3])
    sync.server.requests.clear()
    sync.mirror.requests.clear()
    assert sync(*words)["Counts"] == {"done before": 5, "copied": 1}
    assert sync.mirror.requests["HEAD", "manifest"] == 1
    assert not state.exists()
    assert sync(*words)["Counts"] == {"unchanged": 6}


def test_a_state_file_of_another_plan(sync: Sync, tmp_path: Path) -> None:
    images = _tags(sync.server, 2)
    state = tmp_path / "state"
    sync.server.blobs[images[1].layers[0]] = b"not what it was"
    sync("--state", str(state), "--keep-going", status=1)
    assert "belongs to another plan" in sync.skopeo.fails(*sync.words("--state", str(state), "--all"))
    state.write_text("{}\n")
    assert "is not a state file" in sync.skopeo.fails(*sync.words("--state", str(state)))
    assert "opening the state file" in sync.skopeo.fails(*sync.words("--state", str(tmp_path / "no/state")))


def test_a_dry_run_leaves_no_state(sync: Sync, tmp_path: Path) -> None:
    _tags(sync.server, 2)
    sync("--state", str(tmp_path / "state"), "--dry-run")
    assert not (tmp_path / "state").exists()


# -- pruning ------------------------------------------------------------------------------


def test_deletions_are_carried_over(sync: Sync) -> None:
    _tags(sync.server)
    sync()
    publish(sync.mirror, "m/a", "own", make_image(seed=99))
    for tag in ("v1", "v2"):
        del sync.server.tags["a"][tag]
    assert sync("--prune", "--dry-run")["Counts"] == {"unchanged": 4, "would prune": 3}
    assert sorted(sync.mirror.tags["m/a"]) == ["own", "v0", "v1", "v2", "v3", "v4", "v5"]
    report = sync("--prune")
    assert report["Counts"] == {"unchanged": 4, "pruned": 3}
    assert sorted(sync.mirror.tags["m/a"]) == ["v0", "v3", "v4", "v5"]
    assert {row["Destination"].rpartition(":")[2] for row in report["Images"] if row["Outcome"] == "pruned"} == {
        "own", "v1", "v2",
    }  # fmt: skip


@pytest.mark.parametrize("deletes_tags", [True, False])
def test_a_manifest_that_is_still_wanted_survives(sync: Sync, deletes_tags: bool) -> None:
    images = _tags(sync.server, 2)
    sync()
    publish(sync.mirror, "m/a", "alias", images[0])
    sync.mirror.deletes_tags = deletes_tags
    counts = sync("--prune")["Counts"]
    assert sync.mirror.tags["m/a"]["v0"] == images[0].digest
    assert ("alias" in sync.mirror.tags["m/a"]) != deletes_tags
    assert counts == {"unchanged": 2, **({"pruned": 1} if deletes_tags else {})}


def test_nothing_is_pruned_when_something_failed(sync: Sync) -> None:
    images = _tags(sync.server, 3)
    publish(sync.mirror, "m/a", "own", make_image(seed=99))
    sync.server.blobs[images[1].layers[0]] = b"not what it was"
    sync("--prune", "--keep-going", status=1)
    assert "own" in sync.mirror.tags["m/a"]


def test_only_listed_repositories_are_pruned(sync: Sync, tmp_path: Path) -> None:
    _tags(sync.server, 2)
    publish(sync.mirror, "m/a", "own", make_image(seed=99))
    sync("--prune", source="a:v1")
    assert sorted(sync.mirror.tags["m/a"]) == ["own", "v1"]


def test_shards_prune_each_its_part(sync: Sync) -> None:
    _tags(sync.server, 4)
    sync()
    for number in range(8):
        publish(sync.mirror, "m/a", f"own{number}", make_image(seed=90 + number))
    pruned = [sync("--prune", "--shard", f"{number}/3")["Counts"].get("pruned", 0) for number in (1, 2, 3)]
    assert sum(pruned) == 8
    assert sorted(sync.mirror.tags["m/a"]) == ["v0", "v1", "v2", "v3"]


def test_directories_are_pruned(sync: Sync, tmp_path: Path) -> None:
    _tags(sync.server, 3)
    out = tmp_path / "out"
    words = ("sync", *PLAIN, "--src=docker", "--dest=dir", f"{sync.server.address}/a", str(out))
    sync.skopeo.ok(*words)
    (out / "a:mine").mkdir()
    del sync.server.tags["a"]["v1"]
    sync.skopeo.ok(*words, "--prune")
    assert sorted(path.name for path in out.iterdir()) == ["a:mine", "a:v0", "a:v2"]


# -- referrers ----------------------------------------------------------------------------


def _referrer(server: RegistryServer, subject: str, text: bytes) -> str:
    blob, config = server.put_blob("a", text), server.put_blob("a", b"{}")
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.test",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "text/plain", "digest": blob, "size": len(text)}],
        "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1},
    }
    data = json.dumps(manifest).encode()
    return server.put_manifest("a", digest_of(data), data, OCI_MANIFEST)


@pytest.mark.parametrize("api", [True, False])
def test_what_refers_to_an_image_comes_along(sync: Sync, api: bool) -> None:
    image = make_image()
    publish(sync.server, "a", "v1", image)
    signature = _referrer(sync.server, image.digest, b"signature")
    about_it = _referrer(sync.server, signature, b"about the signature")
    cosign = make_image(layers=1, seed=8)
    publish(sync.server, "a", image.digest.replace(":", "-") + ".att", cosign)
    sync.mirror.referrers_api = api
    sync(source="a:v1")
    assert signature not in sync.mirror.manifests["m/a"]
    assert sync("--referrers", source="a:v1")["Counts"] == {"unchanged": 1}
    assert {signature, about_it, cosign.digest} <= set(sync.mirror.manifests["m/a"])
    if not api:
        tag = sync.mirror.tags["m/a"][image.digest.replace(":", "-")]
        index = json.loads(sync.mirror.manifests["m/a"][tag][0])
        assert [entry["digest"] for entry in index["manifests"]] == [signature]
    sync.mirror.requests.clear()
    sync("--referrers", source="a:v1")
    assert sync.mirror.requests["PUT", "manifest"] == 0
    # What belongs to an image of the plan is no surplus.
    sync("--referrers", "--prune", source="a")
    assert {signature, about_it, cosign.digest} <= set(sync.mirror.manifests["m/a"])


def test_referrers_of_a_changed_image_stay_behind(sync: Sync) -> None:
    image = make_image(docker=True)
    publish(sync.server, "a", "v1", image)
    _referrer(sync.server, image.digest, b"signature")
    done = sync.skopeo(*sync.words("--referrers", "--format", "oci", source="a:v1"))
    assert done.status == 0
    assert "what refers to it stays behind" in done.err


# -- the plan -----------------------------------------------------------------------------


def _plan(folder: Path, server: RegistryServer, text: str) -> str:
    path = folder / "plan.yml"
    path.write_text(f"{server.address}:\n  tls-verify: false\n{text}")
    return str(path)


def test_platforms_of_a_list(sync: Sync, tmp_path: Path) -> None:
    images = {
        name: make_image(seed=seed, architecture=name)
        for seed, name in enumerate(("amd64", "arm64", "s390x"))
    }
    publish_index(sync.server, "a", "v1", images)
    text = "  images:\n    a: [v1]\n  platforms:\n    a: [linux/amd64, linux/s390x]\n"
    path = _plan(tmp_path, sync.server, text)
    sync(source=path, kind="yaml")
    index = json.loads(sync.mirror.manifests["m/a"][sync.mirror.tags["m/a"]["v1"]][0])
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "s390x"]
    assert images["arm64"].digest not in sync.mirror.manifests["m/a"]
    assert sync(source=path, kind="yaml")["Counts"] == {"unchanged": 1}
    path = _plan(tmp_path, sync.server, "  images:\n    a: [v1]\n  platforms:\n    a: linux/riscv64\n")
    assert "no image found" in sync.skopeo(*sync.words(source=path, kind="yaml")).err


def test_templates_of_destinations(sync: Sync, tmp_path: Path) -> None:
    publish(sync.server, "team/app", "v1", make_image())
    for template, expected in (
        ("{repository}", ("m/team/app", "v1")),
        ("flat/{name}:{tag}-x", ("m/flat/app", "v1-x")),
    ):
        text = f'  images:\n    team/app: []\n  destinations:\n    team/app: "{template}"\n'
        sync(source=_plan(tmp_path, sync.server, text), kind="yaml")
        assert expected[1] in sync.mirror.tags[expected[0]]
    for template in ("{what}", "{", "{0}", "{tag!x}"):
        text = f'  images:\n    team/app: []\n  destinations:\n    team/app: "{template}"\n'
        line = sync.skopeo.fails(*sync.words(source=_plan(tmp_path, sync.server, text), kind="yaml"))
        assert "cannot be filled" in line


def test_newer_than_a_date(sync: Sync, tmp_path: Path) -> None:
    _tags(sync.server, 2)
    for moment, expected in (("2026-01-01", 2), ("'2026-01-02T03:04:05Z'", 2), ("2026-01-03", 0)):
        path = _plan(tmp_path, sync.server, f"  images-newer-than:\n    a: {moment}\n")
        report = sync("--dry-run", source=path, kind="yaml")
        assert report["Counts"] == ({"would copy": expected} if expected else {})
    path = _plan(tmp_path, sync.server, "  images-newer-than:\n    a: yesterday\n")
    assert "is no date" in sync.skopeo.fails(*sync.words(source=path, kind="yaml"))
    path = _plan(tmp_path, sync.server, "  images: [a]\n")
    assert "images: expected a table" in sync.skopeo.fails(*sync.words(source=path, kind="yaml"))


def test_a_layer_of_several_images_is_sent_once(sync: Sync) -> None:
    """Four images at a time begin with the same layer; a registry may stumble over several uploads of one blob."""
    shared = make_image(layers=1, size=3_000_000)
    for number in range(8):
        own = make_image(layers=1, seed=number + 50)
        value = json.loads(own.manifest)
        value["layers"].insert(0, json.loads(shared.manifest)["layers"][0])
        manifest = json.dumps(value).encode()
        own.blobs.update(shared.blobs)
        publish(
            sync.server, "a", f"v{number}", MadeImage(own.blobs, manifest, own.media_type, own.config, [], [])
        )
    sync.server.slow = sync.mirror.slow = 0.05
    assert sync()["Counts"] == {"copied": 8}
    assert sync.mirror.requests["PATCH", "upload"] == 1
    assert (
        len([1 for method, path, _ in sync.server.log if method == "GET" and path.endswith(shared.layers[0])])
        == 1
    )


def test_a_limit_per_registry(sync: Sync) -> None:
    """One blob at a time in each direction, also when an upload is cut and its source has to be read again."""
    for number in range(4):
        publish(sync.server, "a", f"v{number}", make_image(layers=3, size=2_000_000, seed=number))
    sync.server.slow, sync.mirror.slow = 0.01, 0.01
    sync.mirror.fail("cut-request", "upload", method="PATCH", times=2, after=100_000)
    assert sync("--registry-connections", "1", "--jobs", "4")["Counts"] == {"copied": 4}
    assert sync.server.most_at_once["blob"] == 1
    assert sync.mirror.most_at_once["upload"] == 1


# -- the manual's page of the file's format --------------------------------------------------


def test_every_key_of_the_file_has_a_place_in_the_manual(tmp_path: Path) -> None:
    from ocicore.image import sync_yaml

    page = (REPOSITORY / "man/pyskopeo-sync.yaml.5").read_text().replace("\\-", "-").replace("\\e", "\\")
    assert {
        line.removeprefix(".B ") for line in page.splitlines() if line.startswith(".B ")
    } >= sync_yaml._KEYS
    example = tmp_path / "sync.yaml"
    example.write_text(page.partition("\n.nf\n")[2].partition("\n.fi\n")[0])
    read = sync_yaml._read_yaml(str(example))
    assert set(read) == {"registry.example.com", "quay.io"}
    chosen = [
        name for registry, table in read.items() for name, _, _ in sync_yaml._wanted(registry, table, "")
    ]
    assert chosen == ["busybox", "redis", "alpine", "prometheus/prometheus", "coreos/etcd"]
