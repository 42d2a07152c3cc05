"""Kubernetes quantities: "500m", "1Gi", "2e3" (apimachinery, resource.Quantity)."""

from __future__ import annotations

import re
from decimal import Decimal

from ocicore.errors import InvalidInput

_PATTERN = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([KMGTPE]i|[munkMGTPE]|[eE][+-]?[0-9]+)?")
_BINARY = {f"{letter}i": Decimal(1024) ** (power + 1) for power, letter in enumerate("KMGTPE")}
_DECIMAL = {
    "u": Decimal("0.000001"),
    "n": Decimal("0.000000001"),
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** (power + 1) for power, letter in enumerate("kMGTPE")},
}


def parse(value: object, where: str) -> Decimal:
    """Raises InvalidInput."""
    matched = _PATTERN.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if matched is None or isinstance(value, bool):
        raise InvalidInput(f"{where}: {value!r} is no quantity", hint='for example "500m" or "1Gi"')
    amount, suffix = Decimal(matched[1]), matched[2] or ""
    if suffix in _BINARY:
        return amount * _BINARY[suffix]
    if suffix in _DECIMAL:
        return amount * Decimal(_DECIMAL[suffix])
    return amount.scaleb(int(suffix[1:])) if suffix else amount


def whole(value: object, where: str) -> int:
    """Bytes or counts, rounded up. Raises InvalidInput."""
    return int(parse(value, where).to_integral_value(rounding="ROUND_CEILING"))


def milli(value: object, where: str) -> int:
    """Thousandths (of a processor), rounded up. Raises InvalidInput."""
    return int((parse(value, where) * 1000).to_integral_value(rounding="ROUND_CEILING"))


def shown(amount: int) -> str:
    """Bytes as Kubernetes prints them: in the largest binary unit without a rest."""
    for power, letter in reversed(list(enumerate("KMGTPE"))):
        unit = 1024 ** (power + 1)
        if amount and amount % unit == 0:
            return f"{amount // unit}{letter}i"
    return str(amount)
