"""Challenges as registries in the wild send them."""

from __future__ import annotations

import pytest

from ocicore.registry.authorization import parse_challenges
from ocicore.registry.problems import from_response
from ocicore.registry.retry import _retry_after


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:library/nginx:pull",
                    },
                )
            ],
        ),
        ('Basic realm="quay"', [("basic", {"realm": "quay"})]),
        ("Basic", [("basic", {})]),
        (
            'Bearer realm="https://a/b?c=d,e",service=x, Basic realm="y"',
            [("bearer", {"realm": "https://a/b?c=d,e", "service": "x"}), ("basic", {"realm": "y"})],
        ),
        ('Bearer realm="a\\"b"', [("bearer", {"realm": 'a"b'})]),
        ("", []),
        (",,=", []),
    ],
)
def test_challenges(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(item.scheme, item.parameters) for item in parse_challenges(header)] == expected


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (
            404,
            b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}',
            "doing: manifest unknown",
        ),
        (404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}', "doing: repository name not known to registry"),
        (
            401,
            b'{"details":"incorrect username or password"}',
            "doing: unauthorized: incorrect username or password",
        ),
        (403, b'{"errors":[{"code":"DENIED","message":"no\\naccess"}]}', "doing: denied: no access"),
        (502, b"<html>bad gateway</html>", "doing: HTTP status 502"),
        (
            429,
            b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}',
            "doing: toomanyrequests: slow down",
        ),
        (400, b"[1,2]", "doing: HTTP status 400"),
    ],
)
def test_error_bodies(status: int, body: bytes, text: str) -> None:
    assert from_response("doing", status, body, "host").message == text


def test_retry_after() -> None:
    assert _retry_after("12") == 12.0
    assert _retry_after("") is None
    assert _retry_after("soon") is None
    assert _retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
