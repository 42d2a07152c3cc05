"""Processes moved to scopes of their own: StartTransientUnit of org.freedesktop.systemd1 (its man page), spoken directly.

Managers listen on a private socket (root's /run/systemd/private, a user's $XDG_RUNTIME_DIR/systemd/private) that talks D-Bus
without a bus in between: no names, no matches, and every signal comes unasked. This is on the way of `run` and `exec`, so
no program is started for it and nothing heavy imported.
"""

from __future__ import annotations

import os

from ocicore.errors import Error
from ocicore.linux import cgroups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

_SYSTEM_SOCKET = "/run/systemd/private"
#: There when systemd is the init system, sd_booted(3).
_BOOTED = "/run/systemd/system"
#: Seconds; starting a scope takes a millisecond.
_LIMIT = 10.0
_SERIAL = 1
#: Tries, with a pause (seconds) between them, while a scope of that name is going.
_TRIES, _PAUSE = 5, 0.01
_METHOD_RETURN, _ERROR, _SIGNAL = 2, 3, 4
#: Header fields, D-Bus specification "Header Fields".
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SIGNATURE = 1, 2, 3, 4, 5, 6, 8
_LARGEST = 1 << 20


class ScopeError(Error):
    """A process cannot be moved to a scope.

    Attributes:
        kind: D-Bus's name of what the manager said.
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


def move(pid: int, scope: str, slice_name: str, *, uid: int | None = None, runtime_dir: str = "") -> None:
    """Start a scope with one process in it, and wait until the process is there. A scope that is there already, for its
    former process has not quite ended, takes it in.

    Args:
        pid: as the manager sees it: this process and the manager are in one pid namespace.
        scope: its name, with ".scope".
        uid: of a user's manager (the id outside of any user namespace), None for the system's.
        runtime_dir: that user's XDG_RUNTIME_DIR.

    Raises:
        ScopeError: there is no manager, or it refused.
    """
    path = _SYSTEM_SOCKET if uid is None else f"{runtime_dir}/systemd/private"
    name = str(os.geteuid() if uid is None else uid)
    for attempt in range(_TRIES):
        try:
            _ask(path, name, scope, _start_request(pid, scope, slice_name), job=True)
            return
        except ScopeError as error:
            if error.kind != "org.freedesktop.systemd1.UnitExists" or attempt == _TRIES - 1:
                raise
        try:
            _ask(path, name, scope, _attach_request(pid, scope), job=False)
            return
        except ScopeError:
            import time

            time.sleep(_PAUSE)  # it has ended in between, or is about to


def _ask(path: str, name: str, scope: str, request: bytes, *, job: bool) -> None:
    """Send one request; read the answer and, with `job`, wait for the end of the job it names. Raises ScopeError."""
    import _socket

    link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        link.settimeout(_LIMIT)
        link.connect(path)
        link.sendall(b"\0AUTH EXTERNAL " + name.encode().hex().encode() + b"\r\nBEGIN\r\n" + request)
        _await(link, scope, job=job)
    except OSError as error:
        raise ScopeError(
            f"asking systemd for {scope}: {path}: {(error.strerror or str(error)).lower()}"
        ) from None
    except IndexError:
        raise ScopeError(f"asking systemd for {scope}: {path}: a message is cut off") from None
    finally:
        link.close()


def leave_session(*, uid: int, runtime_dir: str) -> None:
    """Move this process, of a rootless user, to a scope of the user's manager, unless its group is the user's already.

    From a login session's group, which is root's, no process may be moved into a container's group.

    Raises:
        ScopeError
    """
    if not os.path.isdir(_BOOTED) or owns_group():
        return
    move(os.getpid(), f"podman-{os.getpid()}.scope", "user.slice", uid=uid, runtime_dir=runtime_dir)


def keep_pause(pid: int, *, uid: int, runtime_dir: str) -> None:
    """Give a rootless user's new pause process a scope of its own, so that it outlives the session that made it.

    Without a manager it stays where it is.
    """
    if not os.path.isdir(_BOOTED):
        return
    try:
        move(pid, f"podman-pause-{os.urandom(4).hex()}.scope", "user.slice", uid=uid, runtime_dir=runtime_dir)
    except ScopeError:
        return


def owns_group() -> bool:
    """Whether the group of this process, where systemd looks, belongs to this user."""
    own = cgroups.own_paths()
    for tree, key in (("", ""), ("systemd", "name=systemd"), ("unified", "")):
        if key not in own:
            continue
        try:
            info = os.stat(f"{cgroups.ROOT}/{tree}{own[key]}/cgroup.procs")
        except OSError:
            continue
        return info.st_uid == os.geteuid()
    return False


# -- D-Bus ----------------------------------------------------------------------------------------------------------------


class _Writer:
    """Little-endian values, each aligned as its type wants (specification: "Marshaling")."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data = bytearray()

    def align(self, size: int) -> None:
        self.data += bytes(-len(self.data) % size)

    def number(self, value: int) -> None:
        self.align(4)
        self.data += value.to_bytes(4, "little")

    def text(self, value: str) -> None:
        data = value.encode()
        self.number(len(data))
        self.data += data + b"\0"

    def signature(self, value: str) -> None:
        self.data += bytes((len(value),)) + value.encode() + b"\0"

    def numbers(self, *values: int) -> None:
        """An array of numbers."""
        start = self.array(4)
        for value in values:
            self.number(value)
        self.end(start, 4)

    def array(self, alignment: int) -> int:
        """Begins an array; what `end` needs."""
        self.number(0)
        start = len(self.data) - 4
        self.align(alignment)
        return start

    def end(self, start: int, alignment: int) -> None:
        first = start + 4 + (-(start + 4) % alignment)
        self.data[start : start + 4] = (len(self.data) - first).to_bytes(4, "little")


def _start_request(pid: int, scope: str, slice_name: str) -> bytes:
    body = _Writer()
    body.text(scope)
    body.text("replace")
    properties = body.array(8)
    body.align(8)
    body.text("PIDs")
    body.signature("au")
    body.numbers(pid)
    for name, text in (("Slice", slice_name), ("Description", scope)):
        body.align(8)
        body.text(name)
        body.signature("s")
        body.text(text)
    for name, value in (("Delegate", True), ("DefaultDependencies", False)):
        body.align(8)
        body.text(name)
        body.signature("b")
        body.number(value)
    body.end(properties, 8)
    auxiliary = body.array(8)
    body.end(auxiliary, 8)
    return _call("StartTransientUnit", "ssa(sv)a(sa(sv))", body)


def _attach_request(pid: int, scope: str) -> bytes:
    body = _Writer()
    body.text(scope)
    body.text("")  # of the groups below it none
    body.numbers(pid)
    return _call("AttachProcessesToUnit", "ssau", body)


def _call(member: str, signature: str, body: _Writer) -> bytes:
    head = _Writer()
    head.data += bytes((ord("l"), 1, 0, 1))
    head.number(len(body.data))
    head.number(_SERIAL)
    fields = head.array(8)
    for code, kind, text in (
        (_PATH, "o", "/org/freedesktop/systemd1"),
        (_INTERFACE, "s", "org.freedesktop.systemd1.Manager"),
        (_MEMBER, "s", member),
        (_DESTINATION, "s", "org.freedesktop.systemd1"),
    ):
        head.align(8)
        head.data.append(code)
        head.signature(kind)
        head.text(text)
    head.align(8)
    head.data.append(_SIGNATURE)
    head.signature("g")
    head.signature(signature)
    head.end(fields, 8)
    head.align(8)
    return bytes(head.data + body.data)


class _Reader:
    """What has come over a socket."""

    __slots__ = ("_data", "_link")

    def __init__(self, link: socket) -> None:
        self._link = link
        self._data = b""

    def take(self, size: int) -> bytes:
        while len(self._data) < size:
            more = self._link.recv(65536)
            if not more:
                raise ScopeError("asking systemd: it hung up")
            self._data += more
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def line(self) -> bytes:
        text = b""
        while not text.endswith(b"\r\n"):
            if len(text) > 1024:
                raise ScopeError("asking systemd: no D-Bus is spoken there")
            text += self.take(1)
        return text


def _text(data: bytes, at: int) -> tuple[str, int]:
    """(string, position after it) at an aligned position of a little-endian message."""
    at += -at % 4
    size = int.from_bytes(data[at : at + 4], "little")
    end = at + 4 + size
    if size > len(data) or end >= len(data):
        raise ScopeError("asking systemd: a message is cut off")
    return data[at + 4 : end].decode("utf-8", "replace"), end + 1


def _message(reader: _Reader) -> tuple[int, dict[int, str | int], bytes]:
    """(type, header fields that are text or numbers, body) of the next message."""
    fixed = reader.take(16)
    if fixed[0] != ord("l"):  # systemd answers in the host's order, which is ours
        raise ScopeError("asking systemd: a message in another byte order")
    body_size = int.from_bytes(fixed[4:8], "little")
    fields_size = int.from_bytes(fixed[12:16], "little")
    if body_size > _LARGEST or fields_size > _LARGEST:
        raise ScopeError("asking systemd: a message that is too large")
    data = reader.take(fields_size + -fields_size % 8)[:fields_size]
    found: dict[int, str | int] = {}
    at = 0
    # The fields begin at byte 16, so positions in them are aligned as in the message.
    while at < fields_size:
        code, kind = data[at], data[at + 2 : at + 3]
        at += 4
        if kind in (b"s", b"o"):
            found[code], at = _text(data, at)
        elif kind == b"u":
            found[code] = int.from_bytes(data[at : at + 4], "little")
            at += 4
        elif kind == b"g":
            at += data[at] + 2
        else:
            raise ScopeError("asking systemd: an unknown header field")
        at += -at % 8
    return fixed[1], found, reader.take(body_size)


def _await(link: socket, scope: str, *, job: bool) -> None:
    """Read the answer and, with `job`, go on until the job that it names is done. Raises ScopeError, OSError."""
    reader = _Reader(link)
    answer = reader.line()
    if not answer.startswith(b"OK "):
        raise ScopeError(f"asking systemd for {scope}: it does not let us in")
    started = ""
    ended: dict[str, str] = {}
    while not started or started not in ended:
        kind, fields, body = _message(reader)
        if kind == _ERROR and fields.get(_REPLY_SERIAL) == _SERIAL:
            error = str(fields.get(_ERROR_NAME, ""))
            raise ScopeError(f"asking systemd for {scope}: {_text(body, 0)[0] if body else error}", error)
        if kind == _METHOD_RETURN and fields.get(_REPLY_SERIAL) == _SERIAL:
            if not job:
                return
            started = _text(body, 0)[0]
        elif kind == _SIGNAL and fields.get(_MEMBER) == "JobRemoved":
            path, at = _text(body, 4)
            _, at = _text(body, at)
            ended[path] = _text(body, at)[0]
    if ended[started] != "done":
        raise ScopeError(f"asking systemd for {scope}: its start ended as {ended[started]}")
