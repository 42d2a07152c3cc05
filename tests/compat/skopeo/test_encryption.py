"""Encrypted layers and the real skopeo: each opens what the other sealed, with every kind of key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.debian_image import hard_layer, write_layout
from support.images import listing
from support.keys import EncryptionKeys
from support.programs import ours, theirs

pytestmark = [pytest.mark.compat, pytest.mark.root]

SKOPEO = theirs("skopeo", "--insecure-policy")
PYSKOPEO = ours("pyskopeo", "--insecure-policy")


@pytest.mark.parametrize(
    ("to", "of"),
    [
        ("jwe:rsa.pub", "rsa.pem"),
        ("jwe:ec.pub", "ec.pem"),
        ("pkcs7:cert.pem", "rsa.pem,cert.pem"),
        ("jwe:rsa.pub,pkcs7:cert.pem,jwe:ec.pub", "ec.pem"),
        ("jwe:rsa.pub,pkcs7:cert.pem,jwe:ec.pub", "rsa.pem,cert.pem"),
    ],
)
@pytest.mark.parametrize("writer", ["ours", "theirs"])
def test_each_opens_what_the_other_sealed(tmp_path: Path, to: str, of: str, writer: str) -> None:
    keys = EncryptionKeys(tmp_path)
    write_layout(tmp_path / "layout", [hard_layer()])
    plain = f"oci:{tmp_path}/plain:1"
    SKOPEO("copy", "-q", f"oci:{tmp_path}/layout:1", plain)
    seal = PYSKOPEO if writer == "ours" else SKOPEO
    seal("copy", "-q", "--encryption-key", keys.named(to), plain, f"oci:{tmp_path}/sealed:1")
    for name, unseal in (("ours", PYSKOPEO), ("theirs", SKOPEO)):
        unseal(
            "copy",
            "-q",
            "--decryption-key",
            keys.named(of),
            f"oci:{tmp_path}/sealed:1",
            f"oci:{tmp_path}/{name}:1",
        )
    left, right = listing(tmp_path / "ours"), listing(tmp_path / "theirs")
    assert {name: data for name, data in left.items() if name != "oci-layout"} == {
        name: data for name, data in right.items() if name != "oci-layout"
    }
    inspected = [SKOPEO.out("inspect", image) for image in (plain, f"oci:{tmp_path}/ours:1")]
    assert json.loads(inspected[0])["Layers"] == json.loads(inspected[1])["Layers"]
