"""Small things that others depend on to the byte: JSON as Go writes it, configurations, names, versions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocicore.errors import InvalidInput
from ocicore.image import assemble, config_forms, convert, go_json, names, semver
from ocicore.oci import media_types
from ocicore.oci.manifest import Manifest, parse_manifest
from support.images import DOCKER_MANIFEST, digest_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_json_says_the_same(value: object) -> None:
    assert json.loads(go_json.dumps(value)) == value
    assert json.loads(go_json.pretty(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a<b>&c", b'"a\\u003cb\\u003e\\u0026c"'),
        ("\u2028\u2029é", b'"\\u2028\\u2029\xc3\xa9"'),
        ('tab\tquote"', b'"tab\\tquote\\""'),
        ({"b": 1, "a": [True, None, 2.0, 1.5]}, b'{"b":1,"a":[true,null,2,1.5]}'),
        ({}, b"{}"),
    ],
)
def test_json_as_go_writes_it(value: object, text: bytes) -> None:
    assert go_json.dumps(value) == text


def test_pretty_json() -> None:
    assert go_json.pretty({"a": [], "b": {"c": ["<"]}}) == (
        '{\n    "a": [],\n    "b": {\n        "c": [\n            "\\u003c"\n        ]\n    }\n}'
    )
    with pytest.raises(TypeError):
        go_json.dumps({"a": object()})


def test_oci_form_drops_what_oci_does_not_know() -> None:
    config = {
        "container": "x",
        "docker_version": "20",
        "created": "2026-01-02T03:04:05.600000000Z",
        "architecture": "arm64",
        "variant": "v8",
        "os": "linux",
        "config": {"Healthcheck": {"Test": ["NONE"]}, "Labels": {"b": "2", "a": "1"}, "Cmd": ["sh"], "Hostname": "h", "User": ""},
    }  # fmt: skip
    history = [{"created": "2026-01-02T03:04:05Z", "created_by": "x", "empty_layer": True, "more": 1}]
    assert config_forms.oci(config, ["sha256:" + "1" * 64], history) == (
        b'{"created":"2026-01-02T03:04:05.6Z","architecture":"arm64","os":"linux","variant":"v8",'
        b'"config":{"Cmd":["sh"],"Labels":{"a":"1","b":"2"}},'
        b'"rootfs":{"type":"layers","diff_ids":["sha256:' + b"1" * 64 + b'"]},'
        b'"history":[{"created":"2026-01-02T03:04:05Z","created_by":"x","empty_layer":true}]}'
    )


def test_docker_form_keeps_health_and_shell() -> None:
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Healthcheck": {"Interval": 5, "Test": ["CMD", "x"]},
            "Shell": ["/bin/sh", "-c"],
            "OnBuild": ["RUN x"],
        },
    }
    value = json.loads(
        config_forms.docker(config, [], [{"created_by": "x"}], parent="sha256:p", container="c")
    )
    assert value["config"]["Healthcheck"] == {"Test": ["CMD", "x"], "Interval": 5}
    assert value["config"]["Shell"] == ["/bin/sh", "-c"]
    assert value["container_config"] == value["config"]
    assert (value["parent"], value["container"]) == ("sha256:p", "c")
    assert value["created"] == value["history"][0]["created"] == "0001-01-01T00:00:00Z"
    assert value["config"]["Volumes"] is None


def test_layer_identifiers() -> None:
    first = "sha256:" + "a" * 64
    assert assemble.layer_id_for(None, first) == "a" * 64
    assert assemble.layer_id_for("b" * 64, first) == digest_of(f"{'b' * 64}+{'a' * 64}".encode())[7:]


def test_schema_1_becomes_schema_2() -> None:
    entries = [
        {"created": "2020-01-02T00:00:00Z", "container_config": {"Cmd": ["/bin/sh -c #(nop) CMD"]}, "throwaway": True,
         "architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]}, "id": "2", "parent": "1"},
        {"created": "2020-01-01T00:00:00Z", "container_config": {"Cmd": ["ADD x"]}, "id": "1"},
    ]  # fmt: skip
    data = json.dumps(
        {
            "schemaVersion": 1,
            "name": "a",
            "tag": "b",
            "fsLayers": [{"blobSum": "sha256:" + "2" * 64}, {"blobSum": "sha256:" + "1" * 64}],
            "history": [{"v1Compatibility": json.dumps(entry)} for entry in entries],
        }
    ).encode()
    manifest = parse_manifest(data)
    assert isinstance(manifest, Manifest)
    assert [(layer.digest[7], away) for layer, away in convert.schema_1_layers(manifest)] == [
        ("1", False),
        ("2", True),
    ]
    config = json.loads(convert.config_of_schema_1(manifest, ["sha256:" + "9" * 64]))
    assert [line.get("empty_layer", False) for line in config["history"]] == [False, True]
    assert config["rootfs"]["diff_ids"] == ["sha256:" + "9" * 64]
    assert config["config"]["Cmd"] == ["sh"]
    assert "id" not in config


def test_docker_lists_put_the_size_first() -> None:
    data = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_INDEX,
            "manifests": [
                {
                    "mediaType": DOCKER_MANIFEST,
                    "digest": "sha256:" + "1" * 64,
                    "size": 5,
                    "platform": {"architecture": "arm", "os": "linux", "variant": "v7"},
                }
            ],
        }
    ).encode()
    index = parse_manifest(data)
    assert not isinstance(index, Manifest)
    value = json.loads(convert.index_for(media_types.DOCKER_LIST, index, index.manifests))
    assert list(value["manifests"][0]) == ["mediaType", "size", "digest", "platform"]


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("a", "localhost/a:latest"),
        ("a:1", "localhost/a:1"),
        ("b/a", "localhost/b/a:latest"),
        ("docker.io/a", "docker.io/library/a:latest"),
        ("x.example:5000/a", "x.example:5000/a:latest"),
        ("localhost/a", "localhost/a:latest"),
        ("a:1@sha256:" + "1" * 64, "localhost/a@sha256:" + "1" * 64),
    ],
)
def test_names_are_completed(name: str, full: str) -> None:
    assert names.normalise(name) == full


@pytest.mark.parametrize("name", ["", "A", "a b", "a:", "x.example/", "a:b:c/"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(InvalidInput):
        names.normalise(name)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=1.2, <2", ["1.2.0", "1.99", "v1.3"], ["1.1.9", "2.0.0"]),
        ("^1.2.3", ["1.2.3", "1.9.0"], ["1.2.2", "2.0.0"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0"]),
        ("~1.2.3", ["1.2.9"], ["1.3.0"]),
        ("~1", ["1.9.9"], ["2.0.0"]),
        ("1.2.x", ["1.2.0", "1.2.7"], ["1.3.0"]),
        ("*", ["0.0.1", "9.9.9"], ["1.0.0-rc1"]),
        ("1.2 - 1.4", ["1.2.0", "1.4.5"], ["1.1.0", "1.5.0"]),
        ("<1 || >=3", ["0.9.0", "3.0.0"], ["1.0.0", "2.9.9"]),
        ("!=1.2.3", ["1.2.4"], ["1.2.3"]),
        (">=1.0.0-rc1", ["1.0.0-rc1", "1.0.0-rc2", "1.0.0"], ["1.0.0-beta"]),
        ("=1.0", ["1.0.0", "1.0.9"], ["1.1.0"]),
    ],
)
def test_version_ranges(text: str, inside: list[str], outside: list[str]) -> None:
    check = semver.constraint(text)
    for version in inside + outside:
        parsed = semver.parse(version)
        assert parsed is not None
        assert check(parsed) is (version in inside), version


def test_versions_in_order() -> None:
    ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0",
        "1.0.1",
    ]
    keys = [semver.key(parsed) for text in ordered if (parsed := semver.parse(text)) is not None]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(ordered)
    for text in ("latest", "1.2.3.4", "", "v", "1.a"):
        assert semver.parse(text) is None
    for text in ("", "latest", ">=", "1.2 bad"):
        with pytest.raises(InvalidInput):
            semver.constraint(text)
