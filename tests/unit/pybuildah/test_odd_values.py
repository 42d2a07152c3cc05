"""Values that make no sense are refused before anything is done, in one line, also where nothing would have looked at them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ocicore.cli.main import main
from pybuildah.program import PROGRAM


def refused(folder: Path, *words: str) -> str:
    """The one line that a command says; nothing of a store is there when it ends."""
    store = folder / "store"
    environ = {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "TMPDIR": str(folder),
        "PATH": "/usr/bin:/bin",
    }
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    status = main(
        PROGRAM, ["--root", str(store), "--runroot", f"{store}-run", *words], environ, io.StringIO(), out, err
    )
    text = err.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert status == 125, text
    assert text.count("\n") == 1, text
    assert not store.exists()
    return str(text)


@pytest.mark.parametrize("command", ["from x", "pull x", "add x y z", "copy x y z", "push x y", "commit x y"])
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--creds=", "it has no user name"),
        ("--retry-delay=soon", 'unable to parse value provided "soon" as --retry-delay'),
        ("--retry-delay=-1", "--retry-delay"),
        ("--nope", "unknown flag: --nope"),
        ("--tls-verify=perhaps", "strconv.ParseBool"),
        ("--retry=-", "strconv.ParseInt"),
    ],
)
def test_of_registries(tmp_path: Path, command: str, option: str, said: str) -> None:
    verb, *names = command.split()
    assert said in refused(tmp_path, verb, option, *names)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("from", "--decryption-key=/no/such/key", "x"), "/no/such/key"),
        (("commit", "--encryption-key=nope", "x"), "nope"),
        (("commit", "--compression-format=nope", "x"), "nope"),
        (("commit", "--pull=nope", "x"), "nope"),
        (("commit", "--format=", "x"), 'unrecognized image type ""'),
        (("from", "--format=", "x"), 'unrecognized image type ""'),
        (("from", "--platform=", "x"), "--platform"),
        (("push", "--signature-policy=/no/such/policy", "x", "y"), "/no/such/policy"),
        (("info", "--format=nope"), "invalid format provided: nope"),
        (("inspect", "--format=nope", "x"), "invalid format provided: nope"),
        (("from", "--arch=a=b", "x"), '"a=b" is an invalid component'),
        (("from", "--os=x:y", "x"), '"x:y" is an invalid component'),
        (("from", "--variant=,", "x"), '"," is an invalid component'),
        (("zzzzzz",), 'unknown command "zzzzzz" for "pybuildah"'),
    ],
)
def test_of_others(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused(tmp_path, *words)


@pytest.mark.parametrize("size", ["-1", "nan", "inf", "1_000", "1e3", "", "b", "--1m"])
def test_sizes(size: str) -> None:
    from ocicore.build.run_mounts import parse_size
    from ocicore.errors import InvalidInput

    with pytest.raises(InvalidInput, match="invalid size"):
        parse_size(size)


def test_addresses_of_hosts() -> None:
    from types import SimpleNamespace

    from ocicore.cli import build_checks
    from ocicore.errors import InvalidInput

    values = {"dns": [], "ulimit": [], "device": [], "given_names": frozenset}
    build_checks.check(SimpleNamespace(add_host=["", "a:host-gateway", "b:::1", "c:10.0.0.1"], **values))
    with pytest.raises(InvalidInput, match='invalid IP address in add-host: "y:z"'):
        build_checks.check(SimpleNamespace(add_host=["x:y:z"], **values))


@pytest.mark.parametrize("text", ["", "-1", "x:y:z"])
def test_repositories_of_the_cache(text: str) -> None:
    from ocicore.build import remote_cache
    from ocicore.errors import InvalidInput

    with pytest.raises(InvalidInput, match=f'unable to parse value provided "{text}" to --cache-from'):
        remote_cache.check([text], "cache-from")
