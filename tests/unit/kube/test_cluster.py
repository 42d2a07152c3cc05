"""Objects created through a cluster's API: a small HTTPS server says what arrived and who sent it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from ocicore.errors import Error, InvalidInput, Unsupported
from ocicore.kube.cluster import Cluster
from support.cluster_api import cluster, kubeconfig

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}


def test_certificates_from_files_and_from_data(tmp_path: Path) -> None:
    with cluster(tmp_path, certificates=True) as api:
        files = {"client-certificate": "client.crt", "client-key": f"{tmp_path}/client.key"}
        path = kubeconfig(tmp_path, f"{api.address}/k8s/", {"certificate-authority": "ca.crt"}, files)
        Cluster(path).create(POD, "default")
        data = {
            f"{key}-data": base64.b64encode((tmp_path / name).read_bytes()).decode()
            for key, name in (("client-certificate", "client.crt"), ("client-key", "client.key"))
        }
        authority = base64.b64encode((tmp_path / "ca.crt").read_bytes()).decode()
        path = kubeconfig(tmp_path, api.address, {"certificate-authority-data": authority}, data)
        Cluster(path).create({"kind": "Deployment"}, "a b")
    assert [(seen[0], seen[1], seen[3]) for seen in api.seen] == [
        ("/k8s/api/v1/namespaces/default/pods", POD, "me"),
        ("/apis/apps/v1/namespaces/a%20b/deployments", {"kind": "Deployment"}, "me"),
    ]
    assert not list(Path("/tmp").glob("pypod-kube-*"))


def test_tokens_passwords_and_no_verification(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    with cluster(tmp_path) as api:
        users = ({"token": "secret"}, {"tokenFile": "token"}, {"username": "me", "password": "x"}, {})
        for user in users:
            path = kubeconfig(tmp_path, api.address, {}, user)
            Cluster(path, authority=str(tmp_path / "ca.crt")).create(POD, "n")
            Cluster(path, authority="insecure").create(POD, "n")
        path = kubeconfig(tmp_path, api.address, {"insecure-skip-tls-verify": True}, {})
        Cluster(path).create(POD, "n")
        with pytest.raises(Error, match="certificate verify failed"):
            Cluster(kubeconfig(tmp_path, api.address, {}, {})).create(POD, "n")
    given = [seen[2].get("Authorization") for seen in api.seen]
    basic = "Basic " + base64.b64encode(b"me:x").decode()
    assert given == ["Bearer secret"] * 4 + [basic] * 2 + [None] * 3


def test_what_the_server_refuses(tmp_path: Path) -> None:
    with cluster(tmp_path, tls=False) as api:
        target = Cluster(kubeconfig(tmp_path, api.address, {}, {}))
        api.refusal = (409, json.dumps({"kind": "Status", "message": 'pods "p" already exists'}).encode())
        with pytest.raises(Error, match=r'creating Pod at 127.0.0.1:\d+: pods "p" already exists'):
            target.create(POD, "n")
        api.refusal = (500, b"")
        with pytest.raises(Error, match="HTTP status 500"):
            target.create(POD, "n")
        with pytest.raises(InvalidInput, match='unsupported Kubernetes kind found: "Node"'):
            target.create({"kind": "Node"}, "n")
    with pytest.raises(Error, match="connection refused"):
        target.create(POD, "n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "not YAML"),
        ("[]", "not an object"),
        ("clusters: 5", "clusters is no list of objects"),
        ("clusters: [{name: c, cluster: 5}]", "a cluster is no object"),
        ("{}", "no server URL"),
        ("current-context: x", 'there is no context "x"'),
        ("clusters: [{cluster: {server: 'https://h', certificate-authority-data: '*'}}]", "is not base64"),
        ("clusters: [{cluster: {server: 'https://h', certificate-authority: none}}]", "no such file"),
        ("clusters: [{cluster: {server: 'https://h', certificate-authority-data: eA==}}]", "is not PEM"),
        ("clusters: [{cluster: {server: 'https://h:x'}}]", "no server URL"),
    ],
)
def test_wrong_kubeconfigs(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "k").write_text(content)
    with pytest.raises(InvalidInput, match=message):
        Cluster(str(tmp_path / "k")).create(POD, "n")


def test_no_kubeconfig_and_programs_for_credentials(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        Cluster(str(tmp_path / "none"))
    with pytest.raises(Unsupported, match="credentials by exec"):
        Cluster(kubeconfig(tmp_path, "http://h", {}, {"exec": {"command": "x"}}))
