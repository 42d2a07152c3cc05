"""Simple signing: OpenPGP messages over a small JSON statement (containers-signature(5)), by way of gpg."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocicore.errors import Error, InvalidInput, MissingProgram
from ocicore.image import go_json
from ocicore.linux import spawn

_TYPE = "atomic container signature"
_TIMEOUT = 120


class InvalidSignature(Error):
    """A signature is not what the policy asks for."""


@dataclass(frozen=True)
class Signed:
    """What a signature states.

    Attributes:
        docker_reference, manifest_digest: what was signed.
        fingerprint: of the key.
        optional: creator and timestamp.
    """

    docker_reference: str
    manifest_digest: str
    fingerprint: str
    optional: dict[str, Any]


def statement(
    docker_reference: str, manifest_digest: str, creator: str, timestamp: int | None = None
) -> bytes:
    """The JSON that is signed; `timestamp` in seconds since the epoch, None is now."""
    return go_json.dumps(
        {
            "critical": {
                "identity": {"docker-reference": docker_reference},
                "image": {"docker-manifest-digest": manifest_digest},
                "type": _TYPE,
            },
            "optional": {
                "creator": creator,
                "timestamp": int(time.time()) if timestamp is None else timestamp,
            },
        }
    )


def parse_statement(data: bytes, fingerprint: str = "") -> Signed:
    """Read a statement strictly; raises InvalidSignature for anything unexpected."""
    try:
        value = json.loads(data)
        critical, optional = value["critical"], value["optional"]
        if set(value) != {"critical", "optional"} or set(critical) != {"identity", "image", "type"}:
            raise KeyError("unexpected keys")
        if critical["type"] != _TYPE:
            raise InvalidSignature(f"Unrecognized signature type {critical['type']}")
        if set(critical["identity"]) != {"docker-reference"} or set(critical["image"]) != {
            "docker-manifest-digest"
        }:
            raise KeyError("unexpected keys")
        reference = critical["identity"]["docker-reference"]
        digest = critical["image"]["docker-manifest-digest"]
        if not isinstance(reference, str) or not isinstance(digest, str) or not isinstance(optional, dict):
            raise TypeError("wrong types")
    except (ValueError, KeyError, TypeError) as exc:
        raise InvalidSignature(f"parsing signature: not a simple signature ({exc})") from exc
    return Signed(reference, digest, fingerprint, optional)


def sign(data: bytes, fingerprint: str, *, passphrase: str | None = None, home: str | None = None) -> bytes:
    """An OpenPGP message over `data`, made with a key of the user's keyring.

    Raises:
        Error: gpg refused (no such key, wrong passphrase).
    """
    command = ["--batch", "--no-tty", "--yes", "--local-user", fingerprint, "--sign", "--output", "-"]
    passed: tuple[int, ...] = ()
    descriptor = -1
    if passphrase is not None:
        descriptor, writing = os.pipe()
        os.write(writing, passphrase.encode())
        os.close(writing)
        command = ["--pinentry-mode", "loopback", "--passphrase-fd", str(descriptor), *command]
        passed = (descriptor,)
    try:
        done = _gpg(command, data, home=home, pass_fds=passed)
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    if done.returncode != 0:
        raise Error(f"signing with key {fingerprint}: {_reason(done)}")
    return done.stdout


def require_sequoia(environ: Mapping[str, str]) -> None:
    """Raises MissingProgram where the program sq is not installed."""
    if not spawn.find("sq", environ.get("PATH", "").split(os.pathsep)):
        raise MissingProgram("signing with a Sequoia key: sq is not installed", hint="install the package sq")


def sign_with_sequoia(data: bytes, fingerprint: str, *, passphrase_file: str = "") -> bytes:
    """An OpenPGP message over `data`, made with a key of the user's Sequoia store.

    Raises:
        Error: sq refused (no such key, wrong passphrase).
    """
    command = ["sq", "--batch"]
    if passphrase_file:
        command += ["--password-file", passphrase_file]
    command += ["sign", "--binary", "--signer", fingerprint, "--message"]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_TIMEOUT, check=False)
    except FileNotFoundError:
        raise MissingProgram(
            "signing with a Sequoia key: sq is not installed", hint="install the package sq"
        ) from None
    except subprocess.TimeoutExpired:
        raise Error("sq did not answer in time") from None
    if done.returncode != 0:
        raise Error(f"signing with Sequoia key {fingerprint}: {_reason(done)}")
    return done.stdout


def user_ids(key: bytes) -> list[str]:
    """E-mail addresses (or names) in a public key, [] for what is no key."""
    done = _gpg(["--batch", "--no-tty", "--with-colons", "--show-keys"], key)
    found = []
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if fields[0] in ("uid", "pub") and len(fields) > 9 and fields[9]:
            before, opening, rest = fields[9].partition("<")
            address, closing, _ = rest.partition(">")
            found.append(address if opening and closing else before)
    return found


def verify(signature: bytes, keys: Sequence[bytes]) -> Signed:
    """Check a signature against exactly these public keys.

    Raises:
        InvalidSignature: not signed by one of them.
    """
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:
        for key in keys:
            done = _gpg(["--batch", "--no-tty", "--import"], key, home=home)
            if done.returncode not in (0, 2):
                raise InvalidInput(f"importing a public key: {_reason(done)}")
        return verify_with_home(signature, home)


def verify_with_home(signature: bytes, home: str | None) -> Signed:
    """Check a signature against the keyring in `home` (None: the user's own)."""
    with tempfile.TemporaryFile() as status:
        command = ["--batch", "--no-tty", "--status-fd", str(status.fileno()), "--trust-model", "always"]
        done = _gpg([*command, "--decrypt"], signature, home=home, pass_fds=(status.fileno(),))
        status.seek(0)
        lines = status.read().decode(errors="replace").splitlines()
    fingerprint = ""
    for line in lines:
        words = line.split()
        if len(words) > 2 and words[1] == "VALIDSIG":
            # The last word is the primary key's fingerprint.
            fingerprint = words[-1] if len(words) > 11 else words[2]
    if done.returncode != 0 or not fingerprint:
        raise InvalidSignature(f"Invalid GPG signature: {_reason(done)}")
    return parse_statement(done.stdout, fingerprint)


def untrusted_contents(signature: bytes) -> bytes:
    """The statement inside a signature, without any check of who made it."""
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:
        done = _gpg(["--batch", "--no-tty", "--skip-verify", "--decrypt"], signature, home=home)
    if not done.stdout:
        raise InvalidSignature(f"reading the signature: {_reason(done)}")
    return done.stdout


def _gpg(
    arguments: Sequence[str],
    data: bytes,
    *,
    home: str | None = None,
    pass_fds: tuple[int, ...] = (),
) -> subprocess.CompletedProcess[bytes]:
    command = ["gpg", *(("--homedir", home) if home else ()), *arguments]
    try:
        return subprocess.run(
            command, input=data, capture_output=True, timeout=_TIMEOUT, check=False, pass_fds=pass_fds
        )
    except FileNotFoundError:
        raise MissingProgram("gpg is not installed", hint="install the package gnupg") from None
    except subprocess.TimeoutExpired:
        raise Error("gpg did not answer in time") from None


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"gpg ended with status {done.returncode}"
