"""Options as text: secrets, mounts, volumes, build arguments, outputs, Containerfiles and contexts."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from ocicore.build import copy_context, flags, output, run_mounts, volumes
from ocicore.build import inputs as build_inputs
from ocicore.build.cache import created_by_text
from ocicore.build.commit import choose_times
from ocicore.build.working import name_prefix
from ocicore.errors import Error, InvalidInput, NotFound


def inputs(tmp_path: Path, text: str = "", **environ: str) -> build_inputs.Inputs:
    def remote():  # type: ignore[no-untyped-def]
        raise AssertionError("nothing is fetched")

    return build_inputs.Inputs(
        environ=environ, stdin=lambda: io.BytesIO(text.encode()), scratch=str(tmp_path), remote=remote
    )


def test_links_of_a_context_from_a_pipe_lead_nowhere_else(tmp_path: Path) -> None:
    """What they lead to on the host would stand in the error message."""
    outside = tmp_path / "secret"
    outside.write_text("password\n")
    with io.BytesIO() as stream:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name, target in (("Dockerfile", str(outside)), ("up", "../../secret"), ("good", "real")):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = tarfile.SYMTYPE, target
                archive.addfile(member)
            member = tarfile.TarInfo("real")
            member.size = 12
            archive.addfile(member, io.BytesIO(b"FROM inside\n"))
        data = stream.getvalue()

    def given() -> build_inputs.Inputs:
        found = inputs(tmp_path / f"scratch-{len(list(tmp_path.iterdir()))}")
        Path(found.scratch).mkdir()
        found.stdin = lambda: io.BytesIO(data)
        return found

    for files in ([], ["up"], ["Dockerfile"]):
        with pytest.raises(NotFound, match="no such file or directory"):
            build_inputs.find_files(files, "-", given())
    ((_, text),) = build_inputs.find_files(["good"], "-", given())[1]
    assert text == "FROM inside\n"


def test_fields_of_mounts() -> None:
    fields = run_mounts.parse_fields("type=cache,dst=/c,readonly=false,id=x")
    assert fields == {"type": "cache", "target": "/c", "rw": "", "id": "x"}
    assert run_mounts.parse_fields("src=/a,target=/b,ro")["type"] == "bind"
    with pytest.raises(InvalidInput):
        run_mounts.parse_fields("ro=maybe")


def test_secrets() -> None:
    texts = ["id=a,src=/x", "id=b,env=B", "id=c,type=env", "id=d"]
    found = run_mounts.parse_secrets(texts, {"d": "value"})
    assert found == {"a": ("file", "/x"), "b": ("env", "B"), "c": ("env", "c"), "d": ("env", "d")}
    with pytest.raises(InvalidInput):
        run_mounts.parse_secrets(["src=/x"], {})


def test_volumes(tmp_path: Path) -> None:
    volume = volumes.parse(f"{tmp_path}:/v:ro,z")
    assert volume.target == "/v"
    assert volume.options == ["rbind", "ro", "rprivate"]
    overlay = volumes.parse(f"{tmp_path}:/v:O,upperdir=/u,workdir=/w")
    assert overlay.own == ["O", "upperdir=/u", "workdir=/w"]
    for text in ("x", f"{tmp_path}:relative", f"{tmp_path}:/v:what", f"{tmp_path}:/v:upperdir=/u"):
        with pytest.raises(InvalidInput):
            volumes.parse(text)
    with pytest.raises(NotFound):
        volumes.parse("/does/not/exist:/v")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64m", 64 << 20),
        ("65536k", 65536 << 10),
        ("1g", 1 << 30),
        ("5", 5),
        ("1.5k", 1536),
        ("2MiB", 2 << 20),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert run_mounts.parse_size(text) == size


def test_containerfiles_are_found(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM docker\n")
    folder, files = build_inputs.find_files([], str(tmp_path), inputs(tmp_path))
    assert (folder, files) == (str(tmp_path), [(str(tmp_path / "Dockerfile"), "FROM docker\n")])
    (tmp_path / "Containerfile").write_text("FROM container\n")
    assert build_inputs.find_files([], str(tmp_path), inputs(tmp_path))[1][0][1] == "FROM container\n"
    assert build_inputs.find_files(["-"], str(tmp_path), inputs(tmp_path, "FROM stdin\n"))[1] == [
        ("/dev/stdin", "FROM stdin\n")
    ]
    assert (
        build_inputs.find_files(["Dockerfile"], str(tmp_path), inputs(tmp_path))[1][0][1] == "FROM docker\n"
    )
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(InvalidInput, match="no contents in"):
        build_inputs.find_files(["empty"], str(tmp_path), inputs(tmp_path))
    with pytest.raises(NotFound, match="no such file or directory"):
        build_inputs.find_files(["missing"], str(tmp_path), inputs(tmp_path))
    with pytest.raises(NotFound, match="no such file or directory"):
        build_inputs.find_files([], str(tmp_path / "missing"), inputs(tmp_path))


def test_contexts(tmp_path: Path) -> None:
    found = build_inputs.build_contexts([f"a={tmp_path}", "b=docker://alpine:3"], inputs(tmp_path))
    assert found == {"a": ("directory", str(tmp_path)), "b": ("image", "alpine:3")}
    for text in ("a", "=x", "a="):
        with pytest.raises(InvalidInput):
            build_inputs.build_contexts([text], inputs(tmp_path))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("dir", ("local", "dir")),
        ("-", ("tar", "-")),
        ("type=tar,dest=x.tar", ("tar", "x.tar")),
        ("type=local,dest=d", ("local", "d")),
    ],
)
def test_outputs(text: str, parsed: tuple[str, str]) -> None:
    assert output.parse(text) == parsed


@pytest.mark.parametrize(
    "text", ["type=oci,dest=x", "type=tar", "type=local,dest=-", "type=tar,dest=x,more=1"]
)
def test_bad_outputs(text: str) -> None:
    with pytest.raises(InvalidInput):
        output.parse(text)


def test_history_entries_are_buildahs() -> None:
    assert created_by_text("env", "ENV A=1") == "/bin/sh -c #(nop) ENV A=1"
    assert created_by_text("run", "RUN ls", arguments={"b": "2", "a": "1"}) == "|2 a=1 b=2 /bin/sh -c ls"
    assert created_by_text("run", "RUN ls", arguments={}) == "/bin/sh -c ls"
    copied = created_by_text("copy", "COPY a b", content="file:ff", destination="b")
    assert copied == "/bin/sh -c #(nop) COPY file:ff in b "
    assert created_by_text("arg", "ARG x=1", declared="x") == "/bin/sh -c #(nop) ARG x"


def test_times() -> None:
    common = {"base_created": "2020-01-01T00:00:00Z", "started": 1_700_000_000_500_000_000}
    chosen = choose_times(timestamp=None, source_date_epoch=None, reproducible=True, **common)  # type: ignore[arg-type]
    assert (chosen.created, chosen.seconds) == ("2020-01-01T00:00:00Z", 1577836800)
    assert chosen.clamp_after == 1_700_000_000_000_000_000
    stamped = choose_times(timestamp=5, source_date_epoch=9, reproducible=True, **common)  # type: ignore[arg-type]
    assert (stamped.created, stamped.rewrite) == ("1970-01-01T00:00:05Z", True)
    clock = choose_times(timestamp=None, source_date_epoch=None, reproducible=False, **common)  # type: ignore[arg-type]
    assert clock.seconds is None


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("docker.io/library/alpine:3", "alpine"),
        ("localhost:5000/a/b@sha256:00", "localhost"),
        ("x", "x"),
        ("", ""),
    ],
)
def test_names_of_working_containers(name: str, prefix: str) -> None:
    assert name_prefix(name) == prefix


def test_build_arguments(tmp_path: Path) -> None:
    file = tmp_path / "args"
    file.write_text("# comment\nA=file\nB=file\n")

    args = SimpleNamespace(build_arg_file=[str(file)], build_arg=["B=given", "C", "D"])
    found = flags.build_arguments(args, {"C": "from-environment"})
    assert found == {"A": "file", "B": "given", "C": "from-environment"}
    args.build_arg_file = [str(tmp_path / "missing")]
    with pytest.raises(Error):
        flags.build_arguments(args, {})


def test_propagation_of_mounts_is_one_of_the_kernels_words() -> None:
    assert run_mounts._propagation({}) == "rprivate"
    assert run_mounts._propagation({"bind-propagation": "rslave"}) == "rslave"
    with pytest.raises(InvalidInput, match='invalid mount option "bind-propagation=suid"'):
        run_mounts._propagation({"bind-propagation": "suid"})


def test_a_containerfile_may_have_an_ignore_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / ".containerignore").write_text("general\n")
    assert copy_context.load_patterns(str(tmp_path), "", ["Containerfile"])[0] == ["general"]
    (tmp_path / "Containerfile.containerignore").write_text("own\n")
    found = copy_context.load_patterns(str(tmp_path), "", [str(tmp_path / "Containerfile")])
    assert found == (["own"], str(tmp_path / "Containerfile.containerignore"))
    (tmp_path / "Containerfile.dockerignore").write_text("docker\n")
    assert copy_context.load_patterns(str(tmp_path), "", ["Containerfile"])[0] == ["docker"]
    (tmp_path / "named").write_text("named\n")
    assert copy_context.load_patterns(str(tmp_path), str(tmp_path / "named"), ["Containerfile"])[0] == [
        "named"
    ]


def test_platform_and_its_parts_exclude_each_other() -> None:
    args = SimpleNamespace(platform=["linux/amd64"], os="", arch="arm64", variant="")
    with pytest.raises(
        InvalidInput, match="invalid --platform may not be used with --os, --arch, or --variant"
    ):
        flags.platforms_of(args, {})
