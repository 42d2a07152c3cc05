"""Cases that need registries only: inspect, copy, list-tags, sync. Two of Debian's docker-registry, and for counting one in Python."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pairs import Counts, Pair, execute

if TYPE_CHECKING:
    from bench.cases import Bench

PLAIN = ("--src-tls-verify=false", "--dest-tls-verify=false")
LAYERS, TAGS, MANY_TAGS = 12, 100, 5000
OCI = "application/vnd.oci.image"


def write_layout(folder: Path, layers: list[bytes] | list[int], tag: str) -> None:
    """Add an image to an OCI layout; a layer given as a number is that many random bytes."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    descriptors = []
    for layer in layers:
        data = os.urandom(layer) if isinstance(layer, int) else layer
        descriptors.append(_store(blobs, data, f"{OCI}.layer.v1.tar+gzip"))
    rootfs = {"type": "layers", "diff_ids": [item["digest"] for item in descriptors]}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    value = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": _store(blobs, json.dumps(config).encode(), f"{OCI}.config.v1+json"),
        "layers": descriptors,
    }
    entry = _store(blobs, json.dumps(value).encode(), f"{OCI}.manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
    index = folder / "index.json"
    entries = json.loads(index.read_text())["manifests"] if index.exists() else []
    index.write_text(json.dumps({"schemaVersion": 2, "manifests": [*entries, entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def _store(blobs: Path, data: bytes, media_type: str) -> dict[str, object]:
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


@contextlib.contextmanager
def registries(bench: Bench) -> Iterator[tuple[str, str, Path]]:
    """(source, target, folder of the target's data): two empty registries."""
    from support.docker_registry import docker_registry

    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="mirroring.", dir=bench.folder))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        source = stack.enter_context(docker_registry(folder / "source"))
        target = stack.enter_context(docker_registry(folder / "target"))
        yield source, target, folder


def _empty(folder: Path) -> None:
    shutil.rmtree(folder / "target/data/docker", ignore_errors=True)
    os.sync()


def inspect_remote(bench: Bench) -> Iterator[Pair]:
    with registries(bench) as (source, _, folder):
        write_layout(folder / "layout", [3000, 3000], "1")
        execute([*bench.skopeo, "copy", "-q", *PLAIN, f"oci:{folder}/layout:1", f"docker://{source}/a:1"])
        words = ["inspect", "--tls-verify=false", f"docker://{source}/a:1"]
        yield bench.pair(
            "inspect docker://", [*bench.pyskopeo, *words], [*bench.skopeo, *words], runs=bench.runs * 3
        )


def list_tags(bench: Bench) -> Iterator[Pair]:
    with registries(bench) as (source, _, folder):
        write_layout(folder / "layout", [3000], "1")
        execute([*bench.skopeo, "copy", "-q", *PLAIN, f"oci:{folder}/layout:1", f"docker://{source}/a:1"])
        tags = folder / "source/data/docker/registry/v2/repositories/a/_manifests/tags"
        for number in range(MANY_TAGS):
            shutil.copytree(tags / "1", tags / f"v{number}")
        words = ["list-tags", "--tls-verify=false", f"docker://{source}/a"]
        yield bench.pair(f"list-tags of {MANY_TAGS} tags", [*bench.pyskopeo, *words], [*bench.skopeo, *words])


def copy_remote(bench: Bench) -> Iterator[Pair]:
    megabytes = max(bench.megabytes, 1000)
    with registries(bench) as (source, target, folder):
        write_layout(folder / "layout", [megabytes * 1_000_000 // LAYERS] * LAYERS, "1")
        execute([*bench.skopeo, "copy", "-q", *PLAIN, f"oci:{folder}/layout:1", f"docker://{source}/a:1"])
        shutil.rmtree(folder / "layout")
        image = f"docker://{source}/a:1"
        for what, name in (
            ("registry to registry", f"docker://{target}/b:1"),
            ("registry to oci:", f"oci:{folder}/out:1"),
            ("registry to dir:", f"dir:{folder}/out"),
        ):
            words = ["copy", "-q", *PLAIN, image, name]

            def clear() -> None:
                shutil.rmtree(folder / "out", ignore_errors=True)
                _empty(folder)

            yield bench.pair(
                f"copy {megabytes} MB, {LAYERS} layers, {what}",
                [*bench.pyskopeo, *words],
                [*bench.skopeo, *words],
                before_ours=clear,
                before_theirs=clear,
                runs=3,
            )
            clear()


def sync(bench: Bench) -> Iterator[Pair | Counts]:
    chance = random.Random(3)
    base = gzip.compress(chance.randbytes(2_000_000), 1)
    with registries(bench) as (source, target, folder):
        for number in range(TAGS):
            write_layout(folder / "layout", [base, gzip.compress(chance.randbytes(50_000), 1)], f"v{number}")
        for number in range(TAGS):
            words = ["copy", "-q", *PLAIN, f"oci:{folder}/layout:v{number}", f"docker://{source}/a:v{number}"]
            execute([*bench.pyskopeo, "--insecure-policy", *words])
        words = ["sync", *PLAIN, "--src", "docker", "--dest", "docker", f"{source}/a", f"{target}/m"]
        ours, theirs = [*bench.pyskopeo, "--insecure-policy", *words], [*bench.skopeo, *words]

        def clear() -> None:
            _empty(folder)

        yield bench.pair(
            f"sync of {TAGS} tags, cold", ours, theirs, before_ours=clear, before_theirs=clear, runs=3
        )
        yield bench.pair("the same, unchanged", ours, theirs, runs=bench.runs)
        with_memory = [*ours, "--memory", str(folder / "memory")]
        yield bench.pair("the same, unchanged, --memory", with_memory, theirs, runs=bench.runs)
    yield from _counted(bench)


def _counted(bench: Bench) -> Iterator[Counts]:
    """How many requests each makes, told by a registry that counts."""
    from support.images import make_image, publish
    from support.registry_server import registry_server

    with registry_server() as source:
        for number in range(TAGS):
            publish(source, "a", f"v{number}", make_image(seed=number))
        for what in ("cold", "unchanged", "unchanged, --memory"):
            totals = []
            for program in ([*bench.pyskopeo, "--insecure-policy"], bench.skopeo):
                with registry_server() as target, tempfile.TemporaryDirectory(dir=bench.folder) as scratch:
                    words = ["sync", *PLAIN, "--src=docker", "--dest=docker", f"{source.address}/a"]
                    command = [*program, *words, f"{target.address}/m"]
                    if "memory" in what and program is not bench.skopeo:
                        command += ["--memory", f"{scratch}/memory"]
                    if what != "cold":
                        execute(command)
                    source.requests.clear()
                    target.requests.clear()
                    execute(command)
                    totals.append(sum(source.requests.values()) + sum(target.requests.values()))
            yield Counts(f"requests of sync, {TAGS} tags, {what}", *totals)
