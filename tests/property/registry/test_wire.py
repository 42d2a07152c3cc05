"""The HTTP client against whatever a server may send: it reads it, or says that it is no HTTP; nothing else happens."""

from __future__ import annotations

import _socket
import contextlib
import socket
import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from ocicore.registry import wire
from ocicore.registry.problems import CutConnection

HEADS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 404 Not Found\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n",
        b"HTTP/1.1 200\r\n",
        b"HTTP/2 200\r\n",
        b"",
    ]
)
FIELDS = st.lists(
    st.sampled_from(
        [
            b"Content-Length: 5\r\n",
            b"Content-Length: -5\r\n",
            b"Content-Length: 99999999999999999999\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Connection: close\r\n",
            b"no colon\r\n",
            b" folded: yes\r\n",
            b"X: \xff\r\n",
        ]
    ),
    max_size=4,
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [b"5\r\nhello\r\n0\r\n\r\n", b"fffffffffffffffff\r\n", b"-1\r\n", b"5\r\nhelloXX\r\n0\r\n\r\n"]
    ),
)


def _exchange(answer: bytes, method: str = "GET") -> bytes | str:
    """The body of an answer, or the name of what was raised."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        connected = _socket.socket(ours.family, ours.type, ours.proto, ours.detach())
        connection = wire.Connection(connected)
        connection.set_timeout(5)
        try:
            connection.request(method, "/", "h", {}, None)
            return connection.answer(method).read()
        except (wire.Malformed, CutConnection, OSError) as exc:
            return type(exc).__name__
        finally:
            connection.close()


@settings(max_examples=200, deadline=None)
@given(head=HEADS, fields=FIELDS, body=BODIES)
def test_answers_of_any_kind(head: bytes, fields: list[bytes], body: bytes) -> None:
    _exchange(head + b"".join(fields) + b"\r\n" + body)


class _Slow:
    """A socket that gives so many bytes at a time."""

    def __init__(self, data: bytes, amount: int) -> None:
        self._data, self._amount = data, amount

    def recv(self, most: int) -> bytes:
        amount = min(most, self._amount)
        found, self._data = self._data[:amount], self._data[amount:]
        return found


def _head(data: bytes, amount: int) -> tuple[object, ...]:
    connection = wire.Connection(_Slow(data, amount))  # type: ignore[arg-type]
    try:
        answer = connection.answer("GET")
        return answer.status, answer.headers, answer.read()
    except (wire.Malformed, CutConnection, OSError) as exc:
        return (type(exc),)


@settings(max_examples=500, deadline=None)
@given(
    data=st.lists(
        st.one_of(
            HEADS,
            FIELDS.map(b"".join),
            st.sampled_from([b"\r\n", b"\n", b"\r", b"A: b\n", b"hello", b"\r\n\r\n"]),
        ),
        max_size=8,
    ).map(b"".join)
)
def test_it_makes_no_difference_how_a_head_arrives(data: bytes) -> None:
    assert _head(data, 1) == _head(data, 100_000) == _head(data, 7)


@settings(max_examples=100, deadline=None)
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=3000), max_size=6), method=st.sampled_from(["GET", "HEAD"])
)
def test_chunks_are_put_together(pieces: list[bytes], method: str) -> None:
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"
    assert _exchange(answer, method) == (b"".join(pieces) if method == "GET" else b"")


@settings(max_examples=50, deadline=None)
@given(pieces=st.lists(st.binary(max_size=2000), max_size=5), known=st.booleans())
def test_bodies_arrive_as_they_were(pieces: list[bytes], known: bool) -> None:
    data = b"".join(pieces)
    ours, theirs = socket.socketpair()
    received: list[bytes] = []

    def serve() -> None:
        with theirs, contextlib.suppress(OSError):
            file = theirs.makefile("rb")
            headers = dict(
                line.rstrip(b"\r\n").split(b": ", 1) for line in iter(file.readline, b"\r\n") if b": " in line
            )
            if b"Content-Length" in headers:
                received.append(file.read(int(headers[b"Content-Length"])))
            else:
                while size := int(file.readline(), 16):
                    received.append(file.read(size))
                    file.readline()
            file.close()

    thread = threading.Thread(target=serve)
    thread.start()
    connection = wire.Connection(_socket.socket(ours.family, ours.type, ours.proto, ours.detach()))
    headers = {"Content-Length": str(len(data))} if known else {}
    connection.request("PUT", "/", "h", headers, iter(pieces))
    connection.close()
    thread.join(5)
    assert b"".join(received) == data
