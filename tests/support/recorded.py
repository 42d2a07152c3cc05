"""Conversations with public registries, replayed: what was asked must come in order, what was answered is given."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ocicore.registry.http import Response


@dataclass
class Exchange:
    """One request and its answer.

    Attributes:
        sent: headers that must be there, "" for one that must not.
    """

    method: str
    url: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | dict[str, object] = b""
    sent: dict[str, str] = field(default_factory=dict)


class _Raw(io.BytesIO):
    def read(self, amount: int | None = -1, /) -> bytes:
        return super().read(amount)


class Recorded:
    """A transport that has the conversation ready."""

    def __init__(self, *exchanges: Exchange) -> None:
        self._left = list(exchanges)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Any, /) -> Response:
        assert self._left, f"unexpected {method} {url}"
        expected = self._left.pop(0)
        assert (method, url) == (expected.method, expected.url)
        for name, value in expected.sent.items():
            assert headers.get(name, "") == value, name
        data = json.dumps(expected.body).encode() if isinstance(expected.body, dict) else expected.body
        answered = {"Content-Length": str(len(data)), **expected.headers}
        return Response(expected.status, answered, url, _Raw(data), has_body=method != "HEAD")

    def close(self) -> None:
        """Nothing is open."""

    def finished(self) -> bool:
        """Whether everything was asked."""
        return not self._left
