"""Signatures and the real skopeo: what one signs, the other accepts by policy, with sigstore's keys and with gpg's."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.debian_image import hard_layer, write_layout
from support.docker_registry import docker_registry
from support.peer_generations import peer_does
from support.programs import Tool, ours, theirs

pytestmark = [pytest.mark.compat, pytest.mark.root]

PLAIN = ("--src-tls-verify=false", "--dest-tls-verify=false")


@dataclass
class Place:
    """A registry with an image, a folder with keys and configuration."""

    registry: str
    folder: Path
    environ: dict[str, str]
    fingerprint: str

    def tool(self, side: str) -> Tool:
        """pyskopeo or skopeo with the folder's registries.d."""
        make = ours("pyskopeo") if side == "ours" else theirs("skopeo")
        return Tool([*make.argv, "--registries.d", str(self.folder / "registries.d")], env=self.environ)

    def policy(self, requirement: dict[str, object]) -> str:
        """A file with this requirement for the registry, and everything else accepted."""
        accept = [{"type": "insecureAcceptAnything"}]
        path = self.folder / "policy.json"
        scopes = {self.registry: [{**requirement, "signedIdentity": {"type": "matchRepository"}}]}
        path.write_text(json.dumps({"default": accept, "transports": {"docker": scopes}}))
        return str(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("signatures")
    home = folder / "gnupg"
    home.mkdir(mode=0o700)
    environ = {**os.environ, "GNUPGHOME": str(home)}

    def gpg(*words: str) -> bytes:
        return subprocess.run(
            ["gpg", "--batch", "--quiet", *words], env=environ, check=True, capture_output=True
        ).stdout

    gpg("--passphrase", "", "--quick-generate-key", "tester@example.com", "rsa2048", "sign", "never")
    listed = gpg("--list-keys", "--with-colons").decode().splitlines()
    fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr"))
    (folder / "gpg.pub").write_bytes(gpg("--export", fingerprint))
    (folder / "phrase").write_text("secret\n")
    for name in ("key", "other"):
        ours("pyskopeo")(
            "generate-sigstore-key",
            "--output-prefix",
            str(folder / name),
            "--passphrase-file",
            str(folder / "phrase"),
        )
    (folder / "registries.d").mkdir()
    (folder / "registries.d/x.yaml").write_text(
        f"default-docker:\n  use-sigstore-attachments: true\n  lookaside: file://{folder}/lookaside\n"
    )
    write_layout(folder / "layout", [hard_layer()])
    with docker_registry(folder / "registry") as registry:
        yield Place(registry, folder, environ, fingerprint)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def test_sigstore_keys(place: Place, tmp_path: Path) -> None:
    """Each signs, each accepts what was signed with the key and refuses another; a peer that cannot sign says so."""
    sides = ["ours", "theirs"] if peer_does("signs with sigstore") else ["ours"]
    for signer in sides:
        _sign_and_check(place, tmp_path / signer, signer, sides)
    if sides == ["ours"]:
        words = ("--sign-by-sigstore-private-key", str(place.folder / "key.private"))
        phrase = ("--sign-passphrase-file", str(place.folder / "phrase"))
        target = f"docker://{place.registry}/no:1"
        done = place.tool("theirs")(
            "--insecure-policy",
            "copy",
            "-q",
            *PLAIN,
            *words,
            *phrase,
            f"oci:{place.folder}/layout:1",
            target,
            status=1,
        )
        assert "sigstore disabled" in done.stderr


def _sign_and_check(place: Place, folder: Path, signer: str, checkers: list[str]) -> None:
    image = f"docker://{place.registry}/sigstore-{signer}:1"
    key, phrase = str(place.folder / "key.private"), str(place.folder / "phrase")
    signing = ("--sign-by-sigstore-private-key", key, "--sign-passphrase-file", phrase)
    accept = ("--insecure-policy", "copy", "-q", *PLAIN)
    place.tool(signer)(*accept, *signing, f"oci:{place.folder}/layout:1", image)
    for checker in checkers:
        for name, status in (("key", 0), ("other", 1)):
            policy = place.policy({"type": "sigstoreSigned", "keyPath": str(place.folder / f"{name}.pub")})
            words = ("--policy", policy, "copy", "-q", *PLAIN, "--remove-signatures", image)
            done = place.tool(checker)(*words, f"dir:{folder}-{checker}-{name}", status=status)
            assert (status == 1) == ("Source image rejected" in done.stderr)


@pytest.mark.parametrize("signer", ["ours", "theirs"])
def test_simple_signing(place: Place, tmp_path: Path, signer: str) -> None:
    image, unsigned = (f"docker://{place.registry}/{name}-{signer}:1" for name in ("simple", "unsigned"))
    accept = ("--insecure-policy", "copy", "-q", *PLAIN)
    place.tool(signer)(*accept, "--sign-by", place.fingerprint, f"oci:{place.folder}/layout:1", image)
    place.tool(signer)(*accept, f"oci:{place.folder}/layout:1", unsigned)
    policy = place.policy(
        {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(place.folder / "gpg.pub")}
    )
    for checker in ("ours", "theirs"):
        words = ("--policy", policy, "copy", "-q", *PLAIN, "--remove-signatures")
        place.tool(checker)(*words, image, f"dir:{tmp_path}/{checker}")
        done = place.tool(checker)(*words, unsigned, f"dir:{tmp_path}/{checker}-no", status=1)
        assert "A signature was required, but no signature exists" in done.stderr


@pytest.mark.parametrize(("writer", "reader"), [("ours", "theirs"), ("theirs", "ours")])
def test_signatures_are_carried_along(place: Place, tmp_path: Path, writer: str, reader: str) -> None:
    """A directory keeps them, whoever wrote it."""
    image = f"docker://{place.registry}/carried-{writer}:1"
    accept = ("--insecure-policy", "copy", "-q", *PLAIN)
    place.tool(writer)(*accept, "--sign-by", place.fingerprint, f"oci:{place.folder}/layout:1", image)
    place.tool(writer)(*accept, image, f"dir:{tmp_path}/kept")
    place.tool(reader)(*accept, f"dir:{tmp_path}/kept", f"dir:{tmp_path}/again")
    signature = (tmp_path / "kept/signature-1").read_bytes()
    assert (tmp_path / "again/signature-1").read_bytes() == signature
