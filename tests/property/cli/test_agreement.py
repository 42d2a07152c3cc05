"""The fast binder and the Typer application read every command line alike, for every declared command."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocicore.cli import bind, typer_app
from ocicore.cli.declare import Option, Program
from support.declared import commands, leaves
from unit.cli.sample_commands import PROGRAM as SAMPLE

_TEXTS = {
    "bool": ("true", "0", "F", "maybe"),
    "tristate": ("false", "1", ""),
    "count": ("3", "x"),
    "int": ("5", "-3", "0x1f", "x"),
    "uint": ("5", "-1"),
    "float": ("1.5", "1e3", "x"),
    "duration": ("1h30m", "10s", "5"),
    "ints": ("1,2", "-1", "x"),
}
_ANY = ("x", "a,b", '"q,r",s', "", "-", "5", "--all", "-i", "a=b", "=", "é")
_POSITIONALS = ("img", "a", "-", "b c", "é")
_MISTAKES = ("--no-such-option", "-@", "---", "--=x", "--")


@st.composite
def _use(draw: st.DrawFn, options: tuple[Option, ...]) -> list[str]:
    """One use of an option, in any spelling that the library knows."""
    option = draw(st.sampled_from(options))
    text = draw(st.sampled_from(_TEXTS.get(option.kind, option.choices or _ANY)))
    long = "--" + draw(st.sampled_from((option.long, *option.also)))
    if not option.takes_value():
        bare = [[long], [f"{long}={text}"]]
        if option.short:
            bare += [[f"-{option.short}"], [f"-{option.short}{option.short}"]]
        return draw(st.sampled_from(bare))
    spellings = [[long, text], [f"{long}={text}"]]
    if option.short:
        flags = [other.short for other in options if other.short and not other.takes_value()]
        cluster = "".join(draw(st.lists(st.sampled_from(flags), max_size=2))) if flags else ""
        spellings += [[f"-{cluster}{option.short}", text], [f"-{cluster}{option.short}{text}"]]
        spellings.append([f"-{option.short}={text}"])
    return draw(st.sampled_from(spellings))


@st.composite
def _lines(draw: st.DrawFn, program: Program, path: tuple[str, ...], module: str) -> list[str]:
    command = bind.load_command(module)
    shared = tuple(program.options)
    own = tuple(command.options)
    argv: list[str] = []
    if shared:
        for use in draw(st.lists(_use(shared), max_size=1)):
            argv += use
    argv += path
    parts = [st.sampled_from([[word] for word in _POSITIONALS])]
    if own:
        parts += [_use(own)] * 3
    if shared:
        parts.append(_use(shared))
    parts.append(st.sampled_from([[word] for word in _MISTAKES]))
    for part in draw(st.lists(st.one_of(parts), max_size=5)):
        argv += part
    return argv


def _meaning(bound: bind.Bound) -> tuple[object, ...]:
    return (
        bound.path,
        bound.module,
        bound.args.as_dict(),
        bound.args.given_names(),
        bound.args.positionals,
        bound.args.dash_at,
        bound.globals.as_dict(),
        bound.globals.given_names(),
    )


def _agree(program: Program, argv: list[str]) -> None:
    try:
        bound = bind.bind(program, argv, {})
    except bind.UsageError:
        with pytest.raises(Exception) as caught:
            typer_app.parse(program, argv, {})
        # click's usage errors live in different packages in different versions of Typer
        assert isinstance(caught.value, bind.UsageError) or hasattr(caught.value, "format_message")
        return
    if bound is None:  # help or the version was asked for
        return
    assert _meaning(typer_app.parse(program, argv, {})) == _meaning(bound)


_COMMANDS = commands()


@pytest.mark.parametrize(
    ("program", "path", "module"), _COMMANDS, ids=[" ".join((p.name, *path)) for p, path, _ in _COMMANDS]
)
@settings(
    max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
@given(data=st.data())
def test_every_command(program: Program, path: tuple[str, ...], module: str, data: st.DataObject) -> None:
    _agree(program, data.draw(_lines(program, path, module)))


_SAMPLES = list(leaves(SAMPLE.commands))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_every_kind_of_option(data: st.DataObject) -> None:
    path, module = data.draw(st.sampled_from(_SAMPLES))
    _agree(SAMPLE, data.draw(_lines(SAMPLE, path, module)))
