"""mkcw takes every option of buildah's, and refuses with the one line that says which part is missing."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ocicore.cli.main import main
from pybuildah.program import PROGRAM

MISSING = "Error: confidential workload: firmware library /no/firmware: no such file or directory\n"


def said(folder: Path, *words: str) -> str:
    """What `mkcw WORDS source target` writes; it fails, prints nothing else, and opens no store."""
    store = folder / "store"
    environ = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PATH": "/usr/bin:/bin"}
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    options = ["--root", str(store), "--runroot", f"{store}-run"]
    status = main(PROGRAM, [*options, "mkcw", *words, "source", "target"], environ, io.StringIO(), out, err)
    assert status == 125
    assert out.buffer.getvalue() == b""  # type: ignore[attr-defined]
    assert not store.exists()
    return str(err.buffer.getvalue().decode())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "option",
    [
        *(
            "--add-file=/a:/b",
            "--attestation-url=http://127.0.0.1:1",
            "-u http://127.0.0.1:1",
            "--base-image=base",
        ),
        *(
            "-b base",
            "--cpus=2",
            "-c 2",
            "--ignore-attestation-errors",
            "--memory=512",
            "-m 512",
            "--passphrase=word",
        ),
        *("-p word", "--slop=10%", "-s 8MB", "--type=SNP", "-t SEV", "--workload-id=mine", "-w mine"),
    ],
)
def test_each_option_is_taken(tmp_path: Path, option: str) -> None:
    assert said(tmp_path, *option.split(), "--firmware-library=/no/firmware") == MISSING


def test_the_other_spelling_of_the_firmware(tmp_path: Path) -> None:
    assert said(tmp_path, "-f", "/no/firmware") == MISSING


@pytest.mark.parametrize(
    "option", ["--cpus=many", "--memory=lots", "--ignore-attestation-errors=perhaps", "--nope"]
)
def test_what_makes_no_sense_is_told_first(tmp_path: Path, option: str) -> None:
    line = said(tmp_path, option, "--firmware-library=/no/firmware")
    assert option.partition("=")[0] in line
    assert line.count("\n") == 1
