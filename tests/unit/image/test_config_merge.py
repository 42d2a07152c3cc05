"""`commit --config`: a configuration from a file laid over an image's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocicore.errors import InvalidInput
from ocicore.image import config_merge

BASE: dict[str, Any] = {
    "Cmd": ["sh"],
    "Entrypoint": ["/init"],
    "Env": ["A=1", "B=2"],
    "ExposedPorts": {"80/tcp": {}},
    "Labels": {"a": "1"},
    "User": "me",
    "WorkingDir": "/",
}


@pytest.mark.parametrize(
    ("over", "changed"),
    [
        ({}, {}),
        ({"User": "", "Env": [], "Labels": None, "Cmd": None}, {}),
        ({"User": "you", "StopSignal": "9"}, {"User": "you", "StopSignal": "9"}),
        ({"Env": ["B=3", "C=4", "D"]}, {"Env": ["A=1", "B=3", "C=4", "D="]}),
        ({"Labels": {"b": "2"}}, {"Labels": {"a": "1", "b": "2"}}),
        ({"ExposedPorts": {"81/tcp": {}}}, {"ExposedPorts": {"80/tcp": {}, "81/tcp": {}}}),
        ({"Volumes": {"/v": {}}}, {"Volumes": {"/v": {}}}),
        ({"Cmd": ["ls"]}, {"Entrypoint": None, "Cmd": ["ls"]}),
        ({"Entrypoint": ["/x"]}, {"Entrypoint": ["/x"], "Cmd": None}),
    ],
)
def test_merged(over: dict[str, Any], changed: dict[str, Any]) -> None:
    settings = json.loads(json.dumps(BASE))
    config_merge.merge(settings, over)
    assert settings == {key: value for key, value in {**BASE, **changed}.items() if value is not None}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "reading configuration {path}: "),
        ("[]", "reading configuration {path}: not a JSON object"),
        ('{"Env": "A=1"}', 'reading configuration {path}: "Env" is not a list of strings'),
        ('{"Cmd": [1]}', 'reading configuration {path}: "Cmd" is not a list of strings'),
        ('{"Labels": ["a"]}', 'reading configuration {path}: "Labels" is not an object'),
        ('{"User": 5}', 'reading configuration {path}: "User" is not a string'),
    ],
)
def test_files_that_say_nothing_sensible(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        config_merge.read(str(path))
    assert str(caught.value).startswith(told.format(path=path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file or directory"):
        config_merge.read(str(tmp_path / "none"))
