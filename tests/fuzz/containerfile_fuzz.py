#!/usr/bin/env python3
"""Containerfiles that nobody would write:  PYTHONPATH=shared containerfile_fuzz.py SECONDS [SEED]

Mutates good files and looks for what must never be: an exception that is no complaint, a complaint without a line of the file
or of several lines, instructions out of order, a parse that takes long, and one that comes out otherwise the second time.
"""

from __future__ import annotations

import random
import time

from mutation import Mutator, run

from ocicore.build import run_mounts, stages
from ocicore.build.containerfile import SyntaxProblem, parse
from ocicore.build.draft import ImageDraft
from ocicore.build.ignore import IgnorePatterns
from ocicore.build.instructions import CopyRequest, RunRequest, StageState
from ocicore.errors import Error, InvalidInput

#: Seconds one file may take.
_LONG = 5.0
PIECES = [
    *"\\\n\t \"'`%$;#[]=:@,/-.<{}*?!&|", "\\\n", "`\n", "<<EOF\n", "EOF\n", "<<-'E O'\n", "# escape=`\n", "# syntax=x\n", "# check=skip=all\n",
    "${a:-${b:+c}}", "${a##*/}", "${a/b/c}", "${a", "$", "\r\n", "\x00", "\ufeff", "é", "\udcff", "FROM ", "FROM scratch AS ", " AS x\n",
    "--from=", "--mount=type=cache,target=", "--mount=", "--chown=$a:0 ", "--chmod=u=rwX ", "--platform=$BUILDPLATFORM ", "--network=none ",
    "--parents ", "--exclude=* ", "--link ", "--checksum=sha256:0 ", "ONBUILD ", "ONBUILD ONBUILD RUN x\n", "HEALTHCHECK NONE\n", "0x99999999999",
    'SHELL ["a"]\n', "EXPOSE 1-99999/tcp\n", 'CMD ["\\u12"]\n', "STOPSIGNAL RTMIN+3\n", "ARG ", "ENV a", "LABEL a b=c\n", "VOLUME [", "1e309",
]  # fmt: skip
SEEDS = [
    "ARG v=1\nFROM busybox:$v AS base\nRUN --mount=type=cache,target=/c,id=a --mount=type=secret,id=s,required echo ${v:-x} && true\n",
    "FROM scratch\nCOPY --from=base --chown=1:2 --chmod=755 --link a b /c/\nADD https://x.io/y.tar.gz git@x.io:y.git#z /d/\nWORKDIR /a/../b\n",
    'FROM a AS b\nENV A=1 "B c"="d e" F=\\$G\nLABEL x="y z" \'q\'=r\nCMD ["sh", "-c", "echo $A"]\nENTRYPOINT exec x\nUSER 1:2\n',
    '# escape=`\nFROM a\nRUN dir `\n c:\\\\x\nSHELL ["/bin/bash", "-c"]\nEXPOSE 80 443/udp $P\nSTOPSIGNAL SIGTERM\nVOLUME /a /b\n',
    "FROM a\nRUN <<EOF cat <<-'B' > /x\necho $a\nEOF\n\tb\n\tB\nCOPY <<a <<\"b\" /d/\none $x\na\ntwo $x\nb\nHEALTHCHECK --interval=1m30s CMD x\n",
    "FROM --platform=linux/arm64/v8 a\nONBUILD COPY . /x\nMAINTAINER me\nARG a b=c\nHEALTHCHECK NONE\nFROM b\nCOPY --from=0 /x /y\n",
]


def shuffle(chance: random.Random, text: str) -> str:
    """The same lines in another order."""
    lines = text.split("\n")
    chance.shuffle(lines)
    return "\n".join(lines)


def one(text: str) -> None:
    """Raises AssertionError, or whatever it should not."""
    try:
        parsed = parse(text, "Containerfile")
    except SyntaxProblem as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert "\n" not in error.message
        return
    again = parse(text, "Containerfile")
    assert [vars_of(item) for item in again.instructions] == [vars_of(item) for item in parsed.instructions]
    last = 0
    for instruction in parsed.instructions:
        assert last < instruction.line <= instruction.end_line <= text.count("\n") + 1
        last = instruction.end_line
    try:
        plan = stages.plan([parsed], user_args={"a": "1"}, platform_args={"BUILDPLATFORM": "linux/amd64"})
    except Error as error:
        assert "\n" not in error.message or "\n" in text
        return
    for stage in plan.build:
        apply(stage.instructions, parsed.escape)


def apply(instructions: list[object], escape: str) -> None:
    state = StageState(ImageDraft(), user_args={"a": "1"}, heading_args={}, platform_args={}, escape=escape)
    for instruction in instructions:
        try:
            request = state.apply(instruction)  # type: ignore[arg-type]
            if isinstance(request, RunRequest):
                for mount in request.mounts:
                    run_mounts.parse_fields(mount)
            elif isinstance(request, CopyRequest):
                IgnorePatterns(list(request.excludes))
        except InvalidInput:
            continue


def vars_of(instruction: object) -> list[str]:
    return [repr(getattr(instruction, name)) for name in ("name", "args", "original", "line", "end_line")]


def in_time(text: str, kind: str) -> None:
    """`one`, and it must not take long."""
    began = time.process_time()
    one(text)
    took = time.process_time() - began
    assert took < _LONG, f"{took:.1f} s"


if __name__ == "__main__":
    mutator = Mutator(SEEDS, PIECES, shuffle, repeats=50)
    run("containerfile_fuzz", lambda chance: (mutator.text(chance), "Containerfile"), in_time)
