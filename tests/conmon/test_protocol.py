"""conmon/protocol.h and its Python mirror say the same."""

from __future__ import annotations

import re

from ocicore.runtime import monitor_protocol
from support.programs import REPOSITORY

_DEFINE = re.compile(r'^#define ([A-Z0-9_]+) (?:"([^"]*)"|(-?[0-9]+))$', re.MULTILINE)


def test_header_and_module_have_the_same_constants() -> None:
    header = (REPOSITORY / "conmon" / "protocol.h").read_text()
    defined: dict[str, object] = {
        name: text if text or not number else int(number) for name, text, number in _DEFINE.findall(header)
    }
    module = {name: value for name, value in vars(monitor_protocol).items() if name.isupper()}
    assert len(defined) > 35
    assert defined == module


def test_every_macro_of_the_header_is_compared() -> None:
    header = (REPOSITORY / "conmon" / "protocol.h").read_text()
    names = set(re.findall(r"^#define ([A-Z0-9_]+)", header, re.MULTILINE)) - {"CONMON_PROTOCOL_H"}
    assert names == {name for name, _, _ in _DEFINE.findall(header)}
