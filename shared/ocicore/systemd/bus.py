"""A manager's methods and jobs: org.freedesktop.systemd1 (its man page), spoken directly.

Managers listen on a private socket (root's /run/systemd/private, a user's $XDG_RUNTIME_DIR/systemd/private) that talks D-Bus
without a bus in between: no names, no matches, and every signal comes unasked. This is on the way of `run` and `exec`, so
no program is started for it and nothing heavy imported.
"""

from __future__ import annotations

import os
import sys
import time

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from typing import Literal

_SYSTEM_SOCKET = "/run/systemd/private"
#: There when systemd is the init system, sd_booted(3).
BOOTED = "/run/systemd/system"
#: D-Bus's names of what a manager says.
UNIT_EXISTS, NO_SUCH_UNIT = "org.freedesktop.systemd1.UnitExists", "org.freedesktop.systemd1.NoSuchUnit"
#: `ManagerError.kind` when nobody listens where the manager should.
NOBODY = "nobody"
#: Seconds for a conversation; most take a millisecond.
_LIMIT = 30.0
_METHOD_RETURN, _ERROR, _SIGNAL = 2, 3, 4
#: Header fields, D-Bus specification "Header Fields".
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SIGNATURE = 1, 2, 3, 4, 5, 6, 8
_LARGEST = 1 << 20
#: systemd answers in the host's order.
_ORDER: Literal["little", "big"] = sys.byteorder
_ORDER_MARK = ord("l") if _ORDER == "little" else ord("B")


class ManagerError(Error):
    """A manager cannot be asked, or refused.

    Attributes:
        kind: D-Bus's name of what the manager said, `NOBODY`, or "".
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


def booted() -> bool:
    """Whether systemd is the init system."""
    return os.path.isdir(BOOTED)


def private_socket(uid: int | None, runtime_dir: str) -> str:
    """Where the manager of a user, or (None) the system's, listens."""
    return _SYSTEM_SOCKET if uid is None else f"{runtime_dir}/systemd/private"


class Link:
    """A connection to a manager, for calls one after the other. Use it with `with`.

    Args:
        about: what is asked for, in messages.
        uid: of a user's manager (the id outside of any user namespace), None for the system's.
        runtime_dir: that user's XDG_RUNTIME_DIR.

    Raises:
        ManagerError
    """

    def __init__(self, about: str, *, uid: int | None = None, runtime_dir: str = "") -> None:
        import _socket

        self._about = about
        self._place = private_socket(uid, runtime_dir)
        self._serial = 0
        #: Results of jobs that ended, by the job's path.
        self._ended: dict[str, str] = {}
        self._deadline = time.monotonic() + _LIMIT
        self._data = b""
        name = str(os.geteuid() if uid is None else uid)
        self._socket: socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        # The greeting goes out with the first call: a manager reads on once it has let us in.
        self._unsent = b"\0AUTH EXTERNAL " + name.encode().hex().encode() + b"\r\nBEGIN\r\n"
        self._greeted = False
        try:
            self._socket.settimeout(_LIMIT)
            self._socket.connect(self._place)
        except OSError as error:
            self._socket.close()
            raise self._failed(error, NOBODY) from None

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def call(self, member: str, signature: str = "", body: Writer | None = None) -> bytes:
        """Ask the manager and wait for its answer, whose body is returned. Raises ManagerError."""
        self._serial += 1
        request = self._unsent + _request(member, signature, body or Writer(), self._serial)
        self._unsent = b""
        try:
            self._socket.sendall(request)
            if not self._greeted:
                self._greeting()
            while True:
                kind, fields, answer = self._message()
                if fields.get(_REPLY_SERIAL) != self._serial:
                    self._note(kind, fields, answer)
                elif kind == _METHOD_RETURN:
                    return answer
                elif kind == _ERROR:
                    name = str(fields.get(_ERROR_NAME, ""))
                    raise self._error(text(answer, 0)[0] if answer else name, name)
        except OSError as error:
            raise self._failed(error) from None
        except IndexError:
            raise self._error("a message is cut off") from None

    def job(self, answer: bytes) -> str:
        """Wait for the end of the job that a call's answer names; its result, "done" when all is well. Raises ManagerError."""
        try:
            path = text(answer, 0)[0]
            while path not in self._ended:
                self._note(*self._message())
            return self._ended.pop(path)
        except OSError as error:
            raise self._failed(error) from None
        except IndexError:
            raise self._error("a message is cut off") from None

    def _note(self, kind: int, fields: dict[int, str | int], body: bytes) -> None:
        if kind == _SIGNAL and fields.get(_MEMBER) == "JobRemoved":
            path, at = text(body, 4)
            _, at = text(body, at)
            self._ended[path] = text(body, at)[0]

    def _error(self, reason: str, kind: str = "") -> ManagerError:
        return ManagerError(f"asking systemd for {self._about}: {' '.join(reason.split())}", kind)

    def _failed(self, error: OSError, kind: str = "") -> ManagerError:
        return self._error(f"{self._place}: {(error.strerror or str(error)).lower()}", kind)

    def _greeting(self) -> None:
        line = b""
        while not line.endswith(b"\r\n"):
            if len(line) > 1024:
                raise self._error("no D-Bus is spoken there")
            line += self._take(1)
        if not line.startswith(b"OK "):
            raise self._error("it does not let us in")
        self._greeted = True

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            # A busy manager's signals come all the time, so that no single read would ever take too long.
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise self._error("it does not answer")
            self._socket.settimeout(left)
            more = self._socket.recv(65536)
            if not more:
                raise self._error("it hung up")
            self._data += more
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def _message(self) -> tuple[int, dict[int, str | int], bytes]:
        """(type, header fields that are text or numbers, body) of the next message."""
        fixed = self._take(16)
        if fixed[0] != _ORDER_MARK:
            raise self._error("a message in another byte order")
        body_size = int.from_bytes(fixed[4:8], _ORDER)
        fields_size = int.from_bytes(fixed[12:16], _ORDER)
        if body_size > _LARGEST or fields_size > _LARGEST:
            raise self._error("a message that is too large")
        data = self._take(fields_size + -fields_size % 8)[:fields_size]
        found: dict[int, str | int] = {}
        at = 0
        # The fields begin at byte 16, so positions in them are aligned as in the message.
        while at < fields_size:
            code, kind = data[at], data[at + 2 : at + 3]
            at += 4
            if kind in (b"s", b"o"):
                found[code], at = text(data, at)
            elif kind == b"u":
                found[code] = int.from_bytes(data[at : at + 4], _ORDER)
                at += 4
            elif kind == b"g":
                at += data[at] + 2
            else:
                raise self._error("an unknown header field")
            at += -at % 8
        return fixed[1], found, self._take(body_size)


def text(data: bytes, at: int) -> tuple[str, int]:
    """(string, position after it) at a position that is aligned up. Raises IndexError when the message ends before it."""
    at += -at % 4
    end = at + 4 + int.from_bytes(data[at : at + 4], _ORDER)
    if end >= len(data):
        raise IndexError
    return data[at + 4 : end].decode("utf-8", "replace"), end + 1


class Writer:
    """Values, each aligned as its type wants (D-Bus specification, "Marshaling"). Raises ManagerError for what is no text."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data = bytearray()

    def align(self, size: int) -> None:
        self.data += bytes(-len(self.data) % size)

    def number(self, value: int) -> None:
        """u, or b."""
        self.align(4)
        self.data += value.to_bytes(4, _ORDER)

    def large(self, value: int) -> None:
        """t."""
        self.align(8)
        self.data += value.to_bytes(8, _ORDER)

    def text(self, value: str) -> None:
        """s, or o."""
        try:
            data = value.encode()
        except UnicodeEncodeError:
            raise ManagerError(f"asking systemd: {value!a} is no UTF-8") from None
        self.number(len(data))
        self.data += data + b"\0"

    def signature(self, value: str) -> None:
        """g."""
        self.data += bytes((len(value),)) + value.encode() + b"\0"

    def numbers(self, *values: int) -> None:
        """au."""
        start = self.array(4)
        for value in values:
            self.number(value)
        self.end(start, 4)

    def texts(self, *values: str) -> None:
        """as."""
        start = self.array(4)
        for value in values:
            self.text(value)
        self.end(start, 4)

    def array(self, alignment: int) -> int:
        """Begins an array; what `end` needs."""
        self.number(0)
        start = len(self.data) - 4
        self.align(alignment)
        return start

    def end(self, start: int, alignment: int) -> None:
        """Ends the array that began there."""
        first = start + 4 + (-(start + 4) % alignment)
        self.data[start : start + 4] = (len(self.data) - first).to_bytes(4, _ORDER)

    def property(self, name: str, signature: str) -> None:
        """Begins an entry of a(sv); its value follows."""
        self.align(8)
        self.text(name)
        self.signature(signature)


def _request(member: str, signature: str, body: Writer, serial: int) -> bytes:
    head = Writer()
    head.data += bytes((_ORDER_MARK, 1, 0, 1))
    head.number(len(body.data))
    head.number(serial)
    fields = head.array(8)
    for code, kind, value in (
        (_PATH, "o", "/org/freedesktop/systemd1"),
        (_INTERFACE, "s", "org.freedesktop.systemd1.Manager"),
        (_MEMBER, "s", member),
        (_DESTINATION, "s", "org.freedesktop.systemd1"),
    ):
        head.align(8)
        head.data.append(code)
        head.signature(kind)
        head.text(value)
    if signature:
        head.align(8)
        head.data.append(_SIGNATURE)
        head.signature("g")
        head.signature(signature)
    head.end(fields, 8)
    head.align(8)
    return bytes(head.data + body.data)
