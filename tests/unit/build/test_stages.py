"""Stages: names, targets, dependencies, ARG before FROM."""

from __future__ import annotations

from typing import Any

import pytest

from ocicore.build.containerfile import SyntaxProblem, parse
from ocicore.build.stages import Plan, plan
from ocicore.errors import InvalidInput


def planned(text: str, **settings: Any) -> Plan:
    settings = {"user_args": {}, "platform_args": {"TARGETARCH": "amd64"}, **settings}
    return plan([parse(text)], **settings)


def built(text: str, **settings: Any) -> list[str]:
    return [stage.name for stage in planned(text, **settings).build]


def test_only_what_the_target_needs_is_built() -> None:
    text = "FROM a AS one\nFROM b AS two\nFROM c AS three\nCOPY --from=one / /\n"
    assert built(text) == ["one", "three"]
    assert built(text, skip_unused=False) == ["one", "two", "three"]
    assert built(text, target="two") == ["two"]
    assert built(text, target="TWO") == ["two"]
    assert built(text, target="0") == ["one"]


def test_stages_are_found_through_run_mounts_onbuild_and_numbers() -> None:
    text = "FROM a AS one\nFROM b\nFROM c\nRUN --mount=type=bind,from=one,target=/x ls\nONBUILD COPY --from=1 / /\n"
    assert built(text) == ["one", "1", "2"]


def test_a_base_may_be_a_stage() -> None:
    result = planned("FROM a AS One\nFROM one AS two\nFROM TWO\n")
    assert [stage.base_stage for stage in result.stages] == [None, 0, 1]


def test_a_later_stage_is_not_a_base() -> None:
    result = planned("FROM later\nFROM x AS later\n", target="0")
    assert result.stages[0].base_stage is None


def test_arguments_before_from() -> None:
    text = "ARG BASE=default\nARG TAG\nARG FULL=$BASE:${TAG:-latest}\nFROM $FULL\nFROM --platform=linux/$TARGETARCH x\n"
    result = planned(text, user_args={"TAG": "5"})
    assert result.stages[0].base == "default:5"
    assert result.stages[1].platform == "linux/amd64"
    assert planned(text).stages[0].base == "default:latest"


def test_environment_of_the_base_names_the_stage_to_copy_from() -> None:
    text = "FROM a AS one\nFROM b AS two\nARG X=o\nENV P=${X}n\nFROM two AS three\nENV Q=${P}e\nFROM three\nCOPY --from=$Q / /\n"
    assert built(text) == ["one", "two", "three", "3"]
    assert built(text.replace("FROM three\n", "FROM c\n")) == ["3"], "another base knows nothing of it"


def test_an_argument_names_the_stage_to_copy_from() -> None:
    text = "ARG WHICH=one\nFROM a AS one\nFROM b AS two\nFROM c\nARG SRC=two\nCOPY --from=$SRC / /\n"
    assert built(text) == ["two", "2"]
    assert built(text, user_args={"SRC": "one"}) == ["one", "2"]


def test_what_comes_before_the_first_stage_is_ignored_with_a_warning() -> None:
    warnings: list[str] = []
    found = plan(
        [parse("ARG A=1\nRUN x\nFROM a\nLABEL b=c\n", "C")],
        user_args={},
        platform_args={},
        warn=warnings.append,
    )
    assert [instruction.name for stage in found.stages for instruction in stage.instructions] == ["label"]
    assert warnings == ["C:2: RUN before the first FROM belongs to no stage and is ignored"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ARG A=1\n",
        "FROM $X\n",
        "FROM a b\n",
        "FROM a AS\n",
        "FROM --x=y a\n",
        "FROM --platform= a\n",
    ],
)
def test_what_is_no_plan(text: str) -> None:
    with pytest.raises(InvalidInput):
        planned(text)


def test_an_unknown_target_suggests_a_near_one() -> None:
    with pytest.raises(InvalidInput) as caught:
        planned("FROM a AS release\n", target="relase")
    assert caught.value.message == 'The target "relase" was not found in the provided Dockerfile'
    assert caught.value.hint == "did you mean release?"


def test_errors_have_a_line() -> None:
    with pytest.raises(SyntaxProblem, match=":2: "):
        planned("FROM a\nFROM $UNDEFINED\n")


def test_unused_arguments_are_reported() -> None:
    said: list[str] = []
    planned("FROM a\nARG USED\n", user_args={"USED": "1", "UNUSED": "2", "HTTP_PROXY": "x"}, warn=said.append)
    assert said == ["one or more build args were not consumed: [UNUSED]"]
