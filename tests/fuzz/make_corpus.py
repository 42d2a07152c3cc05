"""Write the seeds: every malicious layer, a few ordinary ones, and tar-split lines. Small ones only; made, not kept."""

from __future__ import annotations

import io
import os
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from support.malicious_layers import cases


def ordinary(form: int) -> bytes:
    """A bit of everything tarfile can write."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, kind, link in (
            ("d", tarfile.DIRTYPE, ""),
            ("d/f", tarfile.REGTYPE, ""),
            ("d/s", tarfile.SYMTYPE, "f"),
            ("d/h", tarfile.LNKTYPE, "d/f"),
            ("p", tarfile.FIFOTYPE, ""),
            ("n" * 90 + "/" + "m" * 90, tarfile.REGTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mtime = kind, link, 1_700_000_000.5
            if form == tarfile.PAX_FORMAT:
                info.pax_headers = {"SCHILY.xattr.user.a": "b"}
            data = b"content" if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def main() -> None:
    """make_corpus.py FOLDER: writes FOLDER/tar_reader, FOLDER/unpack and FOLDER/tar_split."""
    base = sys.argv[1]
    layers = {case.name: case.data for case in cases() if len(case.data) < 16384}
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        layers[f"ordinary{form}"] = ordinary(form)
    lines = {
        "file": b'{"type":1,"name":"a\\u003c\\n\\ud83d\\ude00","size":3,"payload":"AAAAAAAAAAA=","position":1}\n',
        "raw": b'{"type":1,"name_raw":"/w==","payload":null,"position":2}\n',
        "segment": b'{"type":2,"payload":"AAECAwQ=","position":0}\n',
    }
    for folder, seeds in (
        ("tar_reader", layers),
        ("unpack", {k: b"\0" + v for k, v in layers.items()}),
        ("tar_split", lines),
    ):
        os.makedirs(os.path.join(base, folder), exist_ok=True)
        for name, data in seeds.items():
            with open(os.path.join(base, folder, name), "wb") as out:
                out.write(data)


main()
