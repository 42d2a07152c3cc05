"""USER[:GROUP] against the image's own files, links that try to leave the root included."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.errors import InvalidInput, NotFound
from ocicore.runtime import users


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(
        "# comment\nroot:x:0:0:root:/root:/bin/sh\n\nmail:x:8:12::/var/mail:\n1000:x:77:78::/num:\n"
        "bad\nalice:x:1000:1001:Alice:/home/alice:/bin/sh\n"
    )
    (tmp_path / "etc/group").write_text("root:x:0:\nwheel:x:10:alice,bob\nvideo:x:44:alice\nalice:x:1001:\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "uid", "gid", "supplementary", "home"),
    [
        ("", 0, 0, [], "/root"),
        ("root", 0, 0, [], "/root"),
        ("alice", 1000, 1001, [10, 44], "/home/alice"),
        ("alice:wheel", 1000, 10, [], "/home/alice"),
        ("alice:555", 1000, 555, [], "/home/alice"),
        ("1001", 1001, 0, [], "/"),
        ("1001:44", 1001, 44, [], "/"),
        ("8", 8, 12, [], "/var/mail"),
        # A user whose name is a number wins over the number.
        ("1000", 77, 78, [], "/num"),
        (":wheel", 0, 10, [], "/root"),
    ],
)
def test_lookup(root: Path, text: str, uid: int, gid: int, supplementary: list[int], home: str) -> None:
    found = users.resolve(text, str(root))
    assert (found.uid, found.gid, found.supplementary, found.home) == (uid, gid, supplementary, home)


def test_more_groups_by_name_and_number(root: Path) -> None:
    assert users.resolve("alice", str(root), ["root", "99"]).supplementary == [0, 10, 44, 99]


@pytest.mark.parametrize(
    ("text", "groups", "message"),
    [
        ("nobody", [], "unable to find user nobody: no matching entries in passwd file"),
        ("alice:nogroup", [], "unable to find group nogroup: no matching entries in group file"),
        ("root", ["nogroup"], "unable to find group nogroup: no matching entries in group file"),
    ],
)
def test_unknown_names(root: Path, text: str, groups: list[str], message: str) -> None:
    with pytest.raises(NotFound) as caught:
        users.resolve(text, str(root), groups)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["-1", "2147483648", "0:-5", "0:4294967296"])
def test_numbers_out_of_range(root: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match="must be in range 0-2147483647"):
        users.resolve(text, str(root))


def test_no_files_at_all(tmp_path: Path) -> None:
    assert users.resolve("5:6", str(tmp_path)).gid == 6
    with pytest.raises(NotFound):
        users.resolve("alice", str(tmp_path))


def test_a_link_cannot_lead_to_the_hosts_passwd(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").symlink_to("/etc/passwd")
    with pytest.raises(NotFound):
        users.resolve("daemon", str(tmp_path))
    (tmp_path / "etc/passwd").unlink()
    (tmp_path / "etc/passwd").symlink_to("../../../../../../../../etc/shadow-of-the-root")
    (tmp_path / "etc/shadow-of-the-root").write_text("inside:x:9:9::/in:\n")
    assert users.resolve("inside", str(tmp_path)).uid == 9


def test_a_fifo_instead_of_a_file_does_not_block(tmp_path: Path) -> None:
    import os

    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/passwd")
    assert users.resolve("7", str(tmp_path)).uid == 7


def test_bound_files_count_instead_of_the_images(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("bob:x:5:6::/b:\n")
    assert users.resolve("bob", str(root), passwd=str(other)).uid == 5
