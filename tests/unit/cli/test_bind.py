"""argv as podman's library reads it, and its words for what is wrong.

The messages were taken from podman 4.3.1.
"""

from __future__ import annotations

import pytest

from ocicore.cli.bind import Bound, UsageError, assign, bind
from ocicore.cli.declare import Argument, attribute_name
from unit.cli.sample_commands import PROGRAM


def bound(*argv: str, environ: dict[str, str] | None = None) -> Bound:
    result = bind(PROGRAM, list(argv), environ or {})
    assert result is not None
    return result


def message(*argv: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        bind(PROGRAM, list(argv), environ or {})
    return str(caught.value)


def test_values_and_clusters() -> None:
    args = bound("run", "-itd", "-eA=B", "-e", "C=1,2", "-p8080:80,9", "--name=x", "img", "-it", "--rm").args
    assert (args.interactive, args.tty, args.detach, args.rm) == (True, True, True, False)
    assert args.env == ["A=B", "C=1,2"]
    assert args.publish == ["8080:80", "9"]
    assert args.image == "img"
    assert args.command == ["-it", "--rm"]
    assert args.given("env") and args.given("name") and not args.given("rm")


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_true(text: str) -> None:
    assert bound("run", f"--rm={text}", "img").args.rm is True


@pytest.mark.parametrize("text", ["0", "f", "F", "FALSE", "false", "False"])
def test_false(text: str) -> None:
    args = bound("run", "--rm", f"--rm={text}", "img").args
    assert args.rm is False
    assert args.given("rm")


def test_bare_value_never_takes_the_next_word() -> None:
    args = bound("run", "--pull", "never").args
    assert (args.pull, args.image) == ("always", "never")
    assert bound("run", "--pull=never", "img").args.pull == "never"
    assert bound("run", "img").args.pull == "missing"


def test_short_with_equals() -> None:
    assert bound("ps", "-n=4").args.last == 4
    assert bound("ps", "-n4").args.last == 4
    assert bound("ps", "-n", "4").args.last == 4
    assert bound("run", "-e=A=B", "img").args.env == ["A=B"]


def test_value_may_look_like_an_option() -> None:
    args = bound("run", "--name", "--rm", "-e", "-x", "img").args
    assert (args.name, args.env, args.rm) == ("--rm", ["-x"], False)


def test_double_dash() -> None:
    args = bound("rm", "-a", "--", "-f", "x").args
    assert args.containers == ["-f", "x"]
    assert args.dash_at == 0
    assert bound("rm", "y", "--", "x").args.dash_at == 1
    assert bound("run", "img", "--", "x").args.command == ["--", "x"]
    assert bound("run", "--", "--rm", "x").args.image == "--rm"


def test_interspersed_options() -> None:
    args = bound("rm", "one", "-f", "two").args
    assert args.force and args.containers == ["one", "two"]


def test_a_single_dash_is_a_word() -> None:
    assert bound("cp", "-", "x:/").args.source == "-"


def test_global_options_stand_on_both_sides() -> None:
    both = bound("--root", "/a", "ps", "--log-level=debug")
    assert (both.globals.root, both.globals.log_level) == ("/a", "debug")
    assert both.globals.given("root") and both.globals.given("log-level")
    assert bound("container", "--root=/b", "ls").globals.root == "/b"
    assert bound("--root=/a", "ps", "--root=/c").globals.root == "/c"


def test_other_spellings() -> None:
    assert bound("run", "--net", "host", "--network", "x", "img").args.network == ["host", "x"]


def test_shorthand_of_the_command_wins() -> None:
    result = bound("run", "-h", "me", "-cfoo", "img")
    assert result.args.hostname == "me"
    assert result.globals.connection == "foo"


def test_aliases_and_paths() -> None:
    assert bound("container", "ls").path == ("container", "list")
    assert bound("container", "ls").module == bound("ps").module
    assert bound("builder", "rm", "x").args.containers == ["x"]


def test_kinds() -> None:
    args = bound(
        "ps",
        "-vv",
        "-v",
        "--tls-verify=false",
        "--interval",
        "1m30s",
        "--layers",
        "0,-1",
        "--layers=5",
        "--from",
        "/x",
    ).args
    assert args.verbose == 3
    assert args.tls_verify is False
    assert args.interval == 90_000_000_000
    assert args.layers == [0, -1, 5]
    assert args.from_ == "/x" and args.given("from")
    assert bound("ps", "--verbose=7").args.verbose == 7
    assert bound("ps").args.tls_verify is None
    assert bound("run", "--cpus=1.5", "img").args.cpus == 1.5


def test_defaults_are_fresh() -> None:
    bound("run", "img").args.env.append("spoiled")
    assert bound("run", "img").args.env == []


def test_environment() -> None:
    args = bound("ps", environ={"SAMPLE_FORMAT": "json"}).args
    assert args.format == "json" and not args.given("format")
    assert bound("ps", "--format", "x", environ={"SAMPLE_FORMAT": "json"}).args.format == "x"
    assert bound("ps", environ={"SAMPLE_FORMAT": ""}).args.format == "table"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--help"],
        ["help"],
        ["help", "ps"],
        ["container"],
        ["container", "--help"],
        ["ps", "--help"],
        ["ps", "-h"],
        ["run", "--help", "img"],
        ["--root", "x", "--version"],
    ],
)
def test_handed_over(argv: list[str]) -> None:
    assert bind(PROGRAM, argv, {}) is None


def test_help_after_the_image_belongs_to_the_container() -> None:
    assert bound("run", "img", "--help").args.command == ["--help"]
    assert bound("ps", "--help=false").args.all is False


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["run", "--foo"], "unknown flag: --foo\nSee 'sample run --help'"),
        (["run", "-z"], "unknown shorthand flag: 'z' in -z\nSee 'sample run --help'"),
        (["run", "-itz", "img"], "unknown shorthand flag: 'z' in -z\nSee 'sample run --help'"),
        (["ps", "-azq"], "unknown shorthand flag: 'z' in -zq\nSee 'sample ps --help'"),
        (["run", "--name"], "flag needs an argument: --name\nSee 'sample run --help'"),
        (["ps", "-an"], "flag needs an argument: 'n' in -n\nSee 'sample ps --help'"),
        (["ps", "---x"], "bad flag syntax: ---x\nSee 'sample ps --help'"),
        (["ps", "--=x"], "bad flag syntax: --=x\nSee 'sample ps --help'"),
        (
            ["run", "--rm=maybe", "img"],
            'invalid argument "maybe" for "--rm" flag: strconv.ParseBool: parsing "maybe": invalid syntax'
            "\nSee 'sample run --help'",
        ),
        (
            ["ps", "--last", "x"],
            'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax'
            "\nSee 'sample ps --help'",
        ),
        (
            ["ps", "--help=foo"],
            'invalid argument "foo" for "--help" flag: strconv.ParseBool: parsing "foo": invalid syntax'
            "\nSee 'sample ps --help'",
        ),
        (
            ["ps", "--sort=size"],
            'invalid argument "size" for "--sort" flag: must be one of "created", "id", "names"\nSee \'sample ps --help\'',
        ),
        (["--foo", "ps"], "unknown flag: --foo\nSee 'sample --help'"),
        (["--root"], "flag needs an argument: --root\nSee 'sample --help'"),
        (["container", "--foo"], "unknown flag: --foo\nSee 'sample container --help'"),
        (["ps", "x"], "`sample ps` takes no arguments"),
        (["container", "ls", "x"], "`sample container list` takes no arguments"),
        (
            ["ps", "--last=x", "--nope", "-n=y"],
            'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax',
        ),
        (["ps", "--nope", "--last=x"], "unknown flag: --nope"),
        (["run"], "requires at least 1 arg(s), only received 0"),
        (["rm"], "you must provide at least one name or id"),
        (["cp", "a"], "accepts 2 arg(s), received 1"),
        (["completion", "a", "b"], "accepts 1 arg(s), received 2"),
        (["ps", "-a", "-l"], "--all and --latest cannot be used together"),
        (["container", "lx"], "unrecognized command `sample container lx`"),
    ],
)
def test_mistakes(argv: list[str], expected: str) -> None:
    assert message(*argv).startswith(expected)


def test_unknown_command_suggests() -> None:
    assert message("pp") == (
        "unrecognized command `sample pp`\n\nDid you mean this?\n\tps\n\trm\n\tcp\n\n"
        "Try 'sample --help' for more information"
    )
    assert message("fai") == "unrecognized command `sample fai`\nTry 'sample --help' for more information"
    assert "Did you mean" not in message("container", "nothing")


def test_a_condition_lifts_the_minimum() -> None:
    assert bound("rm", "--all").args.containers == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["c", "s"], {"container": "c", "sources": ["s"], "destination": None}),
        (["c", "s", "d"], {"container": "c", "sources": ["s", "d"], "destination": None}),
        (["c"], {"container": "c", "sources": [], "destination": None}),
        ([], {"container": None, "sources": [], "destination": None}),
    ],
)
def test_assignment_is_greedy_from_the_left(words: list[str], expected: dict[str, object]) -> None:
    arguments = (Argument("container"), Argument("sources", max=None), Argument("destination", min=0))
    assert assign(arguments, words) == expected


def test_assignment_leaves_room_for_later_minima() -> None:
    arguments = (Argument("sources", max=None), Argument("destination"))
    assert assign(arguments, ["a", "b", "c"]) == {"sources": ["a", "b"], "destination": "c"}
    assert assign(arguments, ["a"]) == {"sources": ["a"], "destination": None}


def test_attribute_names() -> None:
    assert attribute_name("log-level") == "log_level"
    assert attribute_name("from") == "from_"
    assert attribute_name("import") == "import_"
    assert attribute_name("form") == "form"
