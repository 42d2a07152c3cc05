from __future__ import annotations

import hashlib
import importlib
import sys

import pytest

from ocicore.errors import Corrupted, InvalidInput
from ocicore.oci import config, digest, platform
from ocicore.oci.platform import Platform


def test_digest_of_nothing() -> None:
    assert digest.from_bytes(b"") == digest.EMPTY_SHA256


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "g" * 64, "sha256:" + "a" * 63, "md5:" + "a" * 32, "a" * 64]
)
def test_invalid_digests(text: str) -> None:
    with pytest.raises(InvalidInput):
        digest.validate(text)


def test_verifier_checks_size_before_digest() -> None:
    good = digest.from_bytes(b"abc")
    verifier = digest.Verifier(good, 3)
    verifier.update(b"abc")
    verifier.finish()
    long = digest.Verifier(good, 3)
    with pytest.raises(Corrupted, match="more than the 3 bytes"):
        long.update(b"abcd")
    short = digest.Verifier(good, 3)
    short.update(b"ab")
    with pytest.raises(Corrupted, match="2 bytes instead of 3"):
        short.finish()
    wrong = digest.Verifier(good, 3)
    wrong.update(b"abd")
    with pytest.raises(Corrupted, match="has digest"):
        wrong.finish()


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/x86_64", "linux/amd64"),
        ("aarch64", "linux/arm64"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("Linux/ARM", "linux/arm/v7"),
    ],
)
def test_platform_names(text: str, normal: str) -> None:
    assert str(platform.parse(text)) == normal


@pytest.mark.parametrize("text", ["", "a/b/c/d", "linux//v8", "linux/ "])
def test_invalid_platforms(text: str) -> None:
    with pytest.raises(InvalidInput):
        platform.parse(text)


def test_newer_arm_runs_older_but_not_the_reverse() -> None:
    assert platform.matches(Platform("linux", "arm", "v7"), Platform("linux", "arm", "v6"))
    assert not platform.matches(Platform("linux", "arm", "v6"), Platform("linux", "arm", "v7"))
    assert not platform.matches(Platform("linux", "amd64"), Platform("windows", "amd64"))


def test_config_reads_and_keeps_what_it_does_not_know() -> None:
    parsed = config.parse(
        b'{"architecture":"amd64","os":"linux","x":1,"config":{"Env":["A=1"],"Cmd":null,"Labels":{"a":"b"},"Volumes":{"/v":{}}},'
        b'"rootfs":{"type":"layers","diff_ids":["sha256:1"]},"history":[{"created_by":"x"}]}'
    )
    assert parsed.env == ["A=1"]
    assert parsed.cmd == []
    assert parsed.labels == {"a": "b"}
    assert parsed.volumes == ["/v"]
    assert parsed.diff_ids == ["sha256:1"]
    assert parsed.history == [{"created_by": "x"}]
    assert str(parsed.platform) == "linux/amd64"
    assert parsed.raw["x"] == 1


@pytest.mark.parametrize("data", [b"", b"[]", b'{"config":[]}', b"{" * 100_000])
def test_what_is_no_config(data: bytes) -> None:
    with pytest.raises(Corrupted):
        config.parse(data)


def test_wrong_types_inside_are_named() -> None:
    with pytest.raises(Corrupted, match="Env is not a list of strings"):
        assert config.parse(b'{"config":{"Env":[1]}}').env


@pytest.mark.parametrize("length", [0, 10, 1 << 18, (1 << 18) + 1, None])
@pytest.mark.parametrize("loaded", [True, False])
def test_whose_hash_it_is_makes_no_difference(
    length: int | None, loaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if loaded:
        importlib.import_module("_hashlib")
    else:
        monkeypatch.delitem(sys.modules, "_hashlib", raising=False)
    data = b"x" * (length or 5)
    hasher = digest.new_hash(length=length)
    hasher.update(data)
    assert hasher.hexdigest() == hashlib.sha256(data).hexdigest()
    own = type(hasher).__module__ in ("_sha256", "_sha2")
    assert own == (not loaded and length is not None and length <= 1 << 18)
