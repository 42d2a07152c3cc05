"""config.toml: plain files take the fast way, others the complete parser."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ocicore.config import toml
from ocicore.errors import InvalidInput

_PLAIN = """
# comment
[storage]
driver = "overlay" # trailing
runroot = '/run/x'
[storage.options]
size = 10
additionalimagestores = [
  "/a", # one
  "/b",
]
flag = true
nested = [["x"], []]
[[registry]]
location = "a" # first
  [[registry.mirror]]
  location = "m1"
  [[ registry.mirror ]]
  location = "m2"
  [registry.mirror.more]
  x = 1
[[registry]] # second
location = "b"
mirror = [{location = "m3", insecure = true}]
[registry.more]
[[storage.pools.items]]
"""


def test_plain_text_needs_no_complete_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tomllib.loads(_PLAIN)

    def fail(text: str) -> None:
        raise AssertionError("tomllib was used")

    monkeypatch.setattr(tomllib, "loads", fail)
    assert toml.loads(_PLAIN) == expected
    assert toml.loads(_PLAIN.replace("\n", "\r\n")) == expected


@pytest.mark.parametrize(
    "text",
    [
        'a = "\\u0041"',
        "a.b = 1",
        "[[x.'y']]\ny = 1",
        'a = """b"""',
        "a = {b = 1}",
        "a = 1979-05-27",
        "a = -1",
    ],
)
def test_the_rest_is_tomllibs(text: str) -> None:
    assert toml.loads(text) == tomllib.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "[[a]\nx = 1",
        "[ [a]]",
        "[[a] ]",
        "[[]]",
        "[[a]] x",
        "[a]\n[[a]]",
        "[[a]]\n[a]",
        "[a.b]\n[[a]]",
        "a = []\n[[a]]",
        "a = [{}]\n[[a]]",
        "a = [{}]\n[a.b]",
        "a = {}\n[a.b]",
        "a = {}\n[a]",
        "a = {}\n[[a.b]]",
        "[[a]]\n[a.b]\n[a.b]",
        "[[a]]\nb = 1\n[[a.b]]",
        "[[a]]\n[[a.b]]\n[a.b]",
        "[[a.b]]\n[a]\nb = 1",
    ],
)
def test_headers_that_contradict_each_other(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    with pytest.raises(tomllib.TOMLDecodeError):
        toml.loads(text)


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.conf"
    path.write_text("a = \n")
    with pytest.raises(InvalidInput, match=r"reading .*x\.conf: toml: line 2 .last key .a..: expected value"):
        toml.load(str(path))
    path.write_bytes(b"a = '\xff'\n")
    with pytest.raises(InvalidInput, match=r"x\.conf"):
        toml.load(str(path))
    with pytest.raises(FileNotFoundError):
        toml.load(str(tmp_path / "none"))
