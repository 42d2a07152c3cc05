"""`pypod build` where it needs registries: caches of steps, and the platforms of base images."""

from __future__ import annotations

from pathlib import Path

from support.docker_registry import docker_registry
from support.programs import Tool
from support.pypod_store import IMAGE


def test_caches_and_platforms_at_a_registry(pypod: Tool, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Containerfile").write_text(f"FROM {IMAGE}\nCOPY Containerfile /\nENV A=1\n")
    with docker_registry(tmp_path / "registry") as host:
        cache = f"{host}/cache"
        first = pypod.out("build", "--tls-verify=false", "--cache-to", cache, "-t", "made", str(context))
        assert first.count(f"--> Pushing cache [{cache}]:") == 2
        pypod("rmi", "-f", "made")
        pypod("image", "prune", "-f")
        second = pypod.out("build", "--tls-verify=false", "--cache-from", cache, "-t", "made", str(context))
        assert second.count(f"--> Cache pulled from remote {cache}:") == 2
        assert second.split()[-1] == first.split()[-1]
        pypod("push", "-q", "--tls-verify=false", IMAGE, f"{host}/single")
        (context / "Containerfile").write_text(f"FROM {host}/single\n")
        refused = pypod("build", "--tls-verify=false", "--all-platforms", str(context), status=125).stderr
        assert "didn't resolve to a manifest list" in refused
        assert refused.count("\n") == 1
