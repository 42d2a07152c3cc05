"""files.verified: size first, digest at the end."""

from __future__ import annotations

import hashlib
import io

import pytest

from ocicore.errors import Corrupted
from ocicore.files.verified import VerifiedReader

_DATA = b"0123456789" * 1000
_DIGEST = "sha256:" + hashlib.sha256(_DATA).hexdigest()


def test_right_bytes_pass() -> None:
    assert VerifiedReader(io.BytesIO(_DATA), _DIGEST, len(_DATA)).read() == _DATA
    assert VerifiedReader(io.BytesIO(_DATA), _DIGEST, None).read() == _DATA
    assert VerifiedReader(io.BytesIO(_DATA), None, len(_DATA)).read() == _DATA
    sha512 = "sha512:" + hashlib.sha512(_DATA).hexdigest()
    assert VerifiedReader(io.BytesIO(_DATA), sha512, None).read() == _DATA


def test_too_long_fails_before_the_end() -> None:
    reader = VerifiedReader(io.BytesIO(_DATA), _DIGEST, 100)
    assert len(reader.read(100)) == 100
    with pytest.raises(Corrupted, match="more than the expected 100 bytes"):
        reader.read(1)


def test_too_short_and_wrong_digest_fail_at_the_end() -> None:
    with pytest.raises(Corrupted, match="10000 bytes instead of 10001"):
        VerifiedReader(io.BytesIO(_DATA), _DIGEST, 10001).read()
    with pytest.raises(Corrupted, match="its digest is sha256:"):
        VerifiedReader(io.BytesIO(b"x" + _DATA[1:]), _DIGEST, len(_DATA)).read()


def test_unknown_algorithm_is_refused() -> None:
    with pytest.raises(Corrupted, match="md5"):
        VerifiedReader(io.BytesIO(b""), "md5:00", 0)
