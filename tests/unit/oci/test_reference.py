from __future__ import annotations

import pytest

from ocicore.oci.reference import InvalidReference, parse, parse_normalized

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "normal", "familiar"),
    [
        ("busybox", "docker.io/library/busybox", "busybox"),
        ("a/b:1", "docker.io/a/b:1", "a/b:1"),
        ("index.docker.io/foo", "docker.io/library/foo", "foo"),
        ("localhost/bb", "localhost/bb", "localhost/bb"),
        ("localhost:5000/x@" + DIGEST, "localhost:5000/x@" + DIGEST, "localhost:5000/x@" + DIGEST),
        ("quay.io/a/b_c--d.e:v1", "quay.io/a/b_c--d.e:v1", "quay.io/a/b_c--d.e:v1"),
        ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
        ("x:1@" + DIGEST, "docker.io/library/x:1@" + DIGEST, "x:1@" + DIGEST),
        ("docker.io/a.b/c", "docker.io/a.b/c", "docker.io/a.b/c"),
    ],
)
def test_names_are_normalised_as_docker_does(text: str, normal: str, familiar: str) -> None:
    reference = parse_normalized(text)
    assert str(reference) == normal
    assert reference.familiar() == familiar
    assert parse_normalized(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        "", "A", "a//b", "a:", "a@x", "-a", "a-", "a/B", "x" * 300, "a..b", "a___b", "a._b", "a:b:c", "a b", "a\n", "é",
        "a@sha256:" + "A" * 64, "a:" + "t" * 129, "a:.t", "host:port/x", "host:٣/x", "/a", "a/", "a" * 64, "a" * 240, "[::1/x",
    ],
)  # fmt: skip
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidReference, match="invalid reference format"):
        parse_normalized(text)


def test_upper_case_says_so() -> None:
    with pytest.raises(InvalidReference, match="repository name must be lowercase"):
        parse("docker.io/Library/x")
    with pytest.raises(InvalidReference, match="repository name must be lowercase"):
        parse_normalized("Team/x")  # no registry: a name with neither dot nor port


def test_default_tag_and_replacement() -> None:
    reference = parse_normalized("x")
    assert str(reference.with_default_tag()) == "docker.io/library/x:latest"
    assert str(reference.with_tag("1").with_digest(DIGEST)) == "docker.io/library/x@" + DIGEST
    assert str(parse_normalized("x@" + DIGEST).with_default_tag()) == "docker.io/library/x@" + DIGEST
    with pytest.raises(InvalidReference):
        reference.with_tag("not a tag")
