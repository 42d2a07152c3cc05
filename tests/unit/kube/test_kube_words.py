"""Values of Kubernetes' objects in the engine's words."""

from __future__ import annotations

import pytest

from ocicore.errors import InvalidInput
from ocicore.kube import documents, pull_policies
from ocicore.kube.pod_options import seccomp_profile, update_labels


def test_scalars_are_what_they_are_written_as_where_a_string_is_wanted() -> None:
    value = {"a": [True, 1, "x", 0.5], "b": 7, "c": False, "d": {"x": 1, "y": True}, "e": [[]], "f": {}}
    assert documents.texts(value, "a", "here") == ["true", "1", "x", "0.5"]
    assert documents.text(value, "b", "here") == "7"
    assert documents.text(value, "c", "here") == "false"
    assert documents.string_map(value, "d", "here") == {"x": "1", "y": "true"}
    with pytest.raises(InvalidInput, match="must be a list of strings"):
        documents.texts(value, "e", "here")
    with pytest.raises(InvalidInput, match="must be a string"):
        documents.text(value, "f", "here")


def test_pull_policies() -> None:
    found = [
        pull_policies.read("", "imagePullPolicy", image, "here")
        for image in ("a", "a:latest", "a:1", "r:5000/a", "a@sha256:00")
    ]
    assert found == ["newer", "newer", "missing", "newer", "missing"]
    assert pull_policies.read("Always", "pullPolicy", "a:1", "here") == "always"
    with pytest.raises(InvalidInput, match="here: pullPolicy: 'x'"):
        pull_policies.read("x", "pullPolicy", "a:1", "here")


def test_seccomp_profiles_of_the_older_annotations() -> None:
    key = "seccomp.security.alpha.kubernetes.io"
    annotations = {f"container.{key}/a": "localhost/x/y.json", f"{key}/pod": "unconfined"}
    assert seccomp_profile(annotations, "a", "/root/of") == "/root/of/x/y.json"
    assert seccomp_profile(annotations, "b", "/root/of") == "unconfined"
    assert seccomp_profile({f"{key}/pod": "runtime/default"}, "b", "/root/of") == ""
    assert seccomp_profile({}, "b", "/root/of") == ""
    with pytest.raises(InvalidInput, match="invalid seccomp path: other/x"):
        seccomp_profile({f"{key}/pod": "other/x"}, "b", "/root/of")


def test_auto_update_of_all_containers_and_of_one() -> None:
    key = "io.containers.autoupdate"
    annotations = {key: "registry", f"{key}/b": "local", f"{key}.authfile": "/auth", f"{key}.authfile/c": ""}
    assert update_labels(annotations, "a") == {key: "registry", f"{key}.authfile": "/auth"}
    assert update_labels(annotations, "b") == {key: "local", f"{key}.authfile": "/auth"}
    assert update_labels(annotations, "c") == {key: "registry"}
    assert update_labels({}, "a") == {}
