"""kube apply: objects created through a cluster's API, as a kubeconfig says where and who.

Follows the kubeconfig of client-go (v1 Config) as far as certificates, tokens and passwords go; programs that fetch
credentials (exec, auth-provider) are refused.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import os
import ssl
import tempfile
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

from ocicore.errors import Error, InvalidInput, Unsupported
from ocicore.kube.documents import Json

#: API group and version, and the name in the URL, of the kinds that `kube generate` and `kube play` know.
_PLACES = {
    "Pod": ("api/v1", "pods"),
    "Service": ("api/v1", "services"),
    "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims"),
    "Secret": ("api/v1", "secrets"),
    "ConfigMap": ("api/v1", "configmaps"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "DaemonSet": ("apis/apps/v1", "daemonsets"),
    "Job": ("apis/batch/v1", "jobs"),
}
_TIMEOUT = 30
_MAX_ANSWER = 1 << 20


class Cluster:
    """One server, and how to talk to it.

    Args:
        path: of the kubeconfig; its current context counts, without one its first cluster and user.
        authority: file with the server's authority in place of the kubeconfig's; "insecure": no verification at all.

    Raises:
        InvalidInput: the file is no kubeconfig, or what it names cannot be read.
        Unsupported: it wants a program run for credentials.
    """

    def __init__(self, path: str, *, authority: str = "") -> None:
        self._path = path
        config = self._load()
        context = self._entry(config, "contexts", str(config.get("current-context") or ""), "context")
        cluster = self._entry(config, "clusters", str(context.get("cluster") or ""), "cluster")
        user = self._entry(config, "users", str(context.get("user") or ""), "user")
        try:
            server = urlsplit(str(cluster.get("server") or ""))
            usable = server.scheme in ("http", "https") and server.hostname and server.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise InvalidInput(f"reading kubeconfig {path}: the cluster has no server URL")
        self._server = server
        self._tls = self._context(cluster, user, authority) if server.scheme == "https" else None
        self._headers = {"Content-Type": "application/json", **self._authorization(user)}

    def create(self, document: Json, namespace: str) -> None:
        """Create one object.

        Raises:
            InvalidInput: a kind that is not known. Error: the server cannot be reached, or its answer.
        """
        kind = str(document["kind"])
        if kind not in _PLACES:
            raise InvalidInput(f'unsupported Kubernetes kind found: "{kind}"')
        group, plural = _PLACES[kind]
        target = f"{self._server.path.rstrip('/')}/{group}/namespaces/{quote(namespace, safe='')}/{plural}"
        host, port = self._server.hostname or "", self._server.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=self._tls)
            if self._tls is not None
            else http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        )
        try:
            connection.request("POST", target, json.dumps(document).encode(), self._headers)
            answer = connection.getresponse()
            text = answer.read(_MAX_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Error(f"creating {kind} at {self._server.netloc}: {reason.lower()}") from error
        finally:
            connection.close()
        if answer.status not in (200, 201, 202):
            raise Error(
                f"creating {kind} at {self._server.netloc}: {_message(text) or f'HTTP status {answer.status}'}"
            )

    # -- the kubeconfig --------------------------------------------------------------------

    def _load(self) -> Json:
        try:
            with open(self._path, "rb") as file:
                config = yaml.safe_load(file)
        except OSError as error:
            raise InvalidInput(
                f"reading kubeconfig {self._path}: {(error.strerror or '').lower()}"
            ) from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise InvalidInput(f"reading kubeconfig {self._path}: not YAML") from error
        if not isinstance(config, dict):
            raise InvalidInput(f"reading kubeconfig {self._path}: not an object")
        return config

    def _entry(self, config: Json, table: str, name: str, key: str) -> Json:
        """The entry of a table that has this name; without a name its first, or nothing."""
        entries = config.get(table) or []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise InvalidInput(f"reading kubeconfig {self._path}: {table} is no list of objects")
        for entry in entries:
            if not name or entry.get("name") == name:
                value = entry.get(key) or {}
                if not isinstance(value, dict):
                    raise InvalidInput(f"reading kubeconfig {self._path}: a {key} is no object")
                return value
        if name:
            raise InvalidInput(f'reading kubeconfig {self._path}: there is no {key} "{name}"')
        return {}

    def _bytes(self, entry: Json, key: str) -> bytes:
        """What KEY-data holds, or the file that KEY names (from the kubeconfig's folder on); b"" for neither."""
        encoded = entry.get(f"{key}-data")
        if encoded:
            try:
                return base64.b64decode(str(encoded), validate=True)
            except (binascii.Error, ValueError) as error:
                raise InvalidInput(f"reading kubeconfig {self._path}: {key}-data is not base64") from error
        if not entry.get(key):
            return b""
        path = os.path.join(os.path.dirname(os.path.abspath(self._path)), str(entry[key]))
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            raise InvalidInput(f"reading {key} {path}: {(error.strerror or '').lower()}") from error

    def _context(self, cluster: Json, user: Json, authority: str) -> ssl.SSLContext:
        insecure = authority.lower() == "insecure" or cluster.get("insecure-skip-tls-verify") is True
        given = (
            {}
            if insecure
            else {"certificate-authority": os.path.abspath(authority)}
            if authority
            else cluster
        )
        context = ssl.create_default_context()
        if insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        try:
            text = self._bytes(given, "certificate-authority")
            if text:
                context = ssl.create_default_context(cadata=text.decode("ascii"))
            # Python 3.13 asks for extensions that private authorities do not have.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            certificate, key = self._bytes(user, "client-certificate"), self._bytes(user, "client-key")
            if certificate and key:
                _load_pair(context, certificate, key)
        except (ssl.SSLError, ValueError) as error:
            raise InvalidInput(f"reading kubeconfig {self._path}: a certificate or key is not PEM") from error
        return context

    def _authorization(self, user: Json) -> dict[str, str]:
        for key in ("exec", "auth-provider"):
            if user.get(key):
                raise Unsupported(
                    f"reading kubeconfig {self._path}: credentials by {key} are not supported",
                    hint="use a client certificate or a token",
                )
        token = str(user.get("token") or "")
        if not token and user.get("tokenFile"):
            token = (
                self._bytes({"tokenFile": user["tokenFile"]}, "tokenFile").decode("ascii", "replace").strip()
            )
        if token:
            return {"Authorization": f"Bearer {token}"}
        if user.get("username"):
            pair = f"{user['username']}:{user.get('password') or ''}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Python's TLS takes files only; this one is ours alone and gone at once."""
    with tempfile.NamedTemporaryFile(prefix="pypod-kube-") as file:
        file.write(key + b"\n" + certificate)
        file.flush()
        context.load_cert_chain(file.name, password=lambda: b"")


def _message(text: bytes) -> str:
    """The reason in a Status object, or the first line of what is none."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        return str(value["message"])
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[0] if lines else ""
