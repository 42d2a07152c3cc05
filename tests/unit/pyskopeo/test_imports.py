"""`pyskopeo inspect`, `list-tags` and a `sync` with nothing to do take milliseconds: what they may not import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images import make_image, publish
from support.programs import REPOSITORY
from support.registry_server import RegistryServer, registry_server

#: Each costs milliseconds, most of them half of what skopeo takes in all.
HEAVY = frozenset(
    "collections ssl socket http http.client email urllib urllib.parse json re enum hashlib _hashlib base64 threading functools "
    "tomllib dataclasses typing inspect importlib requests urllib3 cryptography yaml typer rich tempfile shutil "
    "subprocess concurrent logging random ipaddress encodings.idna".split()
)


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


#: What registries.conf and its drop-ins hold on ordinary machines; HOST is the test's registry.
CONFIGURATIONS = {
    "comments": '# unqualified-search-registries = ["example.com"]\n',
    "search": 'unqualified-search-registries = [\n  "docker.io", # first\n  "quay.io",\n]\nshort-name-mode="enforcing"\n',
    "aliases": '[aliases]\n  # Debian\n  "alpine" = "docker.io/library/alpine"\n  "suse/sle15" = "registry.suse.com/suse/sle15"\n',
    "insecure": '[[registry]]\nlocation = "HOST"\ninsecure = true\n\n[[registry]]\nprefix = "*.example.com"\nblocked = true\n',
    "mirrors": '[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "m.example.com"\n'
    '[[registry.mirror]]\nlocation = "HOST/cache"\ninsecure = true\npull-from-mirror = "digest-only"\n',
    "inline mirrors": '[[registry]]\nlocation = "quay.io"\nmirror = [{location = "HOST/q", insecure = true}, {location = "m.example.com"}]\n',
    "version 1": "[registries.search]\nregistries = ['docker.io']\n[registries.insecure]\nregistries = ['HOST']\n"
    "[registries.block]\nregistries = []\n",
}


def run(tmp_path: Path, words: list[str], configuration: str = "", dropin: str = "") -> set[str]:
    """The modules `pyskopeo WORDS` imports where these files are all there is in the way of configuration."""
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]; del sys.argv[1:3]; before = set(sys.modules); "
        "import os; os._exit = lambda status: None; from pyskopeo.main import main; main(); "
        "print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    folders = [str(REPOSITORY / "tools"), str(REPOSITORY / "shared")]
    file, directory = tmp_path / "registries.conf", tmp_path / "registries.conf.d"
    directory.mkdir()
    file.write_text(configuration)
    (directory / "50-site.conf").write_text(dropin)
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "CONTAINERS_REGISTRIES_CONF": str(file),
        "CONTAINERS_REGISTRIES_CONF_DIR": str(directory),
        "CONTAINERS_SHORT_NAME_ALIASES_CONF": str(tmp_path / "aliases.conf"),
    }
    done = subprocess.run(
        [sys.executable, "-IS", "-c", program, *folders, *words],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    said = {"inspect": '"Digest"', "list-tags": '"Tags"', "sync": '"Counts"'}[
        next(word for word in words if not word.startswith("-"))
    ]
    assert said in done.stdout, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(("command", "name"), [("inspect", "a:v1"), ("list-tags", "a")])
def test_what_plain_http_needs(server: RegistryServer, tmp_path: Path, command: str, name: str) -> None:
    publish(server, "a", "v1", make_image())
    loaded = run(tmp_path, [command, "--tls-verify=false", f"docker://{server.address}/{name}"])
    assert "ocicore.registry.wire" in loaded
    assert not loaded & HEAVY


def test_what_a_sync_of_unchanged_images_needs(server: RegistryServer, tmp_path: Path) -> None:
    for number in range(3):
        publish(server, "a", f"v{number}", make_image(seed=number))
        publish(server, "m/a", f"v{number}", make_image(seed=number))
    words = ["--insecure-policy", "sync", "--src-tls-verify=false", "--dest-tls-verify=false", "--src=docker"]
    words += ["--dest=docker", "--report=json", f"{server.address}/a", f"{server.address}/m"]
    loaded = run(tmp_path, words)
    assert "ocicore.registry.heads" in loaded
    assert not loaded & HEAVY
    assert not loaded & {"ocicore.image.copy", "ocicore.image.sync_image", "ocicore.image.sync_yaml"}


@pytest.mark.parametrize("form", CONFIGURATIONS)
@pytest.mark.parametrize("place", ["file", "drop-in"])
def test_what_a_machines_configuration_needs(
    server: RegistryServer, tmp_path: Path, form: str, place: str
) -> None:
    publish(server, "a", "v1", make_image())
    text = CONFIGURATIONS[form].replace("HOST", server.address)
    words = ["inspect", "--tls-verify=false", f"docker://{server.address}/a:v1"]
    loaded = run(tmp_path, words, **{"configuration" if place == "file" else "dropin": text})
    assert "ocicore.config.toml" in loaded
    assert not loaded & HEAVY
