"""What Docker Hub, quay.io, ghcr.io and registry.redhat.io do each in their own way (conversations as of 2025, shortened)."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from ocicore.config.auth import AuthFiles, Credentials
from ocicore.config.paths import UserPaths
from ocicore.image.transport import parse
from ocicore.registry.client import Registry
from ocicore.registry.problems import RegistryError, RemoteNotFound, Unauthorized
from ocicore.registry.retry import RetryPolicy
from support.images import make_image
from support.recorded import Exchange, Recorded

IMAGE = make_image()
OCI = {"Content-Type": IMAGE.media_type, "Docker-Content-Digest": IMAGE.digest}


def _client(
    host: str, recorded: Recorded, credentials: Credentials | None = None, **more: object
) -> Registry:
    waits: list[float] = []
    retry = RetryPolicy(attempts=int(str(more.get("attempts", 2))), sleep=waits.append)
    client = Registry(host, transport=recorded, credentials=credentials, retry=retry)
    client.waits = waits  # type: ignore[attr-defined]
    return client


def _basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


# -- Docker Hub ---------------------------------------------------------------------------

HUB = "https://registry-1.docker.io"
HUB_AUTH = (
    "https://auth.docker.io/token?scope=repository%3Alibrary%2Fbusybox%3Apull&service=registry.docker.io"
)
HUB_PING = Exchange(
    "GET",
    f"{HUB}/v2/",
    401,
    {"WWW-Authenticate": 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'},
    {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required", "detail": None}]},
)


def test_docker_hub_anonymous_with_quota_and_a_redirected_blob() -> None:
    elsewhere = "https://production.cloudfront.docker.com/registry-v2/docker/registry/v2/blobs/sha256/x/data?Signature=s"
    data = IMAGE.blobs[IMAGE.layers[0]]
    recorded = Recorded(
        HUB_PING,
        Exchange(
            "GET",
            HUB_AUTH,
            200,
            {},
            {"token": "t1", "access_token": "t1", "expires_in": 300},
            {"Authorization": ""},
        ),
        Exchange(
            "GET",
            f"{HUB}/v2/library/busybox/manifests/latest",
            200,
            {**OCI, "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"},
            IMAGE.manifest,
            {"Authorization": "Bearer t1"},
        ),
        Exchange("GET", f"{HUB}/v2/library/busybox/blobs/{IMAGE.layers[0]}", 307, {"Location": elsewhere}),
        Exchange("GET", elsewhere, 200, {}, data, {"Authorization": ""}),
    )
    client = _client("registry-1.docker.io", recorded)
    assert client.manifest("library/busybox", "latest")[2] == IMAGE.digest
    assert client.session.quota["ratelimit-remaining"] == "76;w=21600"
    with client.blob("library/busybox", IMAGE.layers[0], size=len(data)) as stream:
        assert stream.read(len(data)) == data
    assert recorded.finished()


def test_docker_hub_s_quota_is_used_up() -> None:
    refusal = Exchange(
        "GET",
        f"{HUB}/v2/library/busybox/manifests/latest",
        429,
        {"Retry-After": "7"},
        {
            "errors": [
                {
                    "code": "TOOMANYREQUESTS",
                    "message": "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
                }
            ]
        },
    )
    recorded = Recorded(HUB_PING, Exchange("GET", HUB_AUTH, 200, {}, {"token": "t"}), refusal, refusal)
    client = _client("registry-1.docker.io", recorded)
    with pytest.raises(
        RegistryError, match="toomanyrequests: You have reached your unauthenticated"
    ) as caught:
        client.manifest("library/busybox", "latest")
    assert "quota" in str(caught.value.hint)
    assert client.waits == [7.0]  # type: ignore[attr-defined]


def test_docker_hub_s_names_and_its_key_in_auth_json(tmp_path: Path) -> None:
    assert str(parse("docker://busybox")) == "docker://busybox:latest"
    assert parse("docker://busybox").docker_reference == "docker.io/library/busybox:latest"
    entry = {"https://index.docker.io/v1/": {"auth": base64.b64encode(b"me:secret").decode()}}
    (tmp_path / "auth.json").write_text(json.dumps({"auths": entry}))
    home = str(tmp_path)
    paths = UserPaths(
        uid=1,
        gid=1,
        username="t",
        home=home,
        runtime_dir=home,
        config_home=home,
        data_home=home,
        tmp=home,
        rootless=True,
    )
    found = AuthFiles(paths, {}, authfile=str(tmp_path / "auth.json")).credentials_for(
        "docker.io/library/busybox"
    )
    assert found is not None
    assert (found.username, found.password) == ("me", "secret")


def test_a_repository_that_docker_hub_does_not_have() -> None:
    """It says "insufficient_scope" rather than that there is none; the token is not asked for a second time for ever."""
    scope = 'error="insufficient_scope"'
    realm = f'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/none:pull",{scope}'
    token = HUB_AUTH.replace("busybox", "none")
    body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
    refusal = Exchange(
        "GET", f"{HUB}/v2/library/none/manifests/latest", 401, {"WWW-Authenticate": realm}, body
    )
    recorded = Recorded(
        HUB_PING,
        Exchange("GET", token, 200, {}, {"token": "t1"}),
        refusal,
        Exchange("GET", token, 200, {}, {"token": "t2"}),
        refusal,
    )
    with pytest.raises(Unauthorized, match="unauthorized: authentication required"):
        _client("registry-1.docker.io", recorded).manifest("library/none", "latest")
    assert recorded.finished()


# -- quay.io ------------------------------------------------------------------------------

QUAY = "https://quay.io"
QUAY_PING = Exchange(
    "GET",
    f"{QUAY}/v2/",
    401,
    {"WWW-Authenticate": 'Bearer realm="https://quay.io/v2/auth",service="quay.io"'},
    b"true",
)
QUAY_AUTH = "https://quay.io/v2/auth?scope=repository%3Aorg%2Fapp%3Apull&service=quay.io"


def test_quay_s_tokens_without_lifetime_and_pages_of_tags() -> None:
    first = f"{QUAY}/v2/org/app/tags/list"
    second = f"{QUAY}/v2/org/app/tags/list?n=100&last=v1&next_page=gAAAAABmX3"
    recorded = Recorded(
        QUAY_PING,
        Exchange("GET", QUAY_AUTH, 200, {}, {"token": "q"}),
        Exchange(
            "GET",
            first,
            200,
            {"Link": '</v2/org/app/tags/list?n=100&last=v1&next_page=gAAAAABmX3>; rel="next"'},
            {"name": "org/app", "tags": ["v0", "v1"]},
        ),
        Exchange("GET", second, 200, {}, {"name": "org/app", "tags": ["v2"]}, {"Authorization": "Bearer q"}),
    )
    assert _client("quay.io", recorded).tags("org/app") == ["v0", "v1", "v2"]
    assert recorded.finished()


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": "Invalid Username or Password"}',
        b'{"message": "Invalid Username or Password", "errors": []}',
        b"<html>no</html>",
    ],
)
def test_quay_refuses_a_password(body: bytes) -> None:
    url = QUAY_AUTH.replace("?", "?account=me&")
    recorded = Recorded(QUAY_PING, Exchange("GET", url, 401, {}, body, {"Authorization": _basic("me:wrong")}))
    with pytest.raises(Unauthorized, match="unable to retrieve auth token: invalid username/password"):
        _client("quay.io", recorded, Credentials("me", "wrong")).manifest("org/app", "v1")


def test_quay_is_down_for_maintenance() -> None:
    page = b"<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
    url = f"{QUAY}/v2/org/app/manifests/v1"
    recorded = Recorded(
        QUAY_PING,
        Exchange("GET", QUAY_AUTH, 200, {}, {"token": "q"}),
        Exchange("GET", url, 503, {"Content-Type": "text/html"}, page),
        Exchange("GET", url, 503, {"Content-Type": "text/html"}, page),
    )
    with pytest.raises(RegistryError, match="HTTP status 503") as caught:
        _client("quay.io", recorded).manifest("org/app", "v1")
    assert "<" not in caught.value.message


# -- ghcr.io ------------------------------------------------------------------------------

GHCR = "https://ghcr.io"
GHCR_PING = Exchange(
    "GET",
    f"{GHCR}/v2/",
    401,
    {
        "WWW-Authenticate": 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'
    },
    {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]},
)
GHCR_AUTH = "https://ghcr.io/token?scope=repository%3Ame%2Fapp%3Apull&service=ghcr.io"


def test_ghcr_s_example_scope_is_not_what_is_asked_for() -> None:
    elsewhere = "https://pkg-containers.githubusercontent.com/ghcr1/blobs/x?se=2026&sig=abc"
    data = IMAGE.blobs[IMAGE.layers[0]]
    recorded = Recorded(
        GHCR_PING,
        Exchange("GET", GHCR_AUTH, 200, {}, {"token": "g"}),
        Exchange("HEAD", f"{GHCR}/v2/me/app/manifests/v1", 200, OCI, b"", {"Authorization": "Bearer g"}),
        Exchange("GET", f"{GHCR}/v2/me/app/blobs/{IMAGE.layers[0]}", 307, {"Location": elsewhere}),
        Exchange("GET", elsewhere, 200, {}, data, {"Authorization": ""}),
    )
    client = _client("ghcr.io", recorded)
    found = client.head_manifest("me/app", "v1")
    assert found is not None
    assert found[0] == IMAGE.digest
    client.blob("me/app", IMAGE.layers[0], size=len(data)).close()
    assert recorded.finished()


def test_ghcr_denies_a_token_for_what_is_private_or_not_there() -> None:
    body = {"errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]}
    recorded = Recorded(GHCR_PING, Exchange("GET", GHCR_AUTH, 403, {}, body))
    with pytest.raises(Unauthorized, match=r"requesting a token from ghcr\.io"):
        _client("ghcr.io", recorded).manifest("me/app", "v1")


# -- registry.redhat.io -------------------------------------------------------------------

REDHAT = "https://registry.redhat.io"
REALM = "https://registry.redhat.io/auth/realms/rhcc/protocol/redhat-docker-v2/auth"
REDHAT_PING = Exchange(
    "GET", f"{REDHAT}/v2/", 401, {"WWW-Authenticate": f'Bearer realm="{REALM}",service="docker-registry"'}
)


def test_red_hat_wants_a_login_for_everything() -> None:
    text = (
        "Please login to the Red Hat Registry using your Customer Portal credentials. Further instructions can be "
        "found here: https://access.redhat.com/RegistryAuthentication"
    )
    url = f"{REALM}?scope=repository%3Aubi9%3Apull&service=docker-registry"
    recorded = Recorded(REDHAT_PING, Exchange("GET", url, 401, {}, {"details": text}))
    with pytest.raises(Unauthorized, match="unable to retrieve auth token"):
        _client("registry.redhat.io", recorded).manifest("ubi9", "latest")


def test_red_hat_s_service_accounts_and_redirects_to_its_cdn() -> None:
    user = "12345678|robot"
    url = f"{REALM}?account=12345678%7Crobot&scope=repository%3Aubi9%3Apull&service=docker-registry"
    elsewhere = "https://cdn01.quay.io/quayio-production-s3/sha256/ab/x?X-Amz-Signature=1"
    config = IMAGE.config
    digest = next(item for item, data in IMAGE.blobs.items() if data == config)
    recorded = Recorded(
        REDHAT_PING,
        Exchange(
            "GET",
            url,
            200,
            {},
            {"access_token": "r", "expires_in": 300},
            {"Authorization": _basic(f"{user}:jwt")},
        ),
        Exchange(
            "GET",
            f"{REDHAT}/v2/ubi9/manifests/latest",
            200,
            OCI,
            IMAGE.manifest,
            {"Authorization": "Bearer r"},
        ),
        Exchange("GET", f"{REDHAT}/v2/ubi9/blobs/{digest}", 302, {"Location": elsewhere}),
        Exchange("GET", elsewhere, 200, {}, config, {"Authorization": ""}),
    )
    client = _client("registry.redhat.io", recorded, Credentials(user, "jwt"))
    client.manifest("ubi9", "latest")
    with client.blob("ubi9", digest, size=len(config)) as stream:
        assert stream.read() == config
    assert recorded.finished()


def test_red_hat_answers_in_plain_text() -> None:
    recorded = Recorded(
        Exchange("GET", f"{REDHAT}/v2/", 200),
        Exchange("GET", f"{REDHAT}/v2/none/manifests/1", 404, {"Content-Type": "text/plain"}, b"not found\n"),
    )
    with pytest.raises(RemoteNotFound, match="HTTP status 404"):
        _client("registry.redhat.io", recorded).manifest("none", "1")
