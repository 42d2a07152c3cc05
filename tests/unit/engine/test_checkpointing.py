"""criu's figures."""

from __future__ import annotations

from pathlib import Path

from ocicore.engine.checkpointing import statistics


def test_the_figures_of_criu_are_read(tmp_path: Path) -> None:
    path = tmp_path / "stats-dump"
    # magic, magic and size; field 1 (dump) of 8 bytes: 1 → 7, 3 → 300, 7 → 1
    path.write_bytes(b"\0" * 12 + b"\x0a\x07\x08\x07\x18\xac\x02\x38\x01")
    assert statistics(str(path)) == {"freezing_time": 7, "memdump_time": 300, "pages_written": 1}
    path.write_bytes(b"\0" * 12 + b"\x12\x02\x28\x09")
    assert statistics(str(path)) == {"pages_restored": 9}


def test_what_is_cut_off_gives_no_figures(tmp_path: Path) -> None:
    path = tmp_path / "stats-dump"
    assert statistics(str(path)) == {}
    for data in (b"", b"\0" * 12, b"\0" * 12 + b"\x0a", b"\0" * 12 + b"\xff\xff\xff"):
        path.write_bytes(data)
        assert statistics(str(path)) == {}
