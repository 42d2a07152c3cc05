from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ocicore.oci.reference import InvalidReference, parse, parse_normalized

# The grammar of distribution's reference package, as regular expressions: an independent statement of the same rules.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?:(?:{_DOMAIN})/)?{_COMPONENT}(?:/{_COMPONENT})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
    re.ASCII,
)

texts = st.text(alphabet="abAB01._-/:@[]é \n", max_size=24) | st.from_regex(
    _REFERENCE, fullmatch=True
).filter(lambda text: len(text) < 300)


@given(texts)
def test_accepts_what_the_grammar_accepts(text: str) -> None:
    try:
        reference = parse(text)
    except InvalidReference:
        assert not _REFERENCE.fullmatch(text) or len(text) > 255 or _shadowed(text)
        return
    assert _REFERENCE.fullmatch(text)
    assert str(reference) == text


def _shadowed(text: str) -> bool:
    # The first component looks like a registry but is not a valid one, or the other way round.
    first = text.partition("/")[0]
    return "/" in text and (
        first.lower() != first or not re.fullmatch(_DOMAIN, first) or ":" in first or "[" in first
    )


@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    try:
        once = parse_normalized(text)
    except InvalidReference:
        return
    if re.fullmatch(r"[0-9a-f]{64}", once.familiar()):  # said shortly, such a name is an image ID
        return
    assert parse_normalized(str(once)) == once
    assert str(parse_normalized(once.familiar())) == str(once)
