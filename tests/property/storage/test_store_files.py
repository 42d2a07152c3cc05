"""What is on disk, whoever wrote it: any bytes are refused in one line, any records come back with every key."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from ocicore.errors import Corrupted, Error, InvalidInput
from ocicore.files.locks import FileLock
from ocicore.storage import bigdata, identifiers, tempdirs
from ocicore.storage.mounts import MountTable
from ocicore.storage.recordfiles import RecordFiles
from ocicore.storage.records import Image

#: Thousands of files are written and synced: not to a disk.
_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None

texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
ids = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
names = st.sampled_from([f"localhost/name{number}:latest" for number in range(6)])


def files_in(folder: str) -> RecordFiles[Image]:
    lock = FileLock(os.path.join(folder, "images.lock"))
    return RecordFiles("image", Image, [lock], [os.path.join(folder, "images.json")], [False])


@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_as_records(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        Path(folder, "images.json").write_bytes(data)
        files = files_in(folder)
        try:
            with files.reading():
                for image in files.records:
                    assert image.id in files.by_id
        except Corrupted as error:
            assert "\n" not in error.message
            with files.locked_for_salvage():
                files.salvage()
            with files_in(folder).reading():
                pass


@given(
    st.lists(
        st.tuples(ids, st.dictionaries(texts, values, max_size=4)), max_size=4, unique_by=lambda pair: pair[0]
    )
)
def test_unknown_keys_survive_a_change_of_names(made: list[tuple[str, dict[str, Any]]]) -> None:
    known = {"id", "names", "names-history", "flags"}
    records = [
        {"id": id, **{key: value for key, value in more.items() if key not in known}} for id, more in made
    ]
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        path = Path(folder, "images.json")
        path.write_text(json.dumps(records))
        files = files_in(folder)
        with files.writing():
            for image in list(files.records):
                files.save(files.rename(image, [f"n-{image.id}"]))
        again = json.loads(path.read_text())
        assert [
            {key: value for key, value in record.items() if key not in known | {"id"}} for record in again
        ] == [{key: value for key, value in record.items() if key != "id"} for record in records]


@given(st.binary(max_size=100) | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_as_mount_counts(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        Path(folder, "mountpoints.json").write_bytes(data)
        table = MountTable(folder)
        with table.lock.exclusive():
            table.load()
            table.set("a" * 64, "/x", 2)
            assert table.get("a" * 64) == ("/x", 2)


@given(st.text(min_size=1, max_size=60))
def test_every_key_of_big_data_is_a_file_of_its_own(key: str) -> None:
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        place = os.path.join(folder, "data")
        try:
            bigdata.write_all(place, {key: b"1", "manifest": b"2"}, fsync=False)
        except InvalidInput:
            return
        assert bigdata.read(place, key) == (b"2" if key == "manifest" else b"1")
        assert os.listdir(folder) == ["data"]


@given(st.lists(ids, max_size=12), ids)
def test_prefixes_mean_one_or_none(known: list[str], other: str) -> None:
    table = dict.fromkeys(known, "")
    for id in known:
        assert identifiers.resolve_prefix(id[:60], table) in (id, None)
        assert identifiers.resolve_prefix(id, table) == id
    if not any(id.startswith(other[:8]) for id in known):
        assert identifiers.resolve_prefix(other[:8], table) is None


class Records(RuleBasedStateMachine):
    """Two processes on one file: what one saves the other one sees, names have one owner, nothing else changes."""

    images = Bundle("images")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=_MEMORY)
        self.sides = [files_in(self.folder.name), files_in(self.folder.name)]
        self.model: dict[str, set[str]] = {}

    def teardown(self) -> None:
        self.folder.cleanup()

    def _take(self, taken: set[str], id: str) -> None:
        for other, theirs in self.model.items():
            if other != id:
                theirs -= taken

    @rule(target=images, side=st.integers(0, 1), id=ids, given=st.sets(names, max_size=3))
    def create(self, side: int, id: str, given: set[str]) -> Any:
        files = self.sides[side]
        with files.writing():
            if id in files.by_id:
                return multiple()
            image = files.add({"id": id, "future": [1, None]}, 0)
            files.save(files.rename(image, sorted(given)))
        self._take(given, id)
        self.model[id] = set(given)
        return id

    @rule(side=st.integers(0, 1), id=images, given=st.sets(names, max_size=3))
    def name(self, side: int, id: str, given: set[str]) -> None:
        files = self.sides[side]
        with files.writing():
            files.save(files.rename(files.by_id[id], sorted(given)))
        self._take(given, id)
        self.model[id] = set(given)

    @rule(side=st.integers(0, 1), id=consumes(images))
    def delete(self, side: int, id: str) -> None:
        files = self.sides[side]
        with files.writing():
            files.drop(files.by_id[id])
            files.save([0])
        del self.model[id]

    @rule(side=st.integers(0, 1), id=images)
    def fail(self, side: int, id: str) -> None:
        """A change that is not saved is forgotten."""
        files = self.sides[side]
        try:
            with files.writing():
                files.rename(files.by_id[id], ["never"])
                raise InterruptedError
        except (InterruptedError, Error):
            pass

    @invariant()
    def both_see_the_same(self) -> None:
        for files in self.sides:
            with files.reading():
                assert {image.id: set(image.names) for image in files.records} == self.model
                assert all(image.raw["future"] == [1, None] for image in files.records)
                assert {name: image.id for name, image in files.by_name.items()} == {
                    name: id for id, owned in self.model.items() for name in owned
                }


TestRecords = Records.TestCase
TestRecords.settings = settings(max_examples=15, stateful_step_count=15)


class Directories(RuleBasedStateMachine):
    """Private directories: what its maker gave up is found and removed, what is held never."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=_MEMORY)
        self.root = os.path.join(self.folder.name, "tmp")
        self.held: list[tempdirs.TempDir] = []
        self.given_up: dict[str, dict[str, bool]] = {}

    def teardown(self) -> None:
        for temp in self.held:
            temp.remove()
        self.folder.cleanup()

    @rule(intents=st.dictionaries(ids, st.booleans(), max_size=2))
    def make(self, intents: dict[str, bool]) -> None:
        temp = tempdirs.TempDir(self.root)
        for id, doomed in intents.items():
            temp.intend(id, doomed=doomed)
        self.held.append(temp)

    @rule(keep=st.booleans())
    def let_go(self, keep: bool) -> None:
        if not self.held:
            return
        temp = self.held.pop()
        if keep:
            entries = [name.partition("-") for name in os.listdir(temp.path)]
            self.given_up[os.path.basename(temp.path)] = {id: kind == "doomed" for kind, _, id in entries}
            temp.abandon()
        else:
            temp.remove()

    @rule()
    def recover(self) -> None:
        seen: list[dict[str, bool]] = []
        count = tempdirs.recover(self.root, tempdirs.stale(self.root), seen.append)
        assert count == len(self.given_up)
        wanted = [intents for intents in self.given_up.values() if intents]
        assert sorted(seen, key=str) == sorted(wanted, key=str)
        self.given_up.clear()
        left = os.listdir(self.root) if os.path.isdir(self.root) else []
        assert len(left) == 2 * len(self.held)


TestDirectories = Directories.TestCase
TestDirectories.settings = settings(max_examples=15, stateful_step_count=15)
