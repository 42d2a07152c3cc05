"""`kube apply` from the command line, against a cluster's API that a test plays."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cluster_api import cluster, kubeconfig
from support.programs import Tool
from support.pypod_life import IMAGE

pytestmark = pytest.mark.root


def test_containers_and_files_are_deployed(pypod: Tool, tmp_path: Path) -> None:
    pypod("create", "--name", "web", "-p", "8080:80", IMAGE, "sleep", "1000")
    pypod("volume", "create", "data")
    done = "Deploying to cluster...\nSuccessfully deployed workloads to cluster!"
    with cluster(tmp_path) as api:
        config = kubeconfig(tmp_path, api.address, {}, {"token": "t"})
        words = ("kube", "apply", "--ca-cert-file", f"{tmp_path}/ca.crt", "--ns", "project")
        assert pypod.out(*words, "--kubeconfig", config, "--service", "web", "data") == done
        pypod("kube", "generate", "-f", f"{tmp_path}/pod.yaml", "web")
        assert pypod.out("kube", "apply", "--ca-cert-file", "insecure", "--file", f"{tmp_path}/pod.yaml",
                         env={"KUBECONFIG": config}) == done  # fmt: skip
        api.refusal = (403, b'{"message": "not you"}')
        refused = pypod(*words, "-k", config, "web", status=125)
        assert "not you" in refused.stderr
    assert [seen[0].rpartition("/namespaces/")[2] for seen in api.seen] == [
        "project/persistentvolumeclaims", "project/pods", "project/services", "default/pods", "project/pods",
    ]  # fmt: skip
    assert api.seen[1][1]["spec"]["containers"][0]["name"] == "web"
    for words, word in (
        (("web",), "kubeconfig not given"),
        (("-k", config), "nothing to deploy"),
        (("-k", config, "-f", "x", "-s"), "cannot set --service and --file at the same time"),
        (("-k", config, "-f", "x", "web"), "names and --file cannot be used together"),
        (("-k", f"{tmp_path}/none", "web"), "reading kubeconfig"),
    ):
        assert word in pypod("kube", "apply", *words, env={"KUBECONFIG": ""}, status=125).stderr
