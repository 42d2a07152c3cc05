"""What each instruction does to the configuration, and which requests it makes."""

from __future__ import annotations

from typing import Any

import pytest

from ocicore.build.containerfile import SyntaxProblem, parse
from ocicore.build.draft import ImageDraft, parse_duration
from ocicore.build.instructions import CopyRequest, RunRequest, StageState
from ocicore.errors import InvalidInput


def state(config: dict[str, Any] | None = None, **settings: Any) -> StageState:
    options: dict[str, Any] = {"user_args": {}, "heading_args": {}, "platform_args": {}, **settings}
    return StageState(ImageDraft(config), **options)


def apply(text: str, stage: StageState | None = None) -> tuple[StageState, list[Any]]:
    stage = stage or state()
    return stage, [stage.apply(instruction) for instruction in parse(text).instructions]


def config(text: str, stage: StageState | None = None) -> dict[str, Any]:
    return apply(text, stage)[0].draft.config


def test_environment_order_is_buildahs() -> None:
    stage = state({"Env": ["A=1", "PATH=/bin", "B=2"]})
    assert config("ENV A=3 C=4\nENV B=5\nENV A=6\n", stage)["Env"] == ["PATH=/bin", "A=6", "C=4", "B=5"]


def test_one_instruction_sees_the_values_before_it() -> None:
    assert config("ENV a=1\nENV a=2 b=$a\n")["Env"][1:] == ["a=2", "b=1"]


def test_arguments_and_their_precedence() -> None:
    stage = state(
        user_args={"given": "user"}, heading_args={"heading": "top"}, platform_args={"TARGETOS": "linux"}
    )
    apply("ARG given=default own=1 heading\nARG TARGETOS\nARG own2=$own\nENV own=env\n", stage)
    assert stage.variables() | {"PATH": ""} == {
        "PATH": "",
        "given": "user",
        "own": "env",
        "own2": "1",
        "heading": "top",
        "TARGETOS": "linux",
    }


def test_undeclared_arguments_are_invisible() -> None:
    stage = state(user_args={"x": "1", "HTTP_PROXY": "p"})
    assert stage.arguments() == {"HTTP_PROXY": "p"}


def test_commands() -> None:
    assert config('CMD ["a"]\nENTRYPOINT ["b"]\n')["Cmd"] == ["a"]
    assert "Cmd" not in config('ENTRYPOINT ["b"]\n', state({"Cmd": ["old"]}))
    assert config("CMD echo\n")["Cmd"] == ["/bin/sh", "-c", "echo"]
    assert config("CMD\n", state({"Cmd": ["old"]}))["Cmd"] == ["/bin/sh", "-c"]
    assert not config("CMD []\n", state({"Cmd": ["old"]})).get("Cmd")
    shell = 'SHELL ["/bin/bash", "-c"]\nCMD echo\n'
    assert config(shell)["Cmd"][0] == "/bin/sh"
    # As buildah, and unlike docker: SHELL is for RUN.
    assert config(shell, state(honour_shell=True))["Cmd"][0] == "/bin/sh"


def test_the_rest_of_the_configuration() -> None:
    found = config(
        "LABEL a=1 b='2 3'\nUSER u\nWORKDIR /a\nWORKDIR b/../c/\nVOLUME /v\nEXPOSE 80 90-91/udp\nSTOPSIGNAL 9\n"
        "HEALTHCHECK --interval=5s --retries=2 CMD x y\nONBUILD RUN z\n"
    )
    assert found["Labels"] == {"a": "1", "b": "2 3"}
    assert (found["User"], found["WorkingDir"], found["StopSignal"]) == ("u", "/a/c", "9")
    assert list(found["Volumes"]) == ["/v"]
    assert list(found["ExposedPorts"]) == ["80/tcp", "90-91/udp"]
    assert found["Healthcheck"] == {"Test": ["CMD-SHELL", "x y"], "Interval": 5 * 10**9, "Retries": 2}
    assert found["OnBuild"] == ["RUN z"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/a/..", "/a/.."),
        ("/a//b/", "/a//b"),
        ("..", "/"),
        ("a/../b", "/w/b"),
        ("../x", "/x"),
        ("$NOTHING", "/w"),
    ],
)
def test_an_absolute_working_directory_stays_as_written(written: str, expected: str) -> None:
    assert config(f"WORKDIR /w\nWORKDIR {written}\n")["WorkingDir"] == expected


@pytest.mark.parametrize("text", ["http", "70000", "80:90", "90-80", "0", "80/xyz", "80-"])
def test_what_is_no_port_is_kept_with_a_warning(text: str) -> None:
    warnings: list[str] = []
    found = config(f"EXPOSE 80 {text} $NOTHING\n", state(warn=warnings.append))
    assert list(found["ExposedPorts"]) == ["80/tcp", text if "/" in text else f"{text}/tcp"]
    assert warnings == [f"Containerfile:1: EXPOSE {text}: is no port"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EXPOSE 80\nEXPOSE 80/TCP\n", ["80/tcp"]),
        ("EXPOSE 80/TCP\nEXPOSE 80\n", ["80/TCP"]),
        ("EXPOSE 80 80/TCP\n", ["80/tcp", "80/TCP"]),
        ("EXPOSE x/y/z\n", ["x/y"]),
    ],
)
def test_ports_in_other_letters(text: str, expected: list[str]) -> None:
    assert list(config(text)["ExposedPorts"]) == expected


def test_copy_requests() -> None:
    _, (request,) = apply("COPY --from=x --chown=1:2 --chmod=640 --exclude=*.md --parents a b dest/\n", None)
    assert isinstance(request, CopyRequest)
    assert (request.sources, request.destination) == (["a", "b"], "/dest/")
    assert (request.source_stage, request.chown, request.chmod) == ("x", "1:2", "640")
    assert (request.excludes, request.parents, request.add) == (["*.md"], True, False)


def test_here_documents_of_copy_are_expanded_unless_quoted() -> None:
    _, (_, request) = apply("ENV a=1\nCOPY <<X <<'Y' f /d/\n$a \"q\"\nX\n$a\nY\n")
    assert request.inline == [("X", '1 "q"\n'), ("Y", "$a\n")]
    assert request.sources == ["f"]


def test_run_requests() -> None:
    _, (request,) = apply("RUN --mount=type=tmpfs,target=/t --network=none echo $x\n")
    assert isinstance(request, RunRequest)
    assert request.args == ["/bin/sh", "-c", "echo $x"]
    assert (request.mounts, request.network) == (["type=tmpfs,target=/t"], "none")
    assert apply('RUN ["a", "$b"]\n')[1][0].args == ["a", "$b"]


def test_here_documents_of_run() -> None:
    assert apply("RUN <<E\na\nb\nE\n")[1][0].args == ["/bin/sh", "-c", "a\nb\n"]
    assert apply("RUN cat <<E > /x\na\nE\n")[1][0].args[2] == "cat <<E > /x\na\nE\n"
    script = apply("RUN <<E\n#!/usr/bin/env python\nprint()\nE\n")[1][0]
    assert script.script == ("E", "#!/usr/bin/env python\nprint()\n")


@pytest.mark.parametrize(
    "line",
    [
        "COPY a",
        "COPY --chmod=u+x a b",
        "COPY --from= a b",
        "COPY --nope=1 a b",
        "ADD --from=x a b",
        "EXPOSE $NOTHING",
        "SHELL /bin/sh",
        "SHELL []",
        "STOPSIGNAL SIGNOPE",
        "HEALTHCHECK --interval=x CMD a",
        "HEALTHCHECK --retries=0 CMD a",
        "HEALTHCHECK CMD",
        "HEALTHCHECK NONE x",
        "HEALTHCHECK WHAT x",
        "ENV a=${b",
        "WORKDIR ${x:?}",
    ],
)
def test_errors(line: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        apply(line + "\n")
    if isinstance(caught.value, SyntaxProblem):
        assert ":1: " in caught.value.message


def test_a_platform_argument_cannot_be_redefined() -> None:
    with pytest.raises(SyntaxProblem, match="attempted to redefine"):
        apply("ARG TARGETPLATFORM=x\n", state(platform_args={"TARGETPLATFORM": "linux/amd64"}))


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("10s", 10**10),
        ("1m30s", 90 * 10**9),
        ("1.5h", 5400 * 10**9),
        ("500ms", 5 * 10**8),
        ("0", 0),
        ("-1s", -(10**9)),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "10", "s", "1x", "1s2"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration(text)
