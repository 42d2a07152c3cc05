"""Credentials from files and helpers; trust policies read strictly."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from ocicore.config import policy
from ocicore.config.auth import AuthFiles, Credentials
from ocicore.config.paths import UserPaths
from ocicore.errors import Error, InvalidInput, NotFound


def paths(folder: Path) -> UserPaths:
    return UserPaths(
        uid=1000,
        gid=1000,
        username="joe",
        home=str(folder),
        runtime_dir=str(folder / "run"),
        config_home=str(folder / ".config"),
        data_home=str(folder / "data"),
        tmp=str(folder),
        rootless=True,
    )


def entry(pair: str) -> dict[str, str]:
    return {"auth": base64.b64encode(pair.encode()).decode()}


def write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def names(files: AuthFiles, name: str) -> str | None:
    found = files.credentials_for(name)
    return found.username if found is not None else None


def test_the_narrowest_entry_wins(tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    write(
        file,
        {
            "auths": {
                "a.example": entry("host:p"),
                "a.example/team": entry("team:p"),
                "a.example/team/app": entry("app:p:with:colons"),
            }
        },
    )
    files = AuthFiles(paths(tmp_path), {}, authfile=str(file))
    assert names(files, "a.example/x") == "host"
    assert names(files, "a.example/team/other") == "team"
    found = files.credentials_for("a.example/team/app")
    assert found is not None
    assert (found.username, found.password) == ("app", "p:with:colons")
    assert names(files, "b.example") is None
    assert "p:with" not in repr(found)


def test_order_of_files(tmp_path: Path) -> None:
    write(
        tmp_path / ".docker/config.json",
        {"auths": {"https://index.docker.io/v1/": entry("docker:p"), "a.example": entry("last:p")}},
    )
    files = AuthFiles(paths(tmp_path), {})
    assert names(files, "docker.io/library/x") == "docker"
    assert names(files, "a.example") == "last"
    write(tmp_path / ".config/containers/auth.json", {"auths": {"a.example": entry("second:p")}})
    assert names(files, "a.example") == "second"
    write(tmp_path / "run/containers/auth.json", {"auths": {"a.example": entry("first:p")}})
    assert names(files, "a.example") == "first"
    write(tmp_path / "given.json", {"auths": {"a.example": entry("given:p")}})
    assert (
        names(AuthFiles(paths(tmp_path), {"REGISTRY_AUTH_FILE": str(tmp_path / "given.json")}), "a.example")
        == "given"
    )
    write(tmp_path / "elsewhere/config.json", {"auths": {"c.example": entry("c:p")}})
    assert (
        names(AuthFiles(paths(tmp_path), {"DOCKER_CONFIG": str(tmp_path / "elsewhere")}), "c.example") == "c"
    )
    # login and logout use that file, too, and it is the only one (common/pkg/auth).
    docker = AuthFiles(paths(tmp_path), {"DOCKER_CONFIG": str(tmp_path / "new")})
    assert docker.store("d.example", Credentials("d", "p")) == str(tmp_path / "new/config.json")
    assert names(docker, "d.example") == "d"
    assert names(docker, "a.example") is None
    docker.erase("d.example")
    assert names(docker, "d.example") is None


def test_store_and_erase(tmp_path: Path) -> None:
    files = AuthFiles(paths(tmp_path), {})
    write(tmp_path / "run/containers/auth.json", {"auths": {}, "HttpHeaders": {"X": "kept"}})
    assert files.store("a.example", Credentials("joe", "secret")) == str(
        tmp_path / "run/containers/auth.json"
    )
    saved = tmp_path / "run/containers/auth.json"
    assert os.stat(saved).st_mode & 0o777 == 0o600
    assert json.loads(saved.read_text())["HttpHeaders"] == {"X": "kept"}
    assert names(files, "a.example/b") == "joe"
    files.erase("a.example")
    assert names(files, "a.example") is None
    with pytest.raises(NotFound, match=r"not logged in to a\.example"):
        files.erase("a.example")


def test_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin/docker-credential-test"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nread -r server\necho "$1 $server" >>"$0.log"\ncase "$1 $server" in\n'
        '\'get a.example\') echo \'{"ServerURL":"a.example","Username":"helped","Secret":"s"}\' ;;\n'
        '\'get t.example\') echo \'{"Username":"<token>","Secret":"identity"}\' ;;\n'
        "get*) echo 'credentials not found in native keychain'; exit 1 ;;\nesac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    write(
        tmp_path / "auth.json",
        {
            "credHelpers": {
                "a.example": "test",
                "b.example": "test",
                "t.example": "test",
                "x.example": "missing",
            }
        },
    )
    files = AuthFiles(paths(tmp_path), {}, authfile=str(tmp_path / "auth.json"))
    assert names(files, "a.example") == "helped"
    assert names(files, "b.example") is None
    found = files.credentials_for("t.example")
    assert found is not None
    assert found.identity_token == "identity"
    with pytest.raises(Error, match="docker-credential-missing: executable file not found"):
        files.credentials_for("x.example")
    files.store("a.example", Credentials("u", "p"))
    assert "store" in Path(f"{program}.log").read_text()
    assert "auths" not in json.loads((tmp_path / "auth.json").read_text())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "unmarshaling JSON"),
        ("[]", "not an object"),
        ('{"auths": {"a.example": {"auth": "%%"}}}', "not base64"),
        ('{"auths": {"a.example": {"auth": "YQ=="}}}', "not USER:PASSWORD"),
        ('{"auths": {"a.example": 1}}', "not an object"),
    ],
)
def test_malformed_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "auth.json").write_text(text)
    files = AuthFiles(paths(tmp_path), {}, authfile=str(tmp_path / "auth.json"))
    with pytest.raises(InvalidInput, match=message):
        files.credentials_for("a.example")


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        AuthFiles(paths(tmp_path), {}, authfile=str(tmp_path / "none")).require_file()


ACCEPT = [{"type": "insecureAcceptAnything"}]
REJECT = [{"type": "reject"}]


def test_policy_scopes(tmp_path: Path) -> None:
    write(
        tmp_path / "policy.json",
        {
            "default": REJECT,
            "transports": {"docker": {"a.example/team": ACCEPT, "": REJECT}, "dir": {"": ACCEPT}},
        },
    )
    loaded = policy.load(str(tmp_path / "policy.json"))

    def kind(transport: str, *scopes: str) -> str:
        return loaded.requirements(transport, list(scopes))[0].type

    assert (
        kind("docker", "a.example/team/x:1", "a.example/team/x", "a.example/team", "a.example")
        == "insecureAcceptAnything"
    )
    assert kind("docker", "a.example/other", "a.example") == "reject"
    assert kind("dir", "/x") == "insecureAcceptAnything"
    assert kind("oci", "/x") == "reject"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "not a JSON object"),
        ({}, "default policy is missing"),
        ({"default": []}, "must not be empty"),
        ({"default": ACCEPT, "more": 1}, 'unknown key "more"'),
        ({"default": [{"type": "hope"}]}, 'unknown policy requirement type "hope"'),
        ({"default": [{"type": "reject", "why": 1}]}, 'unknown key "why"'),
        ({"default": [{"type": "signedBy", "keyType": "GPGKeys"}]}, "exactly one of keyPath"),
        ({"default": [{"type": "signedBy", "keyType": "Stone", "keyPath": "x"}]}, "invalid keyType"),
        ({"default": [{"type": "sigstoreSigned"}]}, "exactly one of"),
        (
            {"default": [{"type": "sigstoreSigned", "keyPath": "x", "signedIdentity": {"type": "hope"}}]},
            "unknown policy reference match type",
        ),
    ],
)
def test_malformed_policies(tmp_path: Path, value: object, message: str) -> None:
    write(tmp_path / "policy.json", value)
    with pytest.raises(InvalidInput) as caught:
        policy.load(str(tmp_path / "policy.json"))
    assert message in caught.value.message
    assert "policy.json" in caught.value.message


def test_no_policy_at_all(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text("{")
    with pytest.raises(InvalidInput, match="loading trust policy"):
        policy.load(str(tmp_path / "policy.json"))
    with pytest.raises(InvalidInput, match="no such file"):
        policy.load(str(tmp_path / "none.json"))
