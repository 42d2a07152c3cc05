"""Ignore files: exact matching as moby's patternmatcher does it."""

from __future__ import annotations

import pytest

from ocicore.build.ignore import IgnorePatterns, parse_ignore_file
from ocicore.errors import InvalidInput


@pytest.mark.parametrize(
    ("patterns", "path", "excluded"),
    [
        (["*"], "file", True),
        (["*"], "dir/file", True),
        (["*.md"], "a.md", True),
        (["*.md"], "dir/a.md", False),
        (["**/*.md"], "a.md", True),
        (["**/*.md"], "x/y/a.md", True),
        (["dir"], "dir/sub/file", True),
        (["dir/"], "dir/sub/file", True),
        (["/dir"], "dir", True),
        (["dir/*"], "dir", False),
        (["dir/*"], "dir/x", True),
        (["dir/**"], "dir/x/y", True),
        (["a/**/z"], "a/z", True),
        (["a/**/z"], "a/b/c/z", True),
        (["a?c"], "abc", True),
        (["a?c"], "a/c", False),
        (["a[b-d]c"], "acc", True),
        (["a[^b]c"], "abc", False),
        (["a\\*c"], "a*c", True),
        (["a\\*c"], "abc", False),
        (["a.c"], "abc", False),
        (["*", "!keep"], "keep", False),
        (["*", "!keep"], "other", True),
        (["dir", "!dir/keep"], "dir/keep", False),
        (["dir", "!dir/keep"], "dir/keep/below", False),
        (["dir", "!dir/keep", "dir/keep/not"], "dir/keep/not", True),
        (["!keep", "*"], "keep", True),
        (["./a"], "a", True),
        (["a/../b"], "b", True),
        (["**"], "x", True),
    ],
)
def test_matching(patterns: list[str], path: str, excluded: bool) -> None:
    assert IgnorePatterns(patterns).excludes(path) is excluded


def test_folders_that_may_hold_something() -> None:
    patterns = IgnorePatterns(["*", "!a/b/keep", "!*.md"])
    assert patterns.may_hold_included("a")
    assert patterns.may_hold_included("a/b")
    assert not IgnorePatterns(["dir"]).may_hold_included("dir")
    assert not IgnorePatterns(["*", "!other"]).may_hold_included("dir")


def test_files() -> None:
    text = "# comment\n\n  a  \n/b/\n!c\n! d\n \\#e\n"
    assert parse_ignore_file(text) == ["a", "b", "!c", "!d", "\\#e"]


@pytest.mark.parametrize("pattern", ["!", "a[", "a\\"])
def test_malformed(pattern: str) -> None:
    with pytest.raises(InvalidInput):
        IgnorePatterns([pattern])
