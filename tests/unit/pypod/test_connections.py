"""`system connection` and `context`: what is written for podman's remote clients, and what is refused."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from ocicore.cli.main import main
from ocicore.engine import remote
from ocicore.errors import Error
from pypod.program import PROGRAM

Answer = tuple[int, str, str]


class Client:
    """pypod with a connections file of its own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "deep" / "connections.json"
        self.environ = {"PODMAN_CONNECTIONS_CONF": str(self.file), "HOME": str(folder), "PATH": "/bin"}

    def __call__(self, *words: str) -> Answer:
        out, err = io.StringIO(), io.StringIO()
        status = main(PROGRAM, list(words), self.environ, io.StringIO(), out, err)
        return status, out.getvalue(), err.getvalue()

    def add(self, *words: str) -> Answer:
        return self("system", "connection", "add", *words)

    def written(self) -> dict[str, object]:
        table: dict[str, object] = json.loads(self.file.read_text())["Connection"]
        return table


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


#: words after `add NAME`, and what is written.
ADDED = {
    "path": (("ssh://h/run/x.sock",), {"URI": "ssh://h:22/run/x.sock"}),
    "port of the address": (("-p", "77", "u@h:12/run/x.sock"), {"URI": "ssh://u@h:12/run/x.sock"}),
    "port and socket": (("-p", "77", "--socket-path", "/q", "u@h"), {"URI": "ssh://u@h:77/q"}),
    "identity": (("--identity", "/k", "u@h/run/x"), {"URI": "ssh://u@h:22/run/x", "Identity": "/k"}),
    "tcp": (("tcp://h:8080",), {"URI": "tcp://h:8080"}),
    "tcp's port": (("--port", "9", "tcp://h"), {"URI": "tcp://h:9"}),
    "tls": (
        ("--tls-ca", "/a", "--tls-cert", "/c", "--tls-key", "/k", "tcp://h:1"),
        {"URI": "tcp://h:1", "TLSCA": "/a", "TLSCert": "/c", "TLSKey": "/k"},
    ),
    "ipv6": (("ssh://[fe::1]/s",), {"URI": "ssh://[fe::1]:22/s"}),
}


@pytest.mark.parametrize("case", ADDED)
def test_add(client: Client, case: str) -> None:
    words, expected = ADDED[case]
    assert client.add(*words[:-1], "name", words[-1]) == (0, "", "")
    assert client.written() == {"Default": "name", "Connections": {"name": expected}}


def test_a_socket_that_may_come(client: Client, tmp_path: Path) -> None:
    status, _, err = client.add("later", f"unix://{tmp_path}/later")
    assert status == 0
    assert "does not exist" in err
    (tmp_path / "file").write_text("")
    status, _, err = client.add("file", f"unix://{tmp_path}/file")
    assert (status, err) == (125, f'Error: "{tmp_path}/file" exists and is not a unix domain socket\n')
    assert client.add("other", "bogus://x")[2].count("unknown scheme, no validation provided") == 1
    assert set(client.written()["Connections"]) == {"later", "other"}  # type: ignore[call-overload]


#: words after `add NAME`, and the error.
REFUSED = {
    ("tcp://h",): "tcp scheme requires a port either via --port or in destination URL",
    ("--identity", "k", "tcp://h:1"): "--identity option not supported for tcp scheme",
    ("--socket-path", "/x", "tcp://h:1"): "--socket-path option not supported for tcp scheme",
    ("--identity", "k", "unix:///x"): "--identity option not supported for unix scheme",
    ("--tls-ca", "a", "h/x"): "--tls-ca option not supported for ssh scheme",
    ("ssh:///run/x",): 'invalid destination "ssh:///run/x": it names no host',
    ("ssh://h:port/x",): "invalid destination",
    ("--", "-oProxyCommand=x"): "invalid host '-oproxycommand=x'",
}


@pytest.mark.parametrize("words", REFUSED)
def test_add_refuses(client: Client, words: tuple[str, ...]) -> None:
    marker = ("--",) if "--" in words else ()
    options = tuple(word for word in words[:-1] if word != "--")
    status, _, err = client.add(*options, *marker, "name", words[-1])
    assert (status, err.count("\n")) == (125, 1)
    assert REFUSED[words] in err
    assert not client.file.exists()


def test_default_rename_and_remove(client: Client) -> None:
    for name in ("one", "two", "three"):
        client.add(name, f"tcp://{name}:1")
    client.add("--default", "four", "tcp://four:1")
    assert client.written()["Default"] == "four"
    assert client("system", "connection", "default", "two") == (0, "", "")
    assert client("system", "connection", "mv", "two", "zwei") == (0, "", "")
    assert client.written()["Default"] == "zwei"
    assert client("context", "use", "one")[0] == 0
    shown = client("system", "connection", "ls", "--format", "{{.Name}} {{.URI}} {{.Default}}")[1]
    assert "one tcp://one:1 true\nthree tcp://three:1 false\nzwei tcp://two:1 false\n" in shown
    assert client("context", "rm", "--force", "one")[0] == 0
    assert "Default" not in client.written()
    assert client("system", "connection", "remove", "nobody")[0] == 0
    assert client("system", "connection", "ls", "-q")[1] == "four\nthree\nzwei\n"
    for words in (("default", "one"), ("rename", "one", "x")):
        status, _, err = client("system", "connection", *words)
        assert status == 125
        assert '"one" destination is not defined' in err
    assert client("system", "connection", "rm", "--all")[0] == 0
    assert client.written() == {}
    assert client("system", "connection", "rm")[2] == "Error: accepts 1 arg(s), received 0\n"


def test_farms_and_unknown_keys_of_podman_stay(client: Client) -> None:
    client.file.parent.mkdir()
    client.file.write_text(
        '{"Connection": {"Connections": {"a": {"URI": "ssh://a:22/x", "IsMachine": true}}},'
        ' "Farm": {"Default": "f", "List": {"f": ["a", "b"]}}, "New": 1}'
    )
    client.add("b", "tcp://b:1")
    client("system", "connection", "rm", "a")
    assert json.loads(client.file.read_text()) == {
        "Connection": {"Connections": {"b": {"URI": "tcp://b:1"}}},
        "Farm": {"Default": "f", "List": {"f": ["b"]}},
        "New": 1,
    }


def test_a_file_that_is_no_json_stays(client: Client) -> None:
    client.file.parent.mkdir()
    client.file.write_text("[")
    status, _, err = client.add("b", "tcp://b:1")
    assert status == 125
    assert str(client.file) in err
    assert client.file.read_text() == "["


def test_contexts(client: Client) -> None:
    ignored = ("--description", "x", "--from", "y", "--kubernetes", "z", "--default-stack-orchestrator", "k")
    assert client("context", "create", *ignored, "--docker", "host=tcp://q:2", "c") == (0, "", "")
    assert json.loads(client("context", "inspect", "c")[1]) == [
        {"Name": "c", "URI": "tcp://q:2", "Default": True, "ReadWrite": True}
    ]
    assert client("context", "inspect", "--quiet", "c")[1] == "c\n"
    assert client("context", "inspect", "--format", "{{.URI}}", "c")[1] == "tcp://q:2\n"
    assert client("context", "inspect")[1] == "[]\n"
    for words, reason in (
        (("--docker", "ca=x"), '"host" is required for --docker option'),
        (("--docker", "host=tcp://q:2,ca=x"), "additional options ca=x not supported"),
        ((), "a destination is required"),
    ):
        status, _, err = client("context", "create", *words, "d")
        assert status == 125
        assert reason in err


def test_what_the_other_machine_tells() -> None:
    def says(text: str) -> list[str]:
        return [sys.executable, "-c", f"print({text!r})"]

    told = '{"host": {"remoteSocket": {"path": "unix:///run/p.sock"}}}'
    assert remote.service_socket(says(told), {}) == "/run/p.sock"
    for text in ("{}", "no json", '{"host": {"remoteSocket": {"path": 1}}}'):
        with pytest.raises(Error, match="where the socket"):
            remote.service_socket(says(text), {})
    with pytest.raises(Error, match=r"^no way$"):
        remote.service_socket([sys.executable, "-c", "import sys; sys.exit('Error: no way')"], {})
