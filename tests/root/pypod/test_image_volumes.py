"""Volumes of the image driver: a layer of their own, kept between containers, gone with the volume or its image."""

from __future__ import annotations

import json
import os

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE, NONET

pytestmark = pytest.mark.root


def test_what_is_written_stays_in_the_volume(pypod: Tool) -> None:
    assert pypod.out("volume", "create", "--driver", "image", "--opt", f"image={IMAGE}", "tools") == "tools"
    shown = json.loads(pypod.out("volume", "inspect", "tools"))[0]
    assert (shown["Driver"], shown["Options"]) == ("image", {"image": IMAGE})
    seen = "test -x /vol/bin/sh && echo new >/vol/new && ls /vol/new"
    assert pypod.out("run", "--rm", *NONET, "-v", "tools:/vol", IMAGE, "sh", "-c", seen) == "/vol/new"
    assert os.listdir(shown["Mountpoint"]) == []
    assert pypod.out("run", "--rm", *NONET, "-v", "tools:/vol", IMAGE, "cat", "/vol/new") == "new"
    assert pypod("run", "--rm", *NONET, IMAGE, "ls", "/new", status=1).stdout == ""
    assert pypod.out("ps", "-aq") == ""
    refused = pypod("rm", shown["StorageID"], status=125).stderr
    assert f'refusing to remove "{shown["StorageID"]}"' in refused
    pypod("volume", "rm", "tools")
    pypod("rm", shown["StorageID"], status=1)
    assert pypod.out("ps", "-aq", "--external") == ""


def test_it_is_mounted_while_it_is_used(pypod: Tool) -> None:
    pypod("volume", "create", "-d", "image", "-o", f"image={IMAGE}", "tools")
    path = pypod.out("volume", "mount", "tools")
    assert os.path.exists(f"{path}/bin")
    pypod("run", "--rm", *NONET, "-v", "tools:/vol", IMAGE, "true")
    assert os.path.exists(f"{path}/bin")
    pypod("volume", "unmount", "tools")
    assert os.listdir(path) == []


def test_it_goes_with_its_image_only_when_forced(pypod: Tool) -> None:
    pypod("volume", "create", "-d", "image", "-o", f"image={IMAGE}", "tools")
    pypod("rmi", IMAGE, status=2)
    pypod("rmi", "-f", IMAGE)
    assert pypod.out("volume", "ls", "-q") == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "must provide an image name when creating a volume with the image driver"),
        (("-o", "image=localhost/none"), "looking up image localhost/none to create volume failed"),
        (("-o", "image=x", "-o", "type=tmpfs"), "invalid mount option type for driver 'image'"),
    ],
)
def test_what_it_refuses(pypod: Tool, options: tuple[str, ...], message: str) -> None:
    assert message in pypod("volume", "create", "-d", "image", *options, "bad", status=125).stderr
    assert pypod.out("volume", "ls", "-q") == ""
    assert pypod.out("ps", "-aq", "--external") == ""
    assert "only the drivers local and image are known" in (
        pypod("volume", "create", "-d", "nfs", "bad", status=125).stderr
    )
