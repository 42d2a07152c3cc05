"""The parser: directives, continuation, forms, flags, here-documents, and errors with their line."""

from __future__ import annotations

import pytest

from ocicore.build.containerfile import SyntaxProblem, parse


def names(text: str) -> list[str]:
    return [instruction.name for instruction in parse(text).instructions]


def only(text: str):  # type: ignore[no-untyped-def]
    (instruction,) = parse(text).instructions
    return instruction


def test_comments_and_empty_lines_are_no_instructions() -> None:
    assert names("\n# c\n  # indented\nFROM a\n\t\nRUN b\n") == ["from", "run"]


def test_names_are_case_insensitive_and_crlf_is_a_line_end() -> None:
    assert names("\ufefffrom a\r\nRun b\r\n") == ["from", "run"]


def test_continuation_skips_comments_and_keeps_white_space() -> None:
    instruction = only("RUN a \\\n# comment\n  b \\  \n\n   c\n")
    assert instruction.original == "RUN a   b    c"
    assert (instruction.line, instruction.end_line) == (1, 5)


def test_empty_continuation_line_is_a_warning() -> None:
    assert "Empty continuation line" in parse("RUN a \\\n\nb\n").warnings[0]


def test_escape_directive() -> None:
    parsed = parse("# syntax=docker/dockerfile:1\n# escape=`\nRUN a `\n b\\\n")
    assert parsed.escape == "`"
    assert parsed.syntax == "docker/dockerfile:1"
    assert parsed.instructions[0].original == "RUN a  b\\"


def test_directives_end_at_the_first_other_line() -> None:
    assert parse("# hello\n# escape=`\nRUN a\n").escape == "\\"


@pytest.mark.parametrize("text", ["# escape=x\nFROM a\n", "# escape=`\n# escape=`\nFROM a\n"])
def test_bad_directives(text: str) -> None:
    with pytest.raises(SyntaxProblem):
        parse(text)


@pytest.mark.parametrize(
    ("line", "args", "json"),
    [
        ('CMD ["a", "b c"]', ["a", "b c"], True),
        ("CMD echo $A", ["echo $A"], False),
        ('CMD ["a" b]', ['["a" b]'], False),
        ('CMD ["a"] trailing', ["a"], True),
        ("CMD", [], False),
        ("CMD []", [], True),
        ("COPY a b /c", ["a", "b", "/c"], False),
        ('COPY ["a b", "/c"]', ["a b", "/c"], True),
        ("ENV a=1 b='x y' c=\"q\"", ["a", "1", "b", "'x y'", "c", '"q"'], False),
        ("ENV a b c", ["a", "b c"], False),
        ("ENV a\\ b=1", None, False),
        ("EXPOSE 80\t443", ["80", "443"], False),
        ("HEALTHCHECK CMD curl x", ["CMD", "curl x"], False),
        ('HEALTHCHECK cmd ["curl"]', ["CMD", "curl"], True),
        ("HEALTHCHECK NONE", ["NONE"], False),
        ("USER  a:b ", ["a:b"], False),
    ],
)
def test_arguments(line: str, args: list[str] | None, json: bool) -> None:
    instruction = only(line + "\n")
    if args is not None:
        assert instruction.args == args
    assert instruction.json is json


def test_flags_lose_their_quotes_and_end_at_the_first_word() -> None:
    instruction = only('COPY --from="a b" --chown=1:2 a --not-a-flag /b\n')
    assert instruction.flags == ["--from=a b", "--chown=1:2"]
    assert instruction.args == ["a", "--not-a-flag", "/b"]
    instruction = only("RUN --mount=type=cache,target=/c --network=none ls --all\n")
    assert instruction.flags == ["--mount=type=cache,target=/c", "--network=none"]
    assert instruction.args == ["ls --all"]


def test_heredocs() -> None:
    instruction = only("RUN <<EOF\na\n\tb\nEOF\n")
    (heredoc,) = instruction.heredocs
    assert (heredoc.name, heredoc.content, heredoc.expand) == ("EOF", "a\n\tb\n", True)
    assert instruction.end_line == 4


def test_several_heredocs_with_quotes_and_tabs() -> None:
    instruction = only("COPY <<'A' <<-B /dest/\n$x\nA\n\t\ty\n\tB\n")
    first, second = instruction.heredocs
    assert (first.expand, first.content) == (False, "$x\n")
    assert (second.chomp, second.body()) == (True, "y\n")


@pytest.mark.parametrize("line", ['RUN echo "<<EOF"', "RUN cat <<<word", 'CMD ["<<EOF"]', "ENV a=<<EOF"])
def test_no_heredocs(line: str) -> None:
    assert only(line + "\n").heredocs == []


def test_onbuild_holds_an_instruction_and_its_heredoc() -> None:
    instruction = only("ONBUILD RUN <<E\nx\nE\n")
    assert instruction.trigger.name == "run"
    assert instruction.heredocs[0].content == "x\n"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("FROM a\nFOO bar\n", 2, 'Unknown instruction: "FOO"'),
        ("FROM a\n\nENV x\n", 3, "ENV must have two arguments"),
        ("FROM a\nENV a=1 b\n", 2, "can't find ="),
        ("FROM a\nENV =1\n", 2, "can not be blank"),
        ("FROM a\nRUN <<E\nx\n", 2, "unterminated heredoc"),
        ("FROM a\nONBUILD ONBUILD RUN x\n", 2, "Chaining ONBUILD"),
        ("FROM a\nONBUILD FROM x\n", 2, "isn't allowed as an ONBUILD trigger"),
        ("FROM a\nCMD [1]\n", 2, "strings only"),
        ("FROM a\nLABEL\n", 2, "requires at least one argument"),
        ("FROM a\nRUN\n echo && echo", 2, "-c requires an argument"),
        ("FROM a\nRUN --network=none --mount=type=tmpfs,target=/t\n", 2, "RUN without a command"),
        ("FROM a\nCOPY \\\n\\\n a b\nFOO\n", 5, "FOO"),
    ],
)
def test_errors_name_file_line_and_text(text: str, line: int, problem: str) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        parse(text, "dir/Containerfile")
    assert caught.value.message.startswith(f"dir/Containerfile:{line}: ")
    assert problem in caught.value.message
    assert caught.value.hint is not None


def test_a_run_without_a_command_may_be_what_a_shell_of_its_own_is_for() -> None:
    assert names('FROM a\nSHELL ["/bin/true"]\nRUN\n') == ["from", "shell", "run"]
    assert only("ONBUILD RUN\n").trigger is not None
    with pytest.raises(SyntaxProblem, match='"RUN": executable path not specified: exit status 1') as caught:
        parse('FROM a\nSHELL ["/bin/true"]\nRUN [ ]\n')
    assert caught.value.exit_status == 1


def test_a_run_without_a_command_ends_as_the_shell_would() -> None:
    with pytest.raises(SyntaxProblem) as caught:
        parse("FROM a\nRUN --network=none\n")
    assert caught.value.exit_status == 2
    assert caught.value.message == (
        'Containerfile:2: RUN without a command: building at STEP "RUN --network=none": '
        "the shell's -c requires an argument: exit status 2"
    )


def test_unknown_instructions_suggest_the_nearest() -> None:
    with pytest.raises(SyntaxProblem) as caught:
        parse("FORM a\n")
    assert "FROM" in (caught.value.hint or "")
