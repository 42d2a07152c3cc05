"""Settings of a build's commands are looked at before its first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ocicore.build.run_mounts import parse_secrets
from ocicore.cli import build_checks
from ocicore.errors import Error, NotFound


class Given:
    """What the binder hands over."""

    def __init__(self, **values: Any) -> None:
        self.add_host: list[str] = []
        self.dns: list[str] = []
        self.shm_size = "65536k"
        self.ulimit: list[str] = []
        self.device: list[str] = []
        self.__dict__.update(values)
        self._given = frozenset(values)

    def given_names(self) -> frozenset[str]:
        return self._given


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("add_host", ["nope"], "host entry"),
        ("dns", ["nope"], "--dns nope: not an IP address"),
        ("shm_size", "nope", "invalid size"),
        ("ulimit", ["nofile"], "invalid ulimit argument"),
        ("device", ["/dev/nope:/dev/x"], "--device /dev/nope:/dev/x: /dev/nope: no such file or directory"),
    ],
)
def test_refused(name: str, value: object, words: str) -> None:
    with pytest.raises(Error) as caught:
        build_checks.check(Given(**{name: value}))
    assert words in str(caught.value)


def test_accepted() -> None:
    build_checks.check(
        Given(
            add_host=["a:host-gateway", "b:::1"],
            dns=["none", "::1"],
            shm_size="1m",
            ulimit=["nofile=1:2"],
            device=["/dev/null:/dev/x:rwm", "vendor.com/class=name"],
        )
    )


def test_a_secret_by_its_id_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound, match="neither a variable token nor a file"):
        parse_secrets(["id=token"], {})
    (tmp_path / "token").write_text("x")
    assert parse_secrets(["id=token"], {}) == {"token": ("file", str(tmp_path / "token"))}
    assert parse_secrets(["id=token"], {"token": "y"}) == {"token": ("env", "token")}
