"""`dumpbolt` prints what buildah's prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.bolt_file import bolt_file
from support.programs import ours, theirs

pytestmark = [pytest.mark.compat, pytest.mark.root]


def test_the_same_text(tmp_path: Path) -> None:
    many: dict[bytes, bytes] = {b"%05d" % number: b"v" * 70 for number in range(900)}
    file = tmp_path / "x.db"
    file.write_bytes(bolt_file({b"a b": {b"k\n": b"\x00\x7f\xff", b"s": {b"x": b""}}, b"many": {**many}}))
    text = ours("pybuildah").out("dumpbolt", str(file))
    assert len(text.splitlines()) == 905
    assert text == theirs("buildah").out("dumpbolt", str(file))
