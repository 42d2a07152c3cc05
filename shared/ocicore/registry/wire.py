"""One HTTP/1.1 connection (RFC 9112): requests out, answers in, over a plain socket or TLS.

Written for registries' traffic, because importing http.client costs more than a whole `skopeo inspect`. For plain
HTTP not even `socket` is imported; its C half does.
"""

from __future__ import annotations

import _socket

from ocicore.registry.problems import CutConnection

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Mapping
    from typing import IO

    Socket = _socket.socket | ssl.SSLSocket

#: Bytes of a status line and headers that are accepted, and of one chunk's size line.
_MAX_HEAD = 64 * 1024
_MAX_LINE = 1024
_HEAD_PIECE = 8192
_PIECE = 1 << 18


class Malformed(Exception):
    """The server does not speak HTTP/1."""


class Connection:
    """A connected socket and what was received beyond the last answer."""

    __slots__ = ("_buffer", "_socket", "used")

    def __init__(self, connected: Socket) -> None:
        self._socket: Socket | None = connected
        self._buffer = b""
        self.used = False

    def request(
        self,
        method: str,
        target: str,
        host: str,
        headers: Mapping[str, str],
        body: bytes | IO[bytes] | Iterable[bytes] | None,
    ) -> None:
        """Send a request; a body of unknown length goes in chunks. Raises OSError, and what the body raises."""
        self.used = True
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Accept-Encoding: identity"]
        names = set()
        for name, value in headers.items():
            if any(sign in name or sign in value for sign in "\r\n"):
                raise Malformed(f"header {name.strip()!r} holds a line break")
            names.add(name.lower())
            lines.append(f"{name}: {value}")
        chunked = False
        if isinstance(body, bytes):
            if "content-length" not in names:
                lines.append(f"Content-Length: {len(body)}")
        elif body is not None and "content-length" not in names:
            chunked = True
            lines.append("Transfer-Encoding: chunked")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        if isinstance(body, bytes):
            self._send(head + body if len(body) <= _PIECE else head)
            if len(body) > _PIECE:
                self._send(body)
            return
        self._send(head)
        if body is None:
            return
        for piece in _pieces(body):
            if not piece:
                continue
            if chunked:
                self._send(b"%x\r\n" % len(piece))
                self._send(piece)
                self._send(b"\r\n")
            else:
                self._send(piece)
        if chunked:
            self._send(b"0\r\n\r\n")

    def answer(self, method: str) -> Answer:
        """Read an answer's head. Raises OSError, ConnectionError, Malformed."""
        while True:
            status, headers, version = self._head()
            if status >= 200:
                return Answer(self, method, status, headers, version)
            if status == 101:
                raise Malformed("the server wants to switch protocols")

    def set_timeout(self, seconds: float) -> None:
        """Seconds without a byte before a read or write fails with TimeoutError."""
        if self._socket is not None:
            self._socket.settimeout(seconds)

    def is_open(self) -> bool:
        """Whether it was not closed by us."""
        return self._socket is not None

    def fileno(self) -> int:
        """Number of the socket's descriptor, -1 when it is closed."""
        return self._socket.fileno() if self._socket is not None else -1

    def is_spent(self) -> bool:
        """Whether nothing was received beyond what was read."""
        return not self._buffer

    def close(self) -> None:
        """Close the socket; again at will."""
        if self._socket is not None:
            try:
                self._socket.close()
            except OSError:
                pass
            self._socket = None

    def receive(self, amount: int) -> bytes:
        """Up to `amount` bytes, b"" when the server closed."""
        if self._buffer:
            data, self._buffer = self._buffer[:amount], self._buffer[amount:]
            return data
        if self._socket is None:
            raise ConnectionResetError(0, "connection was closed")
        return self._socket.recv(amount)

    def line(self, limit: int) -> bytes:
        """One line without its end."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > limit:
                raise Malformed("a line of the answer is too long")
            more = self._socket.recv(4096) if self._socket is not None else b""
            if not more:
                raise ConnectionResetError(0, "connection closed in the middle of the answer")
            self._buffer += more
        found, _, self._buffer = self._buffer.partition(b"\n")
        return found.rstrip(b"\r")

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            raise ConnectionResetError(0, "connection was closed")
        self._socket.sendall(data)

    def _head(self) -> tuple[int, dict[str, str], bytes]:
        lines = self._head_lines()
        words = next(lines).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            raise Malformed("the answer is not HTTP")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or name != name.strip():
                raise Malformed("a header of the answer is malformed")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return int(words[1]), headers, words[0]

    def _head_lines(self) -> Iterator[bytes]:
        """The lines before the empty one; all at once where they came in one piece, as they nearly always do."""
        if not self._buffer and self._socket is not None:
            self._buffer = self._socket.recv(_HEAD_PIECE)
        end = self._buffer.find(b"\r\n\r\n")
        if 0 <= end <= _MAX_HEAD:
            head = self._buffer[:end]
            # A lone line feed ends a line, too, and may have ended the head before.
            if head.count(b"\n") == head.count(b"\r\n"):
                self._buffer = self._buffer[end + 4 :]
                yield from head.split(b"\r\n")
                return
        left = _MAX_HEAD
        yield self.line(left)
        while line := self.line(left):
            left -= len(line)
            if left < 0:
                raise Malformed("the answer's headers are too long")
            yield line


class Answer:
    """An answer's head and its unread body.

    Attributes:
        keeps: whether the connection can carry another request once the body was read.
    """

    __slots__ = ("_chunked", "_connection", "_ended", "_left", "headers", "keeps", "status")

    def __init__(
        self, connection: Connection, method: str, status: int, headers: dict[str, str], version: bytes
    ) -> None:
        self._connection = connection
        self.status = status
        self.headers = headers
        wish = headers.get("connection", "").lower()
        self.keeps = "close" not in wish and (version != b"HTTP/1.0" or "keep-alive" in wish)
        self._chunked = headers.get("transfer-encoding", "").lower().endswith("chunked")
        self._left: int | None = None
        length = headers.get("content-length", "").partition(",")[0].strip()
        if self._chunked:
            self._left = 0
        elif length.isascii() and length.isdigit():
            self._left = int(length)
        else:
            self.keeps = self.keeps and (method == "HEAD" or status in (204, 304))
        self._ended = method == "HEAD" or status in (204, 304) or (self._left == 0 and not self._chunked)

    @property
    def ended(self) -> bool:
        """Whether the whole body was read."""
        return self._ended

    def read(self, amount: int = -1, /) -> bytes:
        """What one receive brings, up to `amount` bytes; everything when negative; b"" at the end."""
        if amount < 0:
            return b"".join(iter(lambda: self.read(_PIECE), b""))
        if self._ended:
            return b""
        if self._chunked and self._left == 0:
            if not self._next_chunk():
                return b""
        wanted = amount if self._left is None else min(amount, self._left)
        data = self._connection.receive(wanted)
        if not data:
            self._ended = True
            if self._left is None:
                return b""
            self.keeps = False
            if self._chunked:
                raise CutConnection("connection closed in the middle of the answer")
            return b""
        if self._left is not None:
            self._left -= len(data)
            if self._left == 0:
                if not self._chunked:
                    self._ended = True
                elif self._connection.line(_MAX_LINE):
                    raise Malformed("a chunk of the answer is malformed")
        return data

    def _next_chunk(self) -> bool:
        """Read a chunk's size; False at the end of the body."""
        size = self._connection.line(_MAX_LINE).partition(b";")[0].strip()
        try:
            self._left = int(size, 16)
        except ValueError:
            raise Malformed("a chunk of the answer is malformed") from None
        if self._left < 0:
            raise Malformed("a chunk of the answer is malformed")
        if self._left == 0:
            while self._connection.line(_MAX_LINE):
                pass
            self._ended = True
            return False
        return True

    def close(self) -> None:
        """Nothing by itself: the connection's owner decides."""


def _pieces(body: IO[bytes] | Iterable[bytes]) -> Iterable[bytes]:
    read = getattr(body, "read", None)
    if read is None:
        return body
    return iter(lambda: read(_PIECE), b"")


# -- connecting --------------------------------------------------------------------------------


def connect_plain(host: str, port: int, timeout: float) -> Connection:
    """A TCP connection to the first of the host's addresses that answers. Raises OSError."""
    return Connection(_connected(host, port, timeout))


def connect_tls(host: str, port: int, timeout: float, context: ssl.SSLContext) -> Connection:
    """The same with TLS. Raises OSError, ssl.SSLError among them."""
    import socket

    raw = socket.create_connection((host, port), timeout)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(context.wrap_socket(raw, server_hostname=host))
    except BaseException:
        raw.close()
        raise


def speaks_tls(host: str, port: int, timeout: float) -> bool:
    """Whether a server answers a TLS greeting in TLS. Raises OSError.

    Loading OpenSSL to learn that a test registry speaks plain HTTP takes longer than speaking with it.
    """
    connected = _connected(host, port, timeout)
    try:
        connected.sendall(_GREETING)
        return connected.recv(1) in (b"\x15", b"\x16")  # an alert, or the handshake goes on (RFC 8446 §5.1)
    except ConnectionError:
        return False
    finally:
        connected.close()


def _greeting() -> bytes:
    """A ClientHello (RFC 5246 §7.4.1.2); its session id ends a line, so that servers of HTTP answer at once."""
    session = b"\r\n\r\n".rjust(32, b"-")
    suites = b"\xc0\x2f\xc0\x2b\xc0\x30\xc0\x2c\xc0\x0a\x00\x9c\x00\x2f"
    groups = b"\x00\x0a\x00\x08\x00\x06\x00\x1d\x00\x17\x00\x18"
    formats = b"\x00\x0b\x00\x02\x01\x00"
    signatures = b"\x00\x0d\x00\x0e\x00\x0c\x04\x03\x05\x03\x08\x04\x04\x01\x05\x01\x06\x01"
    extensions = groups + formats + signatures
    hello = b"\x03\x03" + b"~" * 32 + bytes([len(session)]) + session
    hello += len(suites).to_bytes(2, "big") + suites + b"\x01\x00"
    hello += len(extensions).to_bytes(2, "big") + extensions
    handshake = b"\x01" + len(hello).to_bytes(3, "big") + hello
    return b"\x16\x03\x01" + len(handshake).to_bytes(2, "big") + handshake


_GREETING = _greeting()


def _connected(host: str, port: int, timeout: float) -> _socket.socket:
    # As bytes the name spares the IDNA codec, whose import takes 5 ms.
    name: str | bytes = host.encode() if host.isascii() else host
    failure: OSError | None = None
    for family, kind, protocol, _, address in _socket.getaddrinfo(name, port, 0, _socket.SOCK_STREAM):
        connecting = _socket.socket(family, kind | _socket.SOCK_CLOEXEC, protocol)
        try:
            connecting.settimeout(timeout)
            connecting.connect(address)
            connecting.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        except OSError as exc:
            connecting.close()
            failure = failure or exc
            continue
        except BaseException:
            connecting.close()
            raise
        return connecting
    raise failure or OSError(0, "the name has no address")
