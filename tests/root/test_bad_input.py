"""Bad input as a user meets it: one line on stderr with the cause, podman's exit status, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.debian_image import write_layout
from support.docker_registry import docker_registry, free_port
from support.programs import PODMAN_RUN_FLAGS, Tool, ours, run
from support.rootfs import busybox_tar
from support.users import OrdinaryUser

pytestmark = pytest.mark.root


@pytest.fixture
def store(tmp_path: Path) -> tuple[str, ...]:
    return (
        "--root",
        str(tmp_path / "root"),
        "--runroot",
        str(tmp_path / "run"),
        "--storage-driver",
        "overlay",
    )


@pytest.fixture
def pypod(store: tuple[str, ...]) -> Tool:
    return ours("pypod", *store, "--runtime", "runc")


@pytest.fixture
def pybuildah(store: tuple[str, ...]) -> Tool:
    return ours("pybuildah", *store)


@pytest.fixture
def image(tmp_path: Path, pypod: Tool) -> str:
    """A small image in the store."""
    archive = tmp_path / "busybox.tar"
    archive.write_bytes(busybox_tar())
    (tmp_path / "Containerfile").write_text("FROM scratch\nADD busybox.tar /\n")
    pypod("build", "-q", "-t", "localhost/small", "-f", str(tmp_path / "Containerfile"), str(tmp_path))
    return "localhost/small"


def one_line(tool: Tool, *args: str, status: int, contains: str, **more: object) -> str:
    """Run, and check that stderr is one line that names the cause."""
    done = tool(*args, status=status, **more)  # type: ignore[arg-type]
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: "), lines[0]
    assert contains in lines[0], lines[0]
    assert "Traceback" not in done.stderr
    return lines[0]


def leftovers(root: Path) -> list[str]:
    """Layers, images, containers, staging directories and partial files below a graph root."""
    found = []
    for name in (
        "overlay-layers/layers.json",
        "overlay-images/images.json",
        "overlay-containers/containers.json",
    ):
        path = root / name
        if path.exists():
            found += [record["id"] for record in json.loads(path.read_text() or "[]") or []]
    for folder in ("overlay", "overlay/staging", "overlay/tempdirs", "overlay-layers/tmp"):
        path = root / folder
        if path.is_dir():
            found += [
                str(item)
                for item in path.iterdir()
                if item.is_dir() and item.name not in ("l", "staging", "tempdirs")
            ]
    return found


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[Path]:
    """The graph root of a test that must leave nothing in it."""
    root = tmp_path / "root"
    yield root
    assert leftovers(root) == []


def test_unknown_image(pypod: Tool, clean: Path) -> None:
    one_line(
        pypod, "run", "--pull=never", "localhost/nosuch", "true", status=125, contains="localhost/nosuch"
    )
    one_line(pypod, "inspect", "nosuch", status=125, contains='no such object: "nosuch"')
    one_line(pypod, "rmi", "nosuch", status=1, contains="nosuch: image not known")


def test_unknown_flag(pypod: Tool, clean: Path) -> None:
    done = pypod("run", "--no-such-flag", "x", status=125)
    assert done.stderr.splitlines()[0] == "Error: unknown flag: --no-such-flag"


@pytest.mark.parametrize("name", ["UPPER", "a//b", "a:b:c", "x@sha256:12", "docker://"])
def test_bad_reference(pypod: Tool, clean: Path, name: str) -> None:
    one_line(pypod, "pull", name, status=125, contains="invalid reference format")


def test_registry_down(pypod: Tool, clean: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    one_line(
        pypod,
        "pull",
        "-q",
        "--tls-verify=false",
        "--retry=0",
        f"{address}/x:1",
        status=125,
        contains="connection refused",
    )


def test_wrong_credentials(pypod: Tool, tmp_path: Path, clean: Path) -> None:
    users = tmp_path / "htpasswd"
    users.write_text(run(["htpasswd", "-Bbn", "me", "secret"]).stdout)
    with docker_registry(tmp_path / "registry", htpasswd=users) as address:
        line = one_line(
            pypod,
            "pull",
            "-q",
            "--tls-verify=false",
            "--creds",
            "me:wrong-password",
            f"{address}/x:1",
            status=125,
            contains="unauthorized",
        )
        assert "wrong-password" not in line


def push_small(tmp_path: Path, address: str) -> Path:
    """Put an image into the registry by other means; returns the registry's folder of blobs."""
    write_layout(tmp_path / "layout", [busybox_tar()])
    run(
        [
            "skopeo",
            "--insecure-policy",
            "copy",
            "-q",
            "--dest-tls-verify=false",
            f"oci:{tmp_path}/layout:1",
            f"docker://{address}/x:1",
        ]
    )
    return tmp_path / "registry" / "data" / "docker" / "registry" / "v2" / "blobs" / "sha256"


def damage(blobs: Path, choose: Callable[[Path], bool], change: Callable[[bytes], bytes]) -> None:
    hit = [path for path in blobs.glob("*/*/data") if choose(path)]
    assert hit
    for path in hit:
        path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data + b"more",
    ],
    ids=["short", "flipped", "long"],
)
def test_damaged_blob(pypod: Tool, tmp_path: Path, clean: Path, change: Callable[[bytes], bytes]) -> None:
    with docker_registry(tmp_path / "registry") as address:
        blobs = push_small(tmp_path, address)
        damage(blobs, lambda path: path.stat().st_size > 100_000, change)
        one_line(
            pypod,
            "pull",
            "-q",
            "--tls-verify=false",
            "--retry=0",
            f"{address}/x:1",
            status=125,
            contains="sha256:",
        )


def test_corrupted_manifest(pypod: Tool, tmp_path: Path, clean: Path) -> None:
    with docker_registry(tmp_path / "registry") as address:
        blobs = push_small(tmp_path, address)
        damage(blobs, lambda path: b'"layers"' in path.read_bytes()[:4000], lambda data: data[:-20])
        one_line(
            pypod,
            "pull",
            "-q",
            "--tls-verify=false",
            "--retry=0",
            f"{address}/x:1",
            status=125,
            contains="manifest",
        )


def test_full_disk(tmp_path: Path) -> None:
    root = tmp_path / "small-disk"
    root.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(root)])
    pypod = ours(
        "pypod",
        "--root",
        str(root / "store"),
        "--runroot",
        str(tmp_path / "run"),
        "--storage-driver",
        "overlay",
    )
    try:
        with docker_registry(tmp_path / "registry") as address:
            push_small(tmp_path, address)
            one_line(
                pypod,
                "pull",
                "-q",
                "--tls-verify=false",
                f"{address}/x:1",
                status=125,
                contains="no space left on device",
            )
        assert leftovers(root / "store") == []
        assert pypod.out("images", "-q") == ""
    finally:
        run(["umount", "-l", str(root)])


def test_missing_runtime(pypod: Tool, store: tuple[str, ...], image: str) -> None:
    one_line(
        ours("pypod", *store, "--runtime", "nosuchruntime"),
        "run",
        "--rm",
        image,
        "true",
        status=125,
        contains="nosuchruntime",
    )
    assert pypod.out("ps", "-a", "-q") == ""


def test_missing_program_in_the_image(pypod: Tool, image: str) -> None:
    one_line(
        pypod,
        "run",
        "--rm",
        "--network",
        "none",
        *PODMAN_RUN_FLAGS,
        image,
        "/no/such",
        status=127,
        contains="no such file or directory",
    )
    one_line(
        pypod, "run", "--rm", "--network", "none", *PODMAN_RUN_FLAGS, image, "/etc", status=126, contains=""
    )
    assert pypod.out("ps", "-a", "-q") == ""


def test_name_in_use(pypod: Tool, image: str) -> None:
    first = pypod.out("create", "--name", "taken", image, "true")
    one_line(
        pypod,
        "create",
        "--name",
        "taken",
        image,
        "true",
        status=125,
        contains=f'the container name "taken" is already in use by {first}',
    )
    assert len(pypod.out("ps", "-a", "-q").split()) == 1


@pytest.mark.parametrize(
    ("text", "contains"),
    [
        ("FROM scratch\nFRMO x\n", "FRMO"),
        ("RUN x\n", "FROM"),
        ("FROM scratch\nCOPY only-one\n", "COPY"),
        ("FROM scratch\nHEALTHCHECK --interval=x CMD a\n", "interval"),
        ("FROM scratch\nCOPY nosuch /\n", "nosuch"),
        ("", "no contents in"),
    ],
)
def test_containerfile_errors(pybuildah: Tool, tmp_path: Path, clean: Path, text: str, contains: str) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Containerfile").write_text(text)
    done = pybuildah("build", "-q", str(context), status=None)
    assert done.returncode not in (0, 1)
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("Error: "), done.stderr
    assert contains.lower() in lines[-1].lower()
    assert "Traceback" not in done.stderr


def test_missing_newuidmap(tmp_path: Path, ordinary_user: OrdinaryUser) -> None:
    # /usr/bin without it, in a mount namespace of the test's own; a new runtime directory, so that no namespace is there to join.
    runtime = ordinary_user.command("mktemp", "-d", "/var/tmp/pypod-runtime.XXXXXX").out()
    tool = ordinary_user.tool("pypod", "--root", f"{runtime}/root", "--runroot", f"{runtime}/run")
    for folder in ("upper", "work"):
        (tmp_path / folder).mkdir()
    hide = (
        f"mount -t overlay overlay -o lowerdir=/usr/bin,upperdir={tmp_path}/upper,workdir={tmp_path}/work /usr/bin"
        ' && rm /usr/bin/newuidmap && exec "$@"'
    )
    hidden = Tool(["unshare", "-m", "sh", "-ec", hide, "sh", *tool.argv], tool.env, tool.cwd)
    try:
        one_line(hidden, "images", status=125, contains="newuidmap", env={"XDG_RUNTIME_DIR": runtime})
    finally:
        subprocess.run(["rm", "-rf", runtime], check=False)


@pytest.mark.parametrize(
    ("table", "contains"),
    [
        ('overlay]\nsize = "10G"', "size=10G: quotas are not supported"),
        ('overlay]\ninodes = "10"', "inodes=10: quotas are not supported"),
        ('overlay]\nuse_composefs = "1"', "composefs is not supported"),
        ('pull_options]\nuse_hard_links = "true"', "use_hard_links is not supported"),
    ],
)
def test_settings_of_the_store_that_we_do_not_have(tmp_path: Path, table: str, contains: str) -> None:
    conf = tmp_path / "storage.conf"
    conf.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{tmp_path}/g"\nrunroot = "{tmp_path}/r"\n[storage.options.{table}\n'
    )
    environ = {"CONTAINERS_STORAGE_CONF": str(conf)}
    for program in ("pypod", "pybuildah"):
        one_line(ours(program), "images", status=125, contains=contains, env=environ)
