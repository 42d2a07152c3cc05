"""Help pages, manual pages, completion, progress."""

from __future__ import annotations

import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from ocicore.cli import completion, man, man_quadlet, progress, typer_app
from ocicore.cli.completion import complete, script
from ocicore.cli.help_page import Page
from ocicore.cli.main import main
from ocicore.errors import InvalidInput
from ocicore.systemd.quadlet import keys
from unit.cli.sample_commands import PROGRAM, PS, RUN


def page(*argv: str) -> str:
    out = io.StringIO()
    assert main(PROGRAM, list(argv), {}, io.StringIO(), out, io.StringIO()) == 0
    return out.getvalue()


def test_root_page_lists_everything_that_is_not_hidden() -> None:
    text = page("--help")
    for word in ("run", "ps", "container", "--root", "--log-level", '(default "warn")', "--version"):
        assert word in text
    assert "fail" not in text
    assert "--debug" not in text


def test_command_page() -> None:
    text = page("run", "--help")
    assert "Usage:\n  sample run [options] IMAGE [COMMAND [ARG...]]\n" in text
    assert 'When to pull [always|never] (default "missing")' in text
    assert "Resources" in text and "--cpus NUMBER" in text
    assert "sample run busybox true" in text
    assert "--secret-thing" not in text
    assert "-h, --hostname TEXT" in text and "-h, --help" not in text
    assert "--root" not in text


def test_ways_to_ask() -> None:
    assert page("help", "run") == page("run", "--help")
    listed = page("container", "ls", "-h").replace("container list", "ps")
    assert "list, ls, ps" in listed
    assert listed.partition("\nOptions:")[2] == page("ps", "--help").partition("\nOptions:")[2]
    assert page("help") == page("--help") == page("-h")
    assert page("--root", "ps", "container", "--help") == page("help", "container")


def test_a_terminal_gets_a_drawn_page() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    assert main(PROGRAM, ["run", "--help"], {}, io.StringIO(), out, io.StringIO()) == 0
    assert "Usage: " in out.getvalue() and "Available" not in out.getvalue() and "╭─" in out.getvalue()


def test_sections_elsewhere() -> None:
    """cobra's, in its order: scripts take the line after "Usage:", and the lists by their headings."""
    headings = [line for line in page("run", "--help").splitlines() if re.fullmatch(r"[A-Z][\w ]*:", line)]
    assert headings == ["Usage:", "Arguments:", "Examples:", "Options:", "Resources:"]
    text = page("container", "--help")
    assert "\nUsage:\n  sample container [command]\n\nAvailable Commands:\n  list   List containers\n" in text
    assert "Options:" not in text
    root = page("--help")
    assert "\nAvailable Commands:\n" in root and root.index("Commands:") < root.index("\nOptions:\n")


def test_groups_that_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """buildah's way: no command, or one that is none below a group, is answered with help."""
    monkeypatch.setattr(PROGRAM, "groups_help", True)
    monkeypatch.setattr(PROGRAM, "options_word", "flags")
    assert (
        page() == page("--help")
        and "\nFlags:\n" in page()
        and "sample run [flags] IMAGE" in page("help", "run")
    )
    assert page("container") == page("container", "nope") == page("container", "--help")
    err = io.StringIO()
    assert main(PROGRAM, ["nope"], {}, io.StringIO(), io.StringIO(), err) == 125
    assert err.getvalue().startswith('Error: unknown command "nope" for "sample"\n')


def test_help_of_nothing() -> None:
    err = io.StringIO()
    assert main(PROGRAM, ["help", "nope"], {}, io.StringIO(), io.StringIO(), err) == 125
    assert err.getvalue().startswith("Error: unrecognized command `sample nope`")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_pages_keep_their_width(width: int) -> None:
    stream = io.StringIO()
    Page(
        "sample run", RUN.summary, arguments=RUN.arguments, options=RUN.options, examples=RUN.examples
    ).print(stream, width=width)
    lines = stream.getvalue().splitlines()
    assert max(len(line) for line in lines) == width
    assert all(len(line) == width for line in lines if line.startswith("│"))


def test_typer_sees_the_same_environment() -> None:
    bound = typer_app.parse(PROGRAM, ["ps"], {"SAMPLE_FORMAT": "json"})
    assert bound.args.format == "json"


def test_completion_of_commands() -> None:
    assert complete(PROGRAM, ["r"]) == [
        ("rm", "Remove containers"),
        ("run", "Run a command in a new container"),
    ]
    assert complete(PROGRAM, ["container", ""]) == [
        ("list", "List containers"),
        ("run", "Run a command in a new container"),
    ]
    assert complete(PROGRAM, ["--root", "x", "container", "l"]) == [("list", "List containers")]
    assert complete(PROGRAM, ["nope", ""]) == []


def test_completion_of_options() -> None:
    assert [word for word, _ in complete(PROGRAM, ["ps", "--l"])] == ["--last", "--latest", "--layers"]
    # What is given already is offered again only when it may be repeated.
    given = ["ps", "--latest", "-n", "1", "-v", "--layers=1"]
    assert [word for word, _ in complete(PROGRAM, [*given, "--l"])] == ["--layers"]
    assert ("--verbose", "") in complete(PROGRAM, [*given, "--"])
    assert complete(PROGRAM, ["ps", "--sort="]) == [("created", ""), ("id", ""), ("names", "")]
    assert complete(PROGRAM, ["ps", "--sort", "n"]) == [("names", "")]
    assert complete(PROGRAM, ["--root", ""]) == [(":file", "")]
    assert complete(PROGRAM, ["ps", "--from", ""]) == [(":dir", "")]
    assert ("-i", "Keep standard input open") in complete(PROGRAM, ["run", "-"])
    assert complete(PROGRAM, ["run", "--secret"]) == []
    assert complete(PROGRAM, ["--vers"]) == [("--version", "Show the version and exit")]
    assert complete(PROGRAM, ["run", "--vers"]) == []


def test_completion_of_fixed_values() -> None:
    """Words in the declaration; in a comma list what is typed belongs to the last element."""
    assert complete(PROGRAM, ["run", "--when", ""]) == [("always", ""), ("never", ""), (":file", "")]
    assert complete(PROGRAM, ["run", "--when=a"]) == [("always", ""), (":file", "")]
    assert complete(PROGRAM, ["run", "--share", "ipc,n"]) == [("ipc,net", "")]
    assert complete(PROGRAM, ["run", "--share", ""]) == [("ipc", ""), ("net", ""), ("uts", "")]


@pytest.mark.parametrize(
    ("found", "bits", "words"),
    [
        ([], 4, "NoFileComp"),
        (["a"], 4, "NoFileComp"),
        (["a", ":nospace"], 6, "NoSpace, ShellCompDirectiveNoFileComp"),
        ([":file"], 0, "Default"),
        (["a", ":file", ":nospace"], 2, "NoSpace"),
        ([":dir"], 16, "FilterDirs"),
    ],
)
def test_what_the_shell_is_told(
    found: list[str], bits: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers and words are those of cobra's completion."""
    monkeypatch.setattr(completion, "complete", lambda *_: [(word, "") for word in found])
    out, err = io.StringIO(), io.StringIO()
    assert main(PROGRAM, ["__complete", "x"], {}, io.StringIO(), out, err) == 0
    shown = [word for word in found if word not in completion.STEERING]
    assert out.getvalue().splitlines() == [*shown, f":{bits}"]
    assert err.getvalue() == f"Completion ended with directive: ShellCompDirective{words}\n"


def test_a_completer_that_fails_is_silent() -> None:
    """What it had found so far is offered."""
    for error in ("KeyError", "NotFound", "OSError", ""):
        out, err = io.StringIO(), io.StringIO()
        argv = ["__complete", "--root", "/x", "run", "--broken", error]
        assert main(PROGRAM, argv, {}, io.StringIO(), out, err) == 0
        assert out.getvalue() == (f"{error}\n:4\n")
        assert "ailed" not in err.getvalue()


def test_completion_of_arguments() -> None:
    def run(*words: str) -> str:
        out = io.StringIO()
        main(PROGRAM, ["__complete", *words], {}, io.StringIO(), out, io.StringIO())
        return out.getvalue()

    assert run("rm", "w") == "web\trunning\nworker\n:4\n"
    assert run("rm", "-f", "web\trunning", "w") == "worker\n:4\n"
    assert run("--root", "/x", "rm", "--", "d") == "db\n:4\n"
    assert run("ps", "") == ":4\n"


def _bash(line: str, tmp_path: Path) -> list[str]:
    """What bash offers for a line, with a program that answers from the sample."""
    fake = tmp_path / "sample"
    root = Path(__file__).resolve().parents[3]
    import sys

    fake.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path[:0] = [{str(root / 'shared')!r}, {str(root / 'tests')!r}]\n"
        "from unit.cli.sample_commands import PROGRAM\nfrom ocicore.cli.main import entry\nentry(PROGRAM)\n"
    )
    fake.chmod(0o755)
    words = [word for part in line.split(" ") for word in re.findall("[=:]+|[^=:]+|^$", part)]
    listed = " ".join(f"'{word}'" for word in words)
    driver = (
        f"{script('sample', 'bash')}\nPATH={tmp_path}:$PATH\ncd {tmp_path}; COMP_WORDBREAKS='\"=:'\n"
        f"COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _sample_complete\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", driver], capture_output=True, text=True)
    assert done.stderr == ""
    return [word for word in done.stdout.splitlines() if word]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("sample con", ["container"]),
        ("sample rm w", ["web", "worker"]),
        ("sample rm x", []),
        # bash has broken these at "=" and ":", and replaces only what stands behind.
        ("sample ps --sort=i", ["id"]),
        ("sample ps --sort i", ["id"]),
        ("sample ps --sort=", ["created", "id", "names"]),
        ("sample run --filter status=r", ["running"]),
        ("sample run --filter=status=r", ["running"]),
        ("sample run --filter pod:", ["one", "two"]),
        ("sample run --filter sta", ["status=", "status=exited", "status=running"]),
        # The shell's own names, where no word fits.
        ("sample ps --from ", ["a folder"]),
        ("sample ps --from=a", ["a folder"]),
        ("sample run --when s", ["sample", "some file"]),
        ("sample run --when=so", ["some file"]),
        ("sample run --when a", ["always"]),
        ("sample rm s", []),
    ],
)
def test_bash_script(tmp_path: Path, line: str, offered: list[str]) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "some file").touch()
    assert sorted(_bash(line, tmp_path)) == offered


def test_scripts_parse() -> None:
    for shell in ("bash",):
        assert subprocess.run([shell, "-n"], input=script("pypod-systemd", shell), text=True).returncode == 0
    for shell in ("zsh", "fish"):
        assert "__complete" in script("pypod", shell)
    with pytest.raises(InvalidInput, match='unsupported shell "csh"'):
        script("pypod", "csh")


def test_completion_command(tmp_path: Path) -> None:
    assert page("completion", "bash") == script("sample", "bash")
    assert "__completeNoDesc" in page("completion", "--no-desc", "fish")
    page("completion", "zsh", "-f", str(tmp_path / "_sample"))
    assert (tmp_path / "_sample").read_text() == script("sample", "zsh")


def test_completion_for_packagers(capsys: pytest.CaptureFixture[str]) -> None:
    assert completion.main(["--program", "pypod", "--shell", "fish"]) == 0
    assert capsys.readouterr().out == script("pypod", "fish")
    assert completion.main(["--program", "pypod", "--shell", "csh"]) == 1
    assert completion.main(["--program", "pypod"]) == 2


def test_manual_pages() -> None:
    found = dict(man.pages(PROGRAM))
    assert set(found) >= {
        "sample.1",
        "sample-run.1",
        "sample-ps.1",
        "sample-container.1",
        "sample-container-list.1",
    }
    assert "sample-fail.1" not in found
    assert found["sample-container-list.1"] == ".so man1/sample-ps.1\n"
    text = found["sample-run.1"]
    assert "\\fB\\-p\\fR, \\fB\\-\\-publish\\fR=\\fILIST\\fR" in text
    assert "\\fB\\-\\-pull\\fR[=\\fITEXT\\fR]" in text
    assert '.SH "RESOURCES"' in text
    assert "secret" not in text


def test_manual_pages_are_sound() -> None:
    for name, text in man.pages(PROGRAM):
        if text.startswith(".so"):
            continue
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-z"], input=text.encode(), capture_output=True
        )
        assert done.stderr == b"", name


def test_the_page_of_quadlet_has_every_key() -> None:
    text = man_quadlet.page()
    for section, table in keys.KEYS.items():
        part = text.partition(f'"KEYS OF [{section.upper()}]"')[2].partition(".SH")[0]
        assert [line for line in part.splitlines() if line.startswith("\\fB") and line.endswith("=")] == [
            f"\\fB{name}\\fR=" for name in table
        ]
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=text.encode(), capture_output=True)
    assert done.stderr == b""


def test_manual_escapes() -> None:
    assert man.escape(".dot 'q' a-b \\x é") == "\\&.dot 'q' a\\-b \\ex \\[u00E9]"


def test_manual_of_an_unknown_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert man.main(["--program", "no-such", "--out", str(tmp_path)]) == 1
    assert 'no program "no-such"' in capsys.readouterr().err
    assert man.main([]) == 2


def test_plain_progress() -> None:
    stream = io.StringIO()
    with progress.shown(stream) as report:
        report.note("Getting image source signatures")
        report.blob_started("sha256:" + "a" * 64, 5, "blob")
        report.blob_done("sha256:" + "a" * 64, skipped=True)
    assert stream.getvalue() == f"Getting image source signatures\nCopying blob sha256:{'a' * 64}\n"


def test_quiet_progress() -> None:
    stream = io.StringIO()
    with progress.shown(stream, quiet=True) as report:
        report.note("x")
    assert stream.getvalue() == ""


def test_json_progress() -> None:
    stream = io.StringIO()
    with progress.shown(stream, json=True) as report:
        report.blob_started("sha256:x", 10 << 20, "blob")
        report.blob_progress("sha256:x", 100)
        report.blob_progress("sha256:x", 2 << 20)
        report.blob_done("sha256:x", skipped=False)
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["start", "progress", "done"]
    assert events[1]["done"] == 2 << 20


def test_bars() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with progress.shown(stream) as report:
        report.note("Getting image source signatures")
        report.blob_started("sha256:" + "ab" * 32, 10, "blob")
        report.blob_progress("sha256:" + "ab" * 32, 5)
        report.blob_done("sha256:" + "ab" * 32, skipped=False)
        report.blob_done("sha256:unknown", skipped=True)
    assert "Copying blob abababababab done" in stream.getvalue()
    assert "Copying blob unknown skipped: already exists" in stream.getvalue()


def test_pages_of_options_without_help() -> None:
    stream = io.StringIO()
    Page("sample ps", PS.summary, options=PS.options).print(stream, width=80)
    assert "--tls-verify" in stream.getvalue()


def test_a_command_with_other_names_lists_them() -> None:
    stream = io.StringIO()
    Page("sample build", "Builds.", aliases=("build", "bud")).print(stream, width=80)
    assert "Aliases" in stream.getvalue()
    assert "build, bud" in stream.getvalue()
