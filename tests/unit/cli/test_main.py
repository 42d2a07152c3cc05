"""From argv to exit status and to one line on standard error."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ocicore.cli.context import format_log
from ocicore.cli.declare import Program
from ocicore.cli.main import main
from unit.cli.sample_commands import PROGRAM


def run(*argv: str, program: Program = PROGRAM) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(program, list(argv), {}, io.StringIO(), out, err)
    return status, out.getvalue(), err.getvalue()


def test_success() -> None:
    status, out, err = run("cp", "a", "b")
    assert (status, err) == (0, "")
    assert out == "sample cp [('destination', 'b'), ('source', 'a')]\n"


def test_status_of_the_handler() -> None:
    assert run("fail", "7")[0] == 7


def test_error_with_hint() -> None:
    status, out, err = run("fail", "error")
    assert (status, out) == (125, "before\n")
    assert err == 'Error: no container with name or ID "x" found (see `sample ps -a`)\n'


def test_status_of_the_error() -> None:
    assert run("fail", "status")[::2] == (127, "Error: the command was not found\n")


def test_no_traceback_unless_asked() -> None:
    status, _, err = run("fail", "bug")
    assert status == 125
    assert (
        err
        == "Error: internal error: KeyError: 'surprise' (run it again with --log-level=debug to see where)\n"
    )
    _, _, err = run("--log-level=debug", "fail", "bug")
    assert "\nTraceback" in err and err.endswith("to see where)\n")


def test_interrupt_and_broken_pipe() -> None:
    assert run("fail", "interrupt") == (130, "before\n", "")
    assert run("fail", "pipe") == (141, "before\n", "")


def test_full_disk() -> None:
    status, _, err = run("fail", "full")
    assert status == 125
    assert err == (
        "Error: /var/lib/layer: no space left on device (free some space or choose another place with --root)\n"
    )


def test_usage_error() -> None:
    assert run("ps", "--foo") == (125, "", "Error: unknown flag: --foo\nSee 'sample ps --help'\n")


def test_log_levels() -> None:
    status, _, err = run("fail", "warn")
    assert status == 3
    assert re.fullmatch(r'time="\S+" level=warning msg="limit \\"nofile\\" was clamped"\n', err)
    assert run("--log-level", "error", "fail", "warn")[2] == ""
    assert "level=debug msg=details" in run("--log-level=debug", "fail", "warn")[2]
    assert "level=debug" in run("-D", "fail", "warn")[2]
    assert run("--log-level=loud", "ps") == (
        1,
        "",
        'Log Level "loud" is not supported, choose from: trace, debug, info, warn, warning, error, fatal, panic\n',
    )


def test_log_line_on_a_terminal() -> None:
    assert format_log("warning", "careful", terminal=True) == "WARN[0000] careful"


def test_deprecated_option_warns() -> None:
    assert run("ps", "--size=3")[2] == "Flag --size has been deprecated, it does nothing\n"


def test_version() -> None:
    for argv in (["--version"], ["-v"], ["--root", "/x", "--version"]):
        assert run(*argv) == (0, "sample version 1.2.3\n", "")


def test_missing_command_prints_help_and_fails() -> None:
    status, out, err = run()
    assert status == 125
    assert "Usage:\n  sample [options] [command]\n" in out
    assert err == "Error: missing command 'sample COMMAND'\n"
    status, out, err = run("container")
    assert (status, err) == (125, "Error: missing command 'sample container COMMAND'\n")
    assert "List containers" in out


def test_logrus_style() -> None:
    program = Program(
        "copier", version="1", summary="", commands=PROGRAM.commands, error_status=1, error_style="logrus"
    )
    status, _, err = run("fail", "error", program=program)
    assert status == 1
    assert re.fullmatch(r'time="\S+" level=fatal msg="no container with name .*"\n', err)


def _python(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[3]
    paths = f"{root}/shared:{root}/tests"
    return subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": paths}, capture_output=True, text=True, **options
    )  # type: ignore[call-overload, no-any-return]


_ENTRY = "from unit.cli.sample_commands import PROGRAM; from ocicore.cli.main import entry; import sys; sys.argv[1:] = {!r}; "


def test_a_working_directory_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    message = "Error: the working directory was removed (change to one that exists)\n"
    assert run("fail", "nowhere") == (125, "before\n", message)


@pytest.mark.parametrize("words", [["ps"], ["ps", "--help"], ["--help"]], ids=" ".join)
def test_full_standard_output_is_noticed(words: list[str]) -> None:
    code = _ENTRY.format(words) + "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1); entry(PROGRAM)"
    done = _python(code)
    assert done.returncode == 125
    assert done.stderr == "Error: writing to standard output: no space left on device\n"


@pytest.mark.parametrize("words", [["ps"], ["ps", "--help"], ["--help"]], ids=" ".join)
def test_closed_reader_is_quiet(words: list[str]) -> None:
    code = _ENTRY.format(words) + "import os; r, w = os.pipe(); os.dup2(w, 1); os.close(r); entry(PROGRAM)"
    done = _python(code)
    assert (done.returncode, done.stderr) == (141, "")


def test_closed_streams() -> None:
    code = _ENTRY.format(["ps"]) + "entry(PROGRAM)"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" <&- >&-', sys.executable, code],
        env={"PYTHONPATH": f"{root}/shared:{root}/tests"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_bytes_that_are_no_text_pass_through() -> None:
    code = _ENTRY.format(["cp", "a\udcff", "b"]) + "entry(PROGRAM)"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code.replace("'a\\udcff'", "'a' + chr(0xdcff)")],
        env={"PYTHONPATH": f"{root}/shared:{root}/tests"},
        capture_output=True,
    )
    assert done.returncode == 0
    assert b"'a\\udcff'" in done.stdout


_HEAVY = (
    "typer rich requests cryptography zstandard isal yaml dataclasses inspect typing pathlib subprocess tempfile"
    " shutil logging argparse asyncio tomllib urllib uuid secrets random hashlib enum re json"
).split()


@pytest.mark.parametrize(
    "argv", [["ps", "-a"], ["run", "--rm", "img", "true"], ["container", "ls"], ["--version"]]
)
def test_hot_path_imports_nothing_heavy(argv: list[str]) -> None:
    """A bare interpreter (-S: no site packages, whose .pth files import things) shows what we import."""
    code = (
        "from ocicore.cli.declare import Command, Option, Program, Argument\n"
        "import sys, io, types\n"
        "module = types.ModuleType('hot_commands'); sys.modules['hot_commands'] = module\n"
        "module.COMMAND = Command('x', options=(Option('all', 'a'), Option('rm')), arguments=(Argument('words', min=0,"
        " max=None),), interspersed=False)\n"
        "module.run = lambda args, ctx: ctx.print(str(args.words))\n"
        "from ocicore.cli.declare import Group\n"
        "table = {name: ('hot_commands', name, ('ls',)) for name in ('ps', 'run')}\n"
        "program = Program('hot', version='1', summary='', commands={**table, 'container': Group('', commands=table)})\n"
        "from ocicore.cli.main import main\n"
        f"status = main(program, {argv!r}, {{}}, sys.stdin, io.StringIO(), sys.stderr)\n"
        f"print(status, sorted(set(sys.modules) & set({_HEAVY!r})))\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": f"{root}/shared"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "0 []\n", done.stderr
