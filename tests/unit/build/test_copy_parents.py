"""COPY --parents into roots that hold links where the sources' folders are to be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocicore.build import copy_context
from ocicore.build.transfer import Ownership


@pytest.mark.parametrize("relative", [False, True])
def test_links_of_the_image_lead_into_the_image(tmp_path: Path, relative: bool) -> None:
    """An image could otherwise have files written anywhere on the host."""
    outside = tmp_path / "outside"
    outside.mkdir()
    context = tmp_path / "context"
    (context / "sub" / "deep").mkdir(parents=True)
    for name in ("f", "deep/g"):
        (context / "sub" / name).write_text(f"{name}\n")
    root = tmp_path / "root"
    (root / "out").mkdir(parents=True)
    (root / "out" / "sub").symlink_to("../../outside" if relative else outside)
    options = copy_context.AddOptions(
        str(context), "/out/", Ownership(owner=(os.getuid(), os.getgid())), parents=True
    )
    copy_context.add(str(root), ["sub/f", "sub/deep"], options)
    copy_context.add(str(root), ["sub/deep/g"], options)
    assert os.listdir(outside) == []
    inside = root / ("outside" if relative else str(outside).lstrip("/"))
    assert (inside / "f").read_text() == "f\n" and (inside / "deep" / "g").read_text() == "deep/g\n"
