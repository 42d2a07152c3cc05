"""What a build tells whoever watches it: lines, objects, and the view on a terminal."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path

import pytest

from ocicore.build.environment import BuildEnvironment
from ocicore.build.options import BuildResult
from ocicore.build.progress import BuildProgress, JsonLines, Place, captured
from ocicore.cli.build_view import LiveView, shown
from ocicore.errors import InvalidInput

STEP = Place("", 1, 2, "base", 2, 3)


def perform(progress: BuildProgress) -> None:
    """A step with output, and one from the cache."""
    progress.began(STEP, "RUN make")
    with progress.streams(STEP, 1, 2) as (out, err):
        if out != 1:
            os.write(out, b"one\ntwo")
            os.write(err, b"bad \xff\x1b[2Jnews\n")
    progress.made(STEP, "0" * 64)
    progress.ended(STEP, 61.24)
    second = Place("", 2, 2, "", 1, 1)
    progress.began(second, "FROM base")
    progress.cached(second, "1" * 64)
    progress.ended(second, 0.1)
    progress.say("COMMIT x")
    progress.finished(BuildResult("1" * 64, "sha256:2", ["x"]))


def test_plain_lines_are_buildahs() -> None:
    lines: list[str] = []
    perform(BuildProgress(lines.append))
    assert lines == [
        "[1/2] STEP 2/3: RUN make",
        "--> 000000000000",
        "[2/2] STEP 1/1: FROM base",
        f"--> Using cache {'1' * 64}",
        "COMMIT x",
    ]


def test_objects() -> None:
    lines: list[str] = []
    perform(JsonLines(lines.append))
    found = [json.loads(line) for line in lines]
    assert all(item.pop("time") >= 0 for item in found)
    where = {"stage": 1, "stages": 2, "step": 2, "steps": 3, "name": "base"}
    last = {"stage": 2, "stages": 2, "step": 1, "steps": 1}
    output = [item for item in found if item["event"] == "output"]
    assert sorted((item["stream"], item["text"]) for item in output) == [
        ("stderr", "bad \ufffd\x1b[2Jnews"),
        ("stdout", "one"),
        ("stdout", "two"),
    ]
    assert [item for item in found if item["event"] != "output"] == [
        {"event": "step", "instruction": "RUN make", **where},
        {"event": "image", "image": "0" * 64, **where},
        {"event": "done", "seconds": 61.24, **where},
        {"event": "step", "instruction": "FROM base", **last},
        {"event": "cached", "image": "1" * 64, **last},
        {"event": "done", "seconds": 0.1, **last},
        {"event": "note", "text": "COMMIT x"},
        {"event": "result", "image": "1" * 64, "digest": "sha256:2", "names": ["x"]},
    ]


def screen(text: str) -> list[str]:
    """The lines left on a terminal that understands going up and erasing to the end."""
    lines = [""]
    for piece in re.split(r"(\x1b\[\d+A\x1b\[J|\n)", text):
        going_up = re.fullmatch(r"\x1b\[(\d+)A\x1b\[J", piece)
        if going_up:
            del lines[len(lines) - 1 - int(going_up[1]) :]
            lines.append("")
        elif piece == "\n":
            lines.append("")
        else:
            assert "\x1b" not in piece
            lines[-1] += piece
    return lines


def test_the_view_leaves_lines_with_times() -> None:
    stream = io.StringIO()
    with LiveView(stream, lambda: 40) as view:
        perform(view)
    assert screen(stream.getvalue()) == [
        f"{'[1/2] STEP 2/3: RUN make':<31} {'1m01s':>7}",
        f"{'[2/2] STEP 1/1: FROM base':<31} {'cached':>7}",
        "COMMIT x",
        "",
    ]


def test_the_view_shows_what_runs_and_what_failed() -> None:
    stream = io.StringIO()
    with LiveView(stream, lambda: 30) as view:
        view.began(STEP, "RUN " + "x" * 80)
        with view.streams(STEP, 1, 2) as (out, _):
            os.write(out, "".join(f"line {number}\n" for number in range(9)).encode())
        view._draw()
        now = screen(stream.getvalue())
        assert now[0].startswith("[1/2] STEP 2/3: RUN")
        assert now[0].rstrip("0123456789.s ").endswith("…")
        assert all(len(line) < 30 for line in now)
        assert now[1:-1] == [f"    line {number}" for number in range(4, 9)]
        view.failed(STEP, "exit status 1")
    left = screen(stream.getvalue())
    assert left[0].endswith("failed")
    assert left[1:-1] == [f"    line {number}" for number in range(9)]


def test_a_child_that_holds_the_pipe_does_not_hold_the_build() -> None:
    kept = -1
    with captured(lambda name, line: None) as (out, _):
        kept = os.dup(out)
    os.close(kept)


@pytest.mark.parametrize(
    ("kind", "made"), [("auto", BuildProgress), ("plain", BuildProgress), ("json", JsonLines)]
)
def test_choice(kind: str, made: type[BuildProgress], tmp_path: Path) -> None:
    environment = object.__new__(BuildEnvironment)
    with open(tmp_path / "out", "w") as stream:
        with shown(kind, stream, print, environment, quiet=False) as found:
            assert type(found) is made
        with (
            pytest.raises(InvalidInput, match='unknown --progress "x"'),
            shown("x", stream, print, environment, quiet=False),
        ):
            pass
