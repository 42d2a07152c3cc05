"""CDI devices: names, files, and what they put into a specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocicore.errors import InvalidInput, NotFound
from ocicore.runtime import cdi

SPEC = {
    "cdiVersion": "0.6.0",
    "kind": "example.com/sample",
    "containerEdits": {"env": ["OF_FILE=1"]},
    "devices": [
        {
            "name": "all",
            "containerEdits": {
                "env": ["PATH=/changed"],
                "deviceNodes": [{"path": "/dev/inner", "hostPath": "/dev/null"}],
                "mounts": [{"hostPath": "/etc/hostname", "containerPath": "/here"}],
                "hooks": [{"hookName": "prestart", "path": "/bin/true"}],
            },
        }
    ],
}


@pytest.mark.parametrize(
    ("text", "qualified"),
    [
        ("example.com/sample=all", True),
        ("/dev/null:/dev/x=y", False),
        ("/dev/null", False),
        ("example.com=all", False),
    ],
)
def test_which_values_are_names(text: str, qualified: bool) -> None:
    assert cdi.is_qualified(text) is qualified


def test_edits_go_into_the_specification(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(SPEC))
    spec: dict[str, Any] = {"process": {"env": ["PATH=/bin", "A=b"]}, "mounts": []}
    cdi.apply(spec, cdi.edits(["example.com/sample=all"], [str(tmp_path)]), in_user_namespace=False)
    assert spec["process"]["env"] == ["A=b", "OF_FILE=1", "PATH=/changed"]
    device = spec["linux"]["devices"][0]
    assert (device["path"], device["major"], device["minor"]) == ("/dev/inner", 1, 3)
    assert spec["linux"]["resources"]["devices"][0]["access"] == "rwm"
    assert spec["mounts"][0]["destination"] == "/here"
    assert spec["mounts"][0]["options"] == ["bind"]
    assert spec["hooks"] == {"prestart": [{"path": "/bin/true"}]}


def test_in_a_user_namespace_devices_are_bound(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(SPEC))
    spec: dict[str, Any] = {"process": {"env": []}, "mounts": []}
    cdi.apply(spec, cdi.edits(["example.com/sample=all"], [str(tmp_path)]), in_user_namespace=True)
    assert "linux" not in spec
    assert spec["mounts"][0]["destination"] == "/dev/inner"


def test_the_later_folder_wins(tmp_path: Path) -> None:
    for name, value in (("one", "1"), ("two", "2")):
        folder = tmp_path / name
        folder.mkdir()
        edits = {"env": [f"FROM={value}"]}
        text = f"kind: v/c\ndevices: [{{name: d, containerEdits: {json.dumps(edits)}}}]\n"
        (folder / "d.yaml").write_text(text)
    found = cdi.edits(["v/c=d"], [str(tmp_path / "one"), str(tmp_path / "two")])
    assert found[-1]["env"] == ["FROM=2"]


def test_unknown_devices_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="unresolvable CDI devices v/c=d"):
        cdi.edits(["v/c=d"], [str(tmp_path)])
    (tmp_path / "x.yaml").write_text("a: [")
    with pytest.raises(InvalidInput, match=r"x\.yaml"):
        cdi.edits(["v/c=d"], [str(tmp_path)])
