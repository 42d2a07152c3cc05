"""The remark that an image is for another platform than was asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ocicore.oci import platform
from pybuildah.session import warn_platform


@pytest.mark.parametrize(
    ("architecture", "variant", "wanted", "remarks"),
    [
        ("arm64", "v8", "linux/arm64", 0),
        ("arm64", "", "linux/arm64/v8", 0),
        ("arm", "v7", "linux/arm", 0),
        ("arm", "v6", "linux/arm/v7", 1),
        ("amd64", "", "linux/arm64", 1),
    ],
)
def test_only_another_platform_is_remarked(
    architecture: str, variant: str, wanted: str, remarks: int
) -> None:
    config = SimpleNamespace(os="linux", architecture=architecture, variant=variant)
    image: Any = SimpleNamespace(config=lambda: config)
    said: list[str] = []
    warn_platform(image, platform.parse(wanted), said.append)
    assert len(said) == remarks
