"""Images of another platform, or another variant of it, than was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.docker_registry import docker_registry
from support.programs import Tool

pytestmark = pytest.mark.root

INSECURE = "--tls-verify=false"


@pytest.fixture
def variants(own: Tool, context: Path) -> str:
    """The name of an image for arm/v6."""
    (context / "Containerfile").write_text("FROM scratch\nCOPY a /a\n")
    own("build", "-q", "--platform=linux/arm/v6", "-t", "localhost/six", str(context))
    return "localhost/six"


@pytest.mark.parametrize("asked", [("--arch=arm", "--variant=v7"), ("--platform=linux/arm/v7",)])
@pytest.mark.parametrize("verb", ["from", "pull", "build"])
def test_another_variant_does_not_do(
    own: Tool, variants: str, context: Path, verb: str, asked: tuple[str, ...]
) -> None:
    (context / "Containerfile").write_text(f"FROM {variants}\n")
    what = str(context) if verb == "build" else variants
    never = "--policy=never" if verb == "pull" else "--pull=never"
    refused = own(verb, never, *asked, what, status=125).stderr
    assert f"{variants}: image not known" in refused
    assert "for linux/arm/v6, not for linux/arm/v7" in refused
    # Otherwise it is looked for at the registry, where it is not either.
    asked_registry = own(verb, INSECURE, *asked, what, status=125).stderr
    assert "localhost" in asked_registry
    assert "image not known" not in asked_registry
    assert own.out("containers", "-q") == ""


def test_its_own_variant_and_its_id_do(own: Tool, variants: str) -> None:
    identity = own.out("images", "-q", "--no-trunc", variants).partition(":")[2]
    container = own.out("from", "--pull=never", "--arch=arm", "--variant=v6", variants)
    assert own.out("inspect", "--format", "{{.OCIv1.Variant}}", container) == "v6"
    named = own("from", "--pull=never", "--arch=arm", "--variant=v7", identity)
    assert "image platform (linux/arm/v6) does not match the expected platform (linux/arm/v7)" in named.stderr


def test_a_foreign_image_does_for_this_machine(own: Tool, variants: str) -> None:
    host = own.out("info", "--format", "{{.host.arch}}")
    used = own("from", "--pull=never", f"--arch={host}", variants)
    assert "does not match the expected platform" in used.stderr
    assert used.stdout.strip() == "six-working-container"


def test_the_registry_s_variant_takes_the_name(own: Tool, variants: str, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry") as host:
        name = f"{host}/image:1"
        own("build", "-q", "--platform=linux/arm/v7", "-t", name, str(tmp_path / "context"))
        own("push", INSECURE, name)
        own("rmi", name)
        own("tag", variants, name)
        container = own.out("from", INSECURE, "--platform=linux/arm/v7", name)
    assert own.out("inspect", "--format", "{{.OCIv1.Variant}}", container) == "v7"
