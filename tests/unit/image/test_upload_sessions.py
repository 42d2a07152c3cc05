"""Addresses of unfinished uploads on disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ocicore.image.upload_sessions import UploadSession
from support.contexts import system_context

DIGEST = "sha256:" + "1" * 64


def test_kept_found_and_forgotten(tmp_path: Path) -> None:
    context = system_context(tmp_path)
    folder = Path(context.paths.data_home) / "containers/cache/uploads"
    UploadSession(context, "h:1", "a", DIGEST).keep("/v2/a/blobs/uploads/x?_state=secret")
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert UploadSession(context, "h:1", "a", DIGEST).location() == "/v2/a/blobs/uploads/x?_state=secret"
    assert UploadSession(context, "h:1", "b", DIGEST).location() == ""
    os.utime(path, (0, time.time() - 100_000))
    UploadSession(context, "h:1", "b", DIGEST).keep("/other")
    assert not path.exists()
    UploadSession(context, "h:1", "b", DIGEST).forget()
    assert not list(folder.iterdir())


def test_what_cannot_be_read_or_written_is_no_failure(tmp_path: Path) -> None:
    context = system_context(tmp_path)
    session = UploadSession(context, "h:1", "a", DIGEST)
    session.keep("/x")
    (path,) = (Path(context.paths.data_home) / "containers/cache/uploads").iterdir()
    for text in ("{", "[]", '{"upload": "another", "location": "/y"}'):
        path.write_text(text)
        assert session.location() == ""
    session.forget()
    session.forget()
