"""bcrypt hashes of the system's libcrypt."""

from __future__ import annotations

import pytest

from ocicore.errors import InvalidInput
from ocicore.linux import password
from ocicore.native import _native


def test_a_hash_is_what_libcrypt_makes_of_it_again() -> None:
    made = password.bcrypt("secret", cost=4)
    assert made.startswith("$2a$04$")
    assert len(made) == 60
    out = _native.ffi.new("char[]", 256)
    assert _native.lib.oci_crypt(b"secret", made.encode(), out, 256) == 0
    assert _native.ffi.string(out).decode() == made
    assert _native.lib.oci_crypt(b"other", made.encode(), out, 256) == 0
    assert _native.ffi.string(out).decode() != made


def test_two_hashes_of_one_password_differ() -> None:
    assert password.bcrypt("x", cost=4) != password.bcrypt("x", cost=4)


@pytest.mark.parametrize("text", ["x" * 73, "a\0b"])
def test_what_bcrypt_would_cut_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        password.bcrypt(text, cost=4)
