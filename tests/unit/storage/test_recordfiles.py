"""storage.recordfiles: reading, writing, staleness, damage."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ocicore.errors import Conflict, Corrupted
from ocicore.files.locks import FileLock
from ocicore.storage.recordfiles import RecordFiles
from ocicore.storage.records import Layer


def _files(folder: Path, **more: object) -> RecordFiles[Layer]:
    return RecordFiles(
        "layer",
        Layer,
        [FileLock(str(folder / "layers.lock"), read_only=bool(more.get("read_only")))],
        [str(folder / "layers.json"), str(folder / "volatile-layers.json")],
        [False, True],
        **more,  # type: ignore[arg-type]
    )


def _ids(files: RecordFiles[Layer]) -> list[str]:
    with files.reading():
        return [record.id for record in files.records]


def test_empty_store_has_no_files(tmp_path: Path) -> None:
    assert _ids(_files(tmp_path)) == []
    assert os.listdir(tmp_path) == ["layers.lock"]


def test_an_empty_file_is_an_empty_list(tmp_path: Path) -> None:
    (tmp_path / "layers.json").touch()
    assert _ids(_files(tmp_path)) == []
    (tmp_path / "layers.json").write_text("null")
    assert _ids(_files(tmp_path)) == []


def test_others_see_what_was_saved(tmp_path: Path) -> None:
    one, two = _files(tmp_path), _files(tmp_path)
    assert _ids(two) == []
    with one.writing():
        one.add({"id": "a" * 64, "names": ["n"]}, 0)
        one.add({"id": "b" * 64}, 1)
        one.save([0, 1])
    assert _ids(two) == ["a" * 64, "b" * 64]
    assert json.loads((tmp_path / "layers.json").read_text()) == [{"id": "a" * 64, "names": ["n"]}]
    with two.reading():
        found = two.find("n")
        assert found is not None
        assert not found.volatile
        assert two.find("bb") is two.by_id["b" * 64]
        assert two.by_id["b" * 64].volatile


def test_an_edited_file_is_read_again_without_a_token(tmp_path: Path) -> None:
    files = _files(tmp_path)
    assert _ids(files) == []
    (tmp_path / "layers.json").write_text('[{"id": "x"}]')
    assert _ids(files) == ["x"]


def test_unchanged_files_are_not_parsed_again(tmp_path: Path) -> None:
    files = _files(tmp_path)
    with files.writing():
        files.add({"id": "a"}, 0)
        files.save([0])
    with files.reading():
        first = files.records[0]
    with files.reading():
        assert files.records[0] is first


def test_a_failed_change_is_forgotten(tmp_path: Path) -> None:
    files = _files(tmp_path)
    with pytest.raises(RuntimeError), files.writing():
        files.add({"id": "a"}, 0)
        raise RuntimeError
    assert _ids(files) == []


def test_prefixes_resolve_when_unique(tmp_path: Path) -> None:
    files = _files(tmp_path)
    with files.writing():
        for text in ("abc", "abd"):
            files.add({"id": text.ljust(64, "0")}, 0)
        assert files.find("ab") is None
        assert files.find("abc") is files.records[0]
        assert files.find("") is None
        assert files.find("ABC") is None


def test_ids_are_unique(tmp_path: Path) -> None:
    files = _files(tmp_path)
    with files.writing():
        files.add({"id": "a"}, 0)
        with pytest.raises(Conflict):
            files.add({"id": "a"}, 1)


def test_names_move(tmp_path: Path) -> None:
    files = _files(tmp_path)
    with files.writing():
        one = files.add({"id": "a", "names": ["x", "y"]}, 0)
        two = files.add({"id": "b"}, 1)
        assert files.rename(two, ["x", "x", "z"]) == {0, 1}
        assert (one.names, two.names) == (["y"], ["x", "z"])
        assert files.find("x") is two
        assert files.rename(two, []) == {1}
        assert "names" not in two.raw
        assert files.find("x") is None


@pytest.mark.parametrize("text", ["[", '[{"id": "a"}', '{"id": 1}', "[1]", '[{"names": []}]', "\x00" * 50])
def test_damage_is_named_with_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "layers.json").write_text(text)
    with pytest.raises(Corrupted, match=r"layers\.json"):
        _ids(_files(tmp_path))


def test_salvage_keeps_whole_records_and_the_old_file(tmp_path: Path) -> None:
    text = '[{"id": "a", "k": 1}, {"id": "b"}, {"id": "c", "na'
    (tmp_path / "layers.json").write_text(text)
    files = _files(tmp_path)
    with files.locked_for_salvage():
        kept, backups = files.salvage()
    assert (kept, _ids(files)) == (2, ["a", "b"])
    assert [Path(backup).read_text() for backup in backups] == [text]


def test_a_name_of_two_records_goes_to_the_last(tmp_path: Path) -> None:
    (tmp_path / "layers.json").write_text('[{"id": "a", "names": ["n"]}, {"id": "b", "names": ["n"]}]')
    said: list[str] = []
    files = _files(tmp_path, warn=said.append)

    def mend() -> None:
        files.save(files.unify_names())

    files.mend = mend
    assert _ids(files) == ["a", "b"]
    saved = json.loads((tmp_path / "layers.json").read_text())
    assert saved == [{"id": "a"}, {"id": "b", "names": ["n"]}]
    assert len(said) == 1


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    files = _files(tmp_path)
    name = os.fsdecode(b"caf\xe9")
    with files.writing():
        files.add({"id": "a", "names": [name]}, 0)
        files.save([0])
    again = _files(tmp_path)
    with again.reading():
        assert again.records[0].names == [name]


def test_a_read_only_store_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "layers.json").write_text('[{"id": "a", "flags": {"incomplete": true}}]')
    (tmp_path / "layers.lock").touch()
    before = sorted(os.listdir(tmp_path))
    files = _files(tmp_path, read_only=True)
    files.mend = lambda: pytest.fail("mended a read-only store")
    assert _ids(files) == ["a"]
    assert files.records[0].read_only
    assert sorted(os.listdir(tmp_path)) == before
