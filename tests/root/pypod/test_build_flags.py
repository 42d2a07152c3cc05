"""Flags of `build`, each by what it does to the image or says while it is made."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE
from support.pypod_store import pypod_with_box

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def pypod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """One store for all of them, with an image `base` that has a label and an annotation to inherit."""
    folder = tmp_path_factory.mktemp("store")
    with pypod_with_box(folder) as tool:
        (folder / "Containerfile").write_text(f"FROM {IMAGE}\nLABEL old=1\n")
        words = ("--annotation", "note=1", "--tag", "base", "-f", f"{folder}/Containerfile", str(folder))
        tool("build", *words)
        yield tool


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    for name in ("f", "g"):
        (folder / name).write_text(name)
    (folder / "Containerfile.in").write_text(
        '#ifdef X\nFROM base\nLABEL cpp=yes\n#else\n#error "no X"\n#endif\n'
    )
    (tmp_path / "args").write_text("# a comment\nA=from a file\n")
    (tmp_path / "ignore").write_text("g\n")
    return folder


_LABELS = "{{json .Config.Labels}}"
#: flags, Containerfile, a template, and what it gives; {folder} is the folder of the context.
IMAGES = {
    "build-arg-file": (
        ("--build-arg-file", "{folder}/args"),
        'FROM scratch\nARG A\nLABEL a="$A"\nCOPY f /\n',
        "{{.Config.Labels.a}}",
        "from a file",
    ),
    "cpp-flag": (
        ("--cpp-flag", "-DX", "-f", "{folder}/context/Containerfile.in"),
        "",
        "{{.Config.Labels.cpp}}",
        "yes",
    ),
    "created-annotation": (
        ("--created-annotation", "--timestamp", "100"),
        "FROM scratch\nCOPY f /\n",
        '{{index .Annotations "org.opencontainers.image.created"}}',
        "1970-01-01T00:01:40Z",
    ),
    "identity-label": (("--identity-label=false",), "FROM scratch\nLABEL a=1\n", _LABELS, '{"a":"1"}'),
    "inherit-labels": (
        ("--inherit-labels=false", "--identity-label=false"),
        "FROM base\nLABEL a=1\n",
        _LABELS,
        '{"a":"1"}',
    ),
    "unsetlabel": (
        ("--unsetlabel", "old", "--unsetlabel", "io.buildah.version", "--identity-label=false"),
        "FROM base\nLABEL a=1\n",
        _LABELS,
        '{"a":"1"}',
    ),
    "inherit-annotations": (
        ("--inherit-annotations=false",),
        "FROM base\nLABEL a=1\n",
        '{{index .Annotations "note"}}.',
        ".",
    ),
    "unsetannotation": (
        ("--unsetannotation", "note"),
        "FROM base\nLABEL a=1\n",
        '{{index .Annotations "note"}}.',
        ".",
    ),
    "annotations are inherited": ((), "FROM base\nLABEL a=1\n", '{{index .Annotations "note"}}.', "1."),
    "omit-history": (("--omit-history",), "FROM base\nCOPY f /\n", "{{len .History}}", "0"),
    "source-date-epoch": (
        ("--source-date-epoch", "200"),
        "FROM scratch\nCOPY f /\n",
        "{{.Created}}",
        "1970-01-01 00:03:20 +0000 UTC",
    ),
    # Docker's: the image is in the store anyway.
    "load": (("--load",), "FROM scratch\nCOPY f /\n", "{{len .RootFS.Layers}}", "1"),
    # podman's own no-ops: policy.json decides what is trusted, and podman's networks are not CNI's.
    "disable-content-trust": (
        ("--disable-content-trust", "--cni-config-dir", "/nonexistent", "--cni-plugin-path", "/nonexistent"),
        f"FROM {IMAGE}\nRUN true\n",
        "{{len .RootFS.Layers}}",
        "2",
    ),
}


@pytest.mark.parametrize("case", IMAGES)
def test_the_image(pypod: Tool, context: Path, case: str) -> None:
    flags, text, template, expected = IMAGES[case]
    (context / "Containerfile").write_text(text)
    words = [word.replace("{folder}", str(context.parent)) for word in flags]
    pypod("build", "--no-cache", "--tag", "made", *words, str(context))
    assert pypod.out("image", "inspect", "--format", template, "made") == expected


def test_the_last_annotations_count(pypod: Tool, context: Path) -> None:
    """The configuration, and so the image, is the same; its manifest is not."""
    (context / "Containerfile").write_text("FROM base\nCOPY f /\n")
    for value in ("1", "2"):
        made = pypod.out(
            "build", "-q", "--no-cache", "--annotation", f"v={value}", "--tag", "made", str(context)
        )
        assert pypod.out("image", "inspect", "--format", "{{.Annotations.v}}", made) == value


def test_the_age_of_cached_steps(pypod: Tool, context: Path) -> None:
    (context / "Containerfile").write_text("FROM base\nLABEL cache=ttl\n")
    pypod("build", str(context))
    assert "Using cache" in pypod.out("build", "--cache-ttl", "1h", str(context))
    assert "Using cache" not in pypod.out("build", "--cache-ttl", "0s", str(context))


def test_an_ignore_file_elsewhere(pypod: Tool, context: Path, tmp_path: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch\nCOPY . /\n")
    words = ("--ignorefile", str(tmp_path / "ignore"), "--output", str(tmp_path / "out"))
    pypod("build", *words, str(context))
    assert (tmp_path / "out/f").exists()
    assert not (tmp_path / "out/g").exists()


def test_times_of_files(pypod: Tool, context: Path, tmp_path: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch\nCOPY f /\n")
    young = time.time() - 3600
    os.utime(context / "f", (young, young))
    words = ("--no-cache", "--source-date-epoch", "200", "--rewrite-timestamp", "--output")
    pypod("build", *words, str(tmp_path / "out"), str(context))
    assert (tmp_path / "out/f").stat().st_mtime == 200


def test_ids_in_files(pypod: Tool, context: Path, tmp_path: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch\nCOPY f /\n")
    words = ("--iidfile", str(tmp_path / "id"), "--iidfile-raw", str(tmp_path / "raw"))
    pypod("build", *words, str(context))
    assert (tmp_path / "id").read_text() == "sha256:" + (tmp_path / "raw").read_text()
    assert len((tmp_path / "raw").read_text()) == 64


def test_labels_of_steps_are_not_the_images(pypod: Tool, context: Path) -> None:
    (context / "Containerfile").write_text("FROM base\nLABEL step=1\nLABEL step=2\n")
    pypod("build", "--layer-label", "between=yes", "--tag", "made", str(context))
    # --layer-label is for the images between, which have no name.
    made = pypod.out("image", "inspect", "--format", "{{.Id}}", "made")
    rows = pypod.out("images", "-a", "--no-trunc", "--filter", "label=between=yes", "--format", "{{.ID}}")
    assert rows
    assert f"sha256:{made}" not in rows.split()


def test_stages_nobody_needs(pypod: Tool, context: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch AS unused\nCOPY missing /\nFROM scratch\nCOPY f /\n")
    pypod("build", str(context))
    assert "missing" in pypod("build", "--skip-unused-stages=false", str(context), status=125).stderr


def test_standard_input_of_a_step(pypod: Tool, context: Path) -> None:
    (context / "Containerfile").write_text("FROM base\nRUN cat\n")
    words = ("build", "--no-cache", "--network", "none")
    assert "typed text" in pypod(*words, "--stdin", str(context), stdin="typed text\n").stdout
    assert "typed text" not in pypod(*words, str(context), stdin="typed text\n").stdout


def test_a_log_for_each_platform(pypod: Tool, context: Path, tmp_path: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch\nCOPY f /\n")
    words = ("--logfile", str(tmp_path / "log"), "--logsplit", "--platform", "linux/amd64,linux/arm64")
    pypod("build", *words, "--manifest", "list", str(context))
    for architecture in ("amd64", "arm64"):
        assert "COPY f /" in (tmp_path / f"log_linux_{architecture}").read_text()


def test_a_scan_into_the_image(pypod: Tool, context: Path, tmp_path: Path) -> None:
    (context / "Containerfile").write_text("FROM base\nCOPY f /\n")
    document = '{"components":[{"name":"n","version":"1","purl":"pkg:x/n@1"}]}'
    scan = (
        "--sbom-scanner-image",
        "base",
        "--sbom-scanner-command",
        f"ls {{ROOTFS}}/f && echo '{document}' > {{OUTPUT}}",
    )
    merge = ("--sbom-merge-strategy", "merge-cyclonedx-by-component-name-and-version")
    pypod("build", *scan, *merge, "--sbom-image-purl-output", "/purls", "--tag", "made", str(context))
    found = json.loads(pypod.out("run", "--rm", "--network", "none", "made", "cat", "/purls"))
    assert found == {"image_contents": {"dependencies": ["pkg:x/n@1"]}}
    out = ("--sbom-output", f"{tmp_path}/sbom", "--pull=never")
    assert "anchore/syft" in pypod("build", "--sbom", "syft", *out, str(context), status=125).stderr
    assert "nothing" in pypod("build", "--sbom", "nothing", *out, str(context), status=125).stderr


def test_ids_of_a_user_by_name(pypod: Tool, context: Path) -> None:
    (context / "Containerfile").write_text("FROM base\nRUN true\n")
    for flag in ("--userns-uid-map-user", "--userns-gid-map-group"):
        refused = pypod("build", flag, "nobody-has-this", str(context), status=125).stderr
        assert "nobody-has-this" in refused
        assert refused.count("\n") == 1


def test_networks_of_another_folder(pypod: Tool, context: Path, tmp_path: Path) -> None:
    own = pypod.with_options("--network-config-dir", str(tmp_path / "networks"))
    name = f"build-{os.getpid()}"
    own("network", "create", "--subnet", "10.79.0.0/24", name)
    (context / "Containerfile").write_text("FROM base\nRUN ip -o -4 addr\n")
    assert "10.79.0." in own.out("build", "--no-cache", "--network", name, str(context))
    own("network", "rm", name)
