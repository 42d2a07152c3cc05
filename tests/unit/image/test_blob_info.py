"""What earlier copies learned about blobs: what it saves, what it must not do, and the file it is kept in."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from ocicore.image import transport
from ocicore.image.blob_info import FILE, BlobInfo
from ocicore.image.copy import CopyOptions, CopyResult, copy
from support.contexts import system_context
from support.images import MadeImage, make_image, publish, write_directory
from support.registry_server import RegistryServer, registry_server

A, B, C, PLAIN = (f"sha256:{digit * 64}" for digit in "abcd")


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


Opener = Callable[[Path], BlobInfo]


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Opens the file in a folder, and closes it after the test."""
    with ExitStack() as stack:
        yield lambda folder: stack.enter_context(closing(BlobInfo(str(folder))))


@pytest.fixture
def image(tmp_path: Path) -> MadeImage:
    """An image with one layer that is not compressed, in the folder "image"."""
    made = make_image(layers=1, compressed=False)
    write_directory(tmp_path / "image", made)
    return made


def database(tmp_path: Path) -> Path:
    """The file, by the name and in the folder where containers/image has it."""
    return tmp_path / "home/.local/share/containers/cache" / FILE


def push(tmp_path: Path, server: RegistryServer, name: str, source: str = "", **options: Any) -> CopyResult:
    """One copy as a process of its own would make it: all it knows of others is in the file."""
    with system_context(tmp_path) as context:
        return copy(
            transport.parse(source or f"dir:{tmp_path}/image"),
            transport.parse(f"docker://{server.address}/{name}"),
            source_context=context,
            destination_context=context,
            options=CopyOptions(**options),
        )


def layers(result: CopyResult) -> list[tuple[str, str]]:
    return [(layer["mediaType"], layer["digest"]) for layer in json.loads(result.manifest)["layers"]]


def uploads(server: RegistryServer) -> tuple[int, int]:
    """(uploads begun, mounts asked for) so far."""
    begun = [path for method, path, _ in server.log if method == "POST" and "/blobs/uploads/" in path]
    mounts = sum("mount=" in path for path in begun)
    return len(begun) - mounts, mounts


def test_a_layer_pushed_elsewhere_is_taken_over(
    server: RegistryServer, image: MadeImage, tmp_path: Path
) -> None:
    first = push(tmp_path, server, "a:1")
    assert layers(first)[0][0].endswith("+gzip")
    assert uploads(server) == (2, 0)  # the layer and the configuration
    second = push(tmp_path, server, "b:1")
    assert layers(second) == layers(first)
    # The configuration, too: it was pushed from this machine before.
    assert uploads(server) == (2, 2)


def test_a_layer_pushed_before_is_not_compressed_again(
    server: RegistryServer, image: MadeImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = push(tmp_path, server, "a:1")
    monkeypatch.setattr("ocicore.image.layer_copy.Recoder.next_piece", None)
    assert layers(push(tmp_path, server, "a:2")) == layers(first)


def test_what_is_in_the_repository_is_found_where_no_place_is_known(
    server: RegistryServer, image: MadeImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = push(tmp_path, server, "a:1")
    with closing(sqlite3.connect(database(tmp_path), isolation_level=None)) as connection:
        connection.execute("DELETE FROM KnownLocations")
    monkeypatch.setattr("ocicore.image.layer_copy.Recoder.next_piece", None)
    assert layers(push(tmp_path, server, "a:2")) == layers(first)


def test_another_compression_is_made_where_it_was_asked_for(
    server: RegistryServer, image: MadeImage, tmp_path: Path
) -> None:
    gzip = layers(push(tmp_path, server, "a:1"))
    zstd = layers(push(tmp_path, server, "a:2", compression="zstd", force_compression=True))
    assert zstd[0][0].endswith("+zstd")
    # With both known the one that would be made is taken, whichever was seen last.
    assert layers(push(tmp_path, server, "b:1")) == gzip
    assert layers(push(tmp_path, server, "c:1", compression="zstd")) == zstd


def test_another_compression_will_do_where_none_is_required(
    server: RegistryServer, image: MadeImage, tmp_path: Path
) -> None:
    gzip = layers(push(tmp_path, server, "a:1"))
    assert layers(push(tmp_path, server, "a:2", compression="zstd", exact_format=False)) == gzip


def test_a_level_that_was_asked_for_is_used(server: RegistryServer, image: MadeImage, tmp_path: Path) -> None:
    quick = layers(push(tmp_path, server, "a:1", compression="zstd", compression_level=1))
    slow = layers(push(tmp_path, server, "a:2", compression="zstd", compression_level=19))
    assert quick != slow


def test_docker_has_no_name_for_zstd(server: RegistryServer, image: MadeImage, tmp_path: Path) -> None:
    docker = "application/vnd.docker.distribution.manifest.v2+json"
    push(tmp_path, server, "a:1", compression="zstd")
    found = layers(push(tmp_path, server, "a:2", manifest_type=docker))
    assert found[0][0] == "application/vnd.docker.image.rootfs.diff.tar.gzip"


def test_a_chunked_layer_keeps_its_annotations(
    server: RegistryServer, image: MadeImage, tmp_path: Path
) -> None:
    first = json.loads(push(tmp_path, server, "a:1", compression="zstd:chunked").manifest)
    assert any("zstd-chunked" in key for key in first["layers"][0]["annotations"])
    begun = uploads(server)[0]
    assert json.loads(push(tmp_path, server, "b:1", compression="zstd:chunked").manifest) == first
    assert uploads(server)[0] == begun
    # It is zstd for whoever asks for that, the more particular form included.
    assert json.loads(push(tmp_path, server, "c:1", compression="zstd").manifest) == first


def test_a_compressed_layer_is_never_exchanged(
    server: RegistryServer, image: MadeImage, tmp_path: Path
) -> None:
    """A copy that changes nothing keeps its digests, whatever else is known of the layer."""
    push(tmp_path, server, "a:1")
    twin = make_image(layers=1)
    write_directory(tmp_path / "twin", twin)
    assert twin.diff_ids == image.diff_ids
    assert push(tmp_path, server, "b:1", f"dir:{tmp_path}/twin").digest == twin.digest


def test_what_was_pulled_is_taken_over(server: RegistryServer, tmp_path: Path) -> None:
    made = make_image(layers=2)
    publish(server, "origin", "1", made)
    with system_context(tmp_path) as context:
        copy(
            transport.parse(f"docker://{server.address}/origin:1"),
            transport.parse(f"dir:{tmp_path}/pulled"),
            source_context=context,
            destination_context=context,
        )
    push(tmp_path, server, "b:1", f"dir:{tmp_path}/pulled")
    # The layers came from there; the configuration is not worth a place.
    assert uploads(server) == (1, 2)


def test_a_place_where_it_is_no_more_is_forgotten(
    server: RegistryServer, image: MadeImage, tmp_path: Path, opened: Opener
) -> None:
    first = push(tmp_path, server, "a:1")
    server.repositories["a"].clear()
    assert layers(push(tmp_path, server, "b:1")) == layers(first)
    assert uploads(server) == (4, 0), "nothing is mounted from where it is not"
    info = opened(database(tmp_path).parent)
    assert info.places(server.address, layers(first)[0][1]) == [f"{server.address}/b"]


def test_a_refused_mount_is_no_failure(server: RegistryServer, image: MadeImage, tmp_path: Path) -> None:
    first = push(tmp_path, server, "a:1")
    server.fail("status", "upload", method="POST", status=403)
    assert layers(push(tmp_path, server, "b:1")) == layers(first)


@pytest.mark.parametrize("broken", ["garbage", "folder", "other tables"])
def test_a_broken_file_is_no_failure(
    server: RegistryServer, image: MadeImage, tmp_path: Path, broken: str
) -> None:
    file = database(tmp_path)
    file.parent.mkdir(parents=True)
    if broken == "garbage":
        file.write_bytes(b"no database " * 1000)
    elif broken == "folder":
        file.mkdir()
    else:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE DigestUncompressedPairs(other TEXT)")
    assert layers(push(tmp_path, server, "a:1"))[0][0].endswith("+gzip")
    push(tmp_path, server, "b:1")
    if broken == "garbage":
        push(tmp_path, server, "c:1")
        assert uploads(server)[1] > 0, "a file that is no database makes way for one"


def test_a_locked_file_is_no_failure(server: RegistryServer, image: MadeImage, tmp_path: Path) -> None:
    push(tmp_path, server, "a:1")
    other = sqlite3.connect(database(tmp_path), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    assert layers(push(tmp_path, server, "b:1"))[0][0].endswith("+gzip")
    assert time.monotonic() - began < 20
    other.close()


def test_a_folder_that_cannot_be_made_is_no_failure(
    server: RegistryServer, image: MadeImage, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.local").write_text("")
    assert layers(push(tmp_path, server, "a:1"))[0][0].endswith("+gzip")


def test_a_failed_copy_teaches_nothing_wrong(server: RegistryServer, tmp_path: Path, opened: Opener) -> None:
    made = make_image(layers=1, compressed=False)
    write_directory(tmp_path / "image", made)
    blob = tmp_path / "image" / made.layers[0].removeprefix("sha256:")
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with pytest.raises(Exception, match="digest"):
        push(tmp_path, server, "a:1")
    info = opened(database(tmp_path).parent)
    assert info.variants(server.address, made.layers[0], lambda compression: True, "gzip") == []


def foreign(path: Path) -> None:
    """A file as containers/image writes it: its names of formats, Go's times with the zone of whoever wrote."""
    info = BlobInfo(str(path.parent))
    info.note_form(A, "gzip")
    info.close()
    rows = [
        ("r.example", A, "r.example/old", "2026-01-01 10:00:00.5+05:00"),
        ("r.example", A, "r.example/new", "2026-01-01 07:00:00.123456789+00:00"),
        ("r.example", A, "r.example/odd", "not a time"),
        ("other.example", A, "other.example/x", "2026-01-01 10:00:00+00:00"),
    ]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executemany("INSERT INTO KnownLocations VALUES ('docker', ?, ?, ?, ?)", rows)
        pairs = [(A, PLAIN), (B, PLAIN), (C, PLAIN), ("no digest", PLAIN), (PLAIN, PLAIN)]
        connection.executemany("INSERT INTO DigestUncompressedPairs VALUES (?, ?)", pairs)
        forms = [(B, "zstd"), (C, "Xz"), (PLAIN, "uncompressed")]
        connection.executemany("INSERT INTO DigestCompressors VALUES (?, ?)", forms)
        note = (B, "zstd:chunked", b'{"k":"v"}')
        connection.execute("INSERT INTO DigestSpecificVariantCompressors VALUES (?, ?, ?)", note)


def test_what_others_wrote(tmp_path: Path, opened: Opener) -> None:
    foreign(tmp_path / FILE)
    info = opened(tmp_path)
    assert info.places("r.example", A) == ["r.example/new", "r.example/old", "r.example/odd"]
    found = info.variants("r.example", PLAIN, lambda compression: True, "zstd")
    assert [(item.digest, item.compression, item.annotations, item.repository) for item in found] == [
        (A, "gzip", {}, "r.example/new"),
        (A, "gzip", {}, "r.example/old"),
        (A, "gzip", {}, "r.example/odd"),
        (B, "zstd:chunked", {"k": "v"}, ""),
        (C, "xz", {}, ""),
    ]
    plain = info.variants("r.example", B, lambda compression: compression == "none", "none")
    assert [(item.digest, item.compression) for item in plain] == [(PLAIN, "none")]
    base = info.variants("r.example", A, lambda compression: compression == "zstd", "zstd")
    assert [(item.digest, item.compression, item.annotations) for item in base] == [(B, "zstd", {})]


def test_what_is_noted_counts_at_once_and_lasts(tmp_path: Path, opened: Opener) -> None:
    info = opened(tmp_path)
    info.deferred = True
    info.note_layer(A, PLAIN)
    info.note_form(A, "gzip")
    info.note_place("r.example", A, "r.example/x")
    info.flush()
    assert not (tmp_path / FILE).exists(), "more is to come"

    def found(known: BlobInfo) -> list[tuple[str, str]]:
        variants = known.variants("r.example", PLAIN, lambda compression: True, "gzip")
        return [(item.digest, item.repository) for item in variants]

    assert found(info) == [(A, "r.example/x")]
    info.close()
    assert found(opened(tmp_path)) == [(A, "r.example/x")]


def test_many_write_at_once(tmp_path: Path) -> None:
    def write(number: int) -> None:
        info = BlobInfo(str(tmp_path))
        for count in range(20):
            info.note_place("r.example", A, f"r.example/{number}-{count}")
            info.flush()
        info.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM KnownLocations").fetchone()
        (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
    # Whoever waits too long gives up, which loses hints and nothing else.
    assert 0 < count <= 80
    assert whole == "ok"
