"""The store alone: a layer set unpacked, and what a container of many files adds listed and made a layer.

Each case makes what it needs itself, so that it can be measured alone, on the disk `--folder` is on. Nothing is removed
between the runs: removing many files slows ext4's next creations down for minutes, so that each run has a store of its own.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pairs import Pair, execute, settle

if TYPE_CHECKING:
    from bench.cases import Bench

_LAYERS = 12


def unpack(bench: Bench) -> Iterator[Pair]:
    archive = bench.folder / "layers.tar"
    _save(archive, bench.files, bench.megabytes)

    def load(program: list[str], side: str) -> Callable[[], list[str]]:
        def command() -> list[str]:
            place = list(program)
            place[place.index("--root") + 1] = str(bench.folder / f"unpack-{side}{bench.number()}")
            return [*place, "load", "-q", "-i", str(archive)]

        return command

    yield Pair(
        f"unpack, {bench.files} files, {bench.megabytes} MB",
        load(bench.pypod, "ours"),
        load(bench.podman, "theirs"),
        runs=min(bench.runs, 2),
        warm=False,
        before_ours=settle,
        before_theirs=settle,
    )


def diff(bench: Bench) -> Iterator[Pair]:
    filled = _containers(bench)
    yield Pair(
        f"diff of a container, {bench.files} files",
        [*bench.pypod, "diff", filled["ours"]],
        [*bench.podman, "diff", filled["theirs"]],
        runs=min(bench.runs, 2),
    )


def commit(bench: Bench) -> Iterator[Pair]:
    filled = _containers(bench)
    builders = {"ours": bench.pybuildah, "theirs": bench.buildah}

    def change(side: str) -> Callable[[], None]:
        def step() -> None:
            news = bench.folder / "news"
            news.write_text(str(bench.number()))
            execute([*builders[side], "copy", "-q", filled[side], str(news), "/news"])
            settle()

        return step

    def pair(label: str, *more: str, changed: bool = True) -> Pair:
        words = {
            side: [*builder, "commit", "-q", *more, filled[side], "localhost/committed"]
            for side, builder in builders.items()
        }
        return Pair(
            f"{label}, {bench.files} files",
            words["ours"],
            words["theirs"],
            runs=min(bench.runs, 2),
            warm=False,
            before_ours=change("ours") if changed else settle,
            before_theirs=change("theirs") if changed else settle,
        )

    yield pair("commit, uncompressed", "--disable-compression")
    yield pair("commit unchanged, uncompressed", "--disable-compression", changed=False)
    yield pair("commit")


def _containers(bench: Bench) -> dict[str, str]:
    """A container on each side that added the same files to a small image."""
    from support.rootfs import busybox_tar

    small = bench.folder / "small.tar"
    data = bench.folder / "context" / "data"
    if not data.exists():
        small.write_bytes(busybox_tar())
        bench.make_files(data)
    filled = {}
    for side, engine, builder in (
        ("ours", bench.pypod, bench.pybuildah),
        ("theirs", bench.podman, bench.buildah),
    ):
        execute([*engine, "import", "-q", str(small), "localhost/small"])
        done = subprocess.run(
            [*builder, "from", "localhost/small"], capture_output=True, text=True, check=True
        )
        filled[side] = done.stdout.strip()
        execute([*builder, "copy", "-q", filled[side], str(data), "/data"])
    return filled


def _save(path: Path, files: int, megabytes: int) -> None:
    """An archive as `docker save` writes it, of layers whose files are half noise, half zeros."""
    chance = random.Random(2)
    each = max(1, files // _LAYERS)
    size = megabytes * 1_000_000 // _LAYERS // each
    diff_ids = []
    with tarfile.open(path, "w") as archive:

        def add(name: str, data: bytes) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

        for number in range(_LAYERS):
            layer = _layer(number, each, size, chance)
            diff_ids.append("sha256:" + hashlib.sha256(layer).hexdigest())
            add(f"{number}.tar", layer)
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        add("config.json", json.dumps(config).encode())
        layers = [f"{number}.tar" for number in range(_LAYERS)]
        manifest = [{"Config": "config.json", "RepoTags": ["localhost/large:latest"], "Layers": layers}]
        add("manifest.json", json.dumps(manifest).encode())


def _layer(number: int, files: int, size: int, chance: random.Random) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for item in range(files):
            folder = f"layer{number}/d{item // 200}"
            if item % 200 == 0:
                info = tarfile.TarInfo(folder)
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            noise = chance.randbytes(size // 2)
            info = tarfile.TarInfo(f"{folder}/f{item}")
            info.size = size
            archive.addfile(info, io.BytesIO(noise + bytes(size - len(noise))))
    return buffer.getvalue()
