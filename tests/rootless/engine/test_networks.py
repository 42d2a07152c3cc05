"""Networks of an ordinary user: host ports follow a container from network to network."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.docker_registry import free_port
from support.programs import Tool
from support.pypod_life import IMAGE, NONET
from support.pypod_store import users_pypod_with_box
from support.users import OrdinaryUser, tun_for_everyone

pytestmark = pytest.mark.rootless


@pytest.fixture
def pypod(ordinary_user: OrdinaryUser, tmp_path: Path) -> Iterator[Tool]:
    """pypod whose runtime directory is reached by a link, with namespaces of its own in which /dev/net/tun can be opened."""
    real = ordinary_user.runtime_dir / f"networks-{os.getpid()}"
    link = ordinary_user.home / real.name
    real.mkdir(mode=0o700)
    os.chown(real, ordinary_user.uid, ordinary_user.gid)
    link.symlink_to(real)
    with users_pypod_with_box(ordinary_user, tmp_path) as tool:
        enter = tun_for_everyone(tmp_path) if os.geteuid() == 0 else []
        env = {**(tool.env or {}), "XDG_RUNTIME_DIR": str(link)}
        own = Tool([*enter, *tool.argv, "--network-config-dir", f"{real}/config"], env, tool.cwd)
        yield own
        own("rm", "-a", "-f", "-t", "0", status=None)
        own("system", "migrate", status=None)
    link.unlink()
    shutil.rmtree(real, ignore_errors=True)


def _ask(port: int) -> str:
    """What the server says; "" where nothing answers."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                if said := connection.recv(100).decode():
                    return said
        except ConnectionRefusedError:
            return ""
        except OSError:
            pass
        time.sleep(0.05)  # the proxy listens, the server in the container does not yet
    return ""


def test_ports_follow_the_networks(pypod: Tool) -> None:
    for name in ("one", "two"):
        pypod("network", "create", name)
    port = free_port()
    words = (
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        f"127.0.0.1:{port}:80",
        "--network",
        "one",
        "--hostname",
        "given",
    )
    pypod(*words, IMAGE, "sh", "-c", "exec nc -ll -p 80 -e echo hello")
    # Keeps the user's network namespace while the other one is on no network.
    pypod("run", "-d", "--name", "other", "--network", "one", IMAGE, "sleep", "1000")
    assert _ask(port) == "hello\n"
    aliases = '{{(index .NetworkSettings.Networks "one").Aliases}}'
    assert pypod.out("inspect", "--format", aliases, "web").endswith(" given]")
    pypod("network", "reload", "web")
    assert _ask(port) == "hello\n"
    pypod("network", "disconnect", "one", "web")
    assert _ask(port) == ""
    pypod("network", "connect", "one", "web")
    assert _ask(port) == "hello\n"
    pypod("network", "connect", "two", "web")
    assert _ask(port) == "hello\n"
    pypod("network", "disconnect", "one", "web")
    assert _ask(port) == "hello\n"
    pypod("rm", "-f", "-t", "0", "web", "other")
    assert _ask(port) == ""


def test_the_namespace_of_bridges(pypod: Tool, tmp_path: Path) -> None:
    """A pasta that fails is told, and leaves nothing that would be in the way of the next one."""
    helpers = tmp_path / "helpers"
    helpers.mkdir()
    tmp_path.chmod(0o755)
    (helpers / "pasta").symlink_to("/bin/false")
    failing = Tool(pypod.argv, {**(pypod.env or {}), "CONTAINERS_HELPER_BINARY_DIR": str(helpers)}, pypod.cwd)
    refused = failing("unshare", "--rootless-netns", "true", status=125).stderr
    assert "pasta failed with exit code 1" in refused
    for flag in ("--rootless-netns", "--rootless-cni"):
        names = pypod.out("unshare", flag, "cat", "/proc/net/dev")
        assert len(names.splitlines()) > 3
    assert pypod.out("run", "--rm", *NONET, IMAGE, "echo", "in") == "in"
