"""Many manifests asked for by HEAD at a time, over a few connections a registry and in one thread.

Only what plain answers settle is settled here: 200 with a digest, 404, or 304 where a digest was expected (which spares
registries reading the manifest; RFC 9110 §13.1.2). At anything else (a quota, a redirect, a token
that is not accepted, a server that fails, a proxy on the way) the registry's remaining questions are handed back, for
`Registry.head_manifest` to see through one by one.
"""

from __future__ import annotations

import os
import select
from _thread import allocate_lock, start_new_thread

from ocicore.errors import Corrupted, InvalidInput
from ocicore.oci import digest as digests
from ocicore.registry import urls, wire
from ocicore.registry.client import ACCEPT, pull_scope
from ocicore.registry.direct import DirectTransport
from ocicore.registry.problems import RegistryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.registry.client import Registry

    #: (digest, media type, size), or None where there is no such manifest. Of what was expected and is there only the
    #: digest is told: the type is empty, the size 0.
    Found = tuple[str, str, int] | None
    #: Told what was found, and whether that is settled; in the thread that calls `run`.
    Then = Callable[[Found, bool], None]

#: What questions and connections fail with; not every Error, for --command-timeout ends the program with one.
_FAILURES = (RegistryError, Corrupted, InvalidInput)


class _Question:
    __slots__ = ("expected", "reference", "repository", "then")

    def __init__(self, repository: str, reference: str, expected: str, then: Then) -> None:
        self.repository = repository
        self.reference = reference
        self.expected = expected
        self.then = then


class _Flight:
    """A question on its way; `fresh`: the first on its connection."""

    __slots__ = ("connection", "fresh", "question")

    def __init__(self, connection: wire.Connection, question: _Question, *, fresh: bool) -> None:
        self.connection = connection
        self.question = question
        self.fresh = fresh


class Heads:
    """Questions to any number of registries.

    Args:
        at_once: questions on the way to one registry at a time.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = max(1, at_once)
        self._lanes: dict[Registry, _Lane] = {}
        self._arrivals = _Arrivals()

    def ask(
        self, client: Registry, repository: str, reference: str, then: Then, *, expected: str = ""
    ) -> None:
        """Put a question; answers, too, may put more.

        Args:
            expected: the digest it probably has.
        """
        lane = self._lanes.get(client)
        if lane is None:
            lane = self._lanes[client] = _Lane(client, self._at_once, self._arrivals)
        lane.queue.append(_Question(repository, reference, expected, then))

    def run(self) -> None:
        """Until every question was answered or handed back."""
        poll = select.poll()
        poll.register(self._arrivals.reading, select.POLLIN)
        try:
            while True:
                for lane in list(self._lanes.values()):
                    lane.advance(poll)
                lanes = self._lanes.values()
                if not any(lane.waits() for lane in lanes):
                    if any(lane.queue for lane in lanes):
                        continue  # a question put by the answer to the last one
                    return
                ready = poll.poll(1000 * max(lane.timeout for lane in lanes))
                if not ready:
                    for lane in list(lanes):
                        lane.stop(poll)
                for number, _ in ready:
                    if number == self._arrivals.reading:
                        self._arrivals.take()
                        continue
                    owner = next((lane for lane in lanes if number in lane.flying), None)
                    if owner is not None:
                        owner.receive(number, poll)
        finally:
            self._arrivals.close()
            for lane in self._lanes.values():
                lane.close()


class _Lane:
    """The way to one registry.

    Attributes:
        queue: questions not yet sent, in order.
        flying: what is on its way, by the number of its connection's descriptor.
        timeout: seconds a registry may be silent.
    """

    def __init__(self, client: Registry, width: int, arrivals: _Arrivals) -> None:
        self._client = client
        self._width = width
        self._arrivals = arrivals
        self._transport: DirectTransport | None = None
        self._key = ("", "", 0)
        self._authority = ""
        self._idle: list[wire.Connection] = []
        self._opening = 0
        self._stopped = False
        self.queue: list[_Question] = []
        self.flying: dict[int, _Flight] = {}
        self.timeout = 60.0

    def waits(self) -> bool:
        """Whether something is to come: an answer, or a connection while there are questions."""
        return bool(self.flying or (self._opening and self.queue))

    def advance(self, poll: select.poll) -> None:
        """Send what can be sent now."""
        if self._transport is None and self.queue and not self._stopped:
            self._begin()
        while self.queue and not self._stopped:
            if not self._idle:
                for connection in self._arrivals.of(self):
                    self._opening -= 1
                    if connection is not None:
                        self._idle.append(connection)
                        continue
                    self._width -= 1
                    self._stopped = self._width == 0
            if not self._idle:
                break
            self._send(poll)
        if self._stopped:
            self._hand_back()
            return
        missing = min(self._width - len(self.flying), len(self.queue)) - self._opening
        for _ in range(missing):
            assert self._transport is not None
            self._opening += 1
            start_new_thread(self._arrivals.open, (self, self._transport, self._key))

    def receive(self, number: int, poll: select.poll) -> None:
        """Read the answer on a connection that has something to read."""
        flight = self.flying.pop(number)
        connection, question = flight.connection, flight.question
        poll.unregister(number)
        try:
            answer = connection.answer("HEAD")
        except (wire.Malformed, OSError):
            self._broken(flight)
            return
        if answer.keeps and connection.is_spent():
            self._idle.append(connection)
        else:
            connection.close()
        self._client.session.note_quota(answer.headers)
        digest = answer.headers.get("docker-content-digest", "")
        if answer.status == 404:
            question.then(None, True)
        elif answer.status == 304 and question.expected:
            question.then((question.expected, "", 0), True)
        elif answer.status == 200 and digests.is_valid(digest):
            media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
            length = answer.headers.get("content-length", "")
            size = int(length) if length.isascii() and length.isdigit() else 0
            question.then((digest, media_type, size), True)
        else:
            question.then(None, False)
            self.stop(poll)

    def stop(self, poll: select.poll) -> None:
        """Hand back what is not answered yet."""
        self._stopped = True
        for number, flight in list(self.flying.items()):
            poll.unregister(number)
            flight.connection.close()
            flight.question.then(None, False)
        self.flying.clear()
        self._hand_back()

    def close(self) -> None:
        """Connections go back to where other requests take them from."""
        for flight in self.flying.values():
            flight.connection.close()
        for connection in self._idle:
            if self._transport is not None:
                self._transport.give_back(self._key, connection)

    def adopt(self, connection: wire.Connection) -> None:
        """Take one that came late."""
        self._idle.append(connection)

    def _hand_back(self) -> None:
        while self.queue:
            self.queue.pop(0).then(None, False)

    def _begin(self) -> None:
        """The first question goes the full way: how the registry is spoken to and what it wants is known then."""
        question = self.queue.pop(0)
        try:
            found = self._client.head_manifest(question.repository, question.reference)
            base = self._client.ping()
        except _FAILURES:
            self._stopped = True
            question.then(None, False)
            return
        transport = self._client.session.transport
        if isinstance(transport, DirectTransport):
            self._transport, self._key = transport, urls.origin(base)
            self._authority = urls.split(base)[1]
            self.timeout = transport.timeout
            self._idle += transport.take_idle(self._key, self._width)
        else:
            self._stopped = True
        question.then(found, True)

    def _send(self, poll: select.poll) -> None:
        question, connection = self.queue.pop(0), self._idle.pop()
        try:
            headers = self._client.session.headers(pull_scope(question.repository))
        except RegistryError:  # no token for this repository
            self._idle.append(connection)
            question.then(None, False)
            return
        headers["Accept"] = ACCEPT
        if question.expected:
            headers["If-None-Match"] = f'"{question.expected}"'
        target = f"/v2/{question.repository}/manifests/{question.reference}"
        flight = _Flight(connection, question, fresh=not connection.used)
        try:
            connection.request("HEAD", target, self._authority, headers, None)
        except (wire.Malformed, OSError):
            self._broken(flight)
            return
        number = connection.fileno()
        self.flying[number] = flight
        poll.register(number, select.POLLIN)

    def _broken(self, flight: _Flight) -> None:
        """A server may close a connection between two requests: no failure, unless it was a new one."""
        flight.connection.close()
        if flight.fresh or self._stopped:
            self._stopped = True
            flight.question.then(None, False)
        else:
            self.queue.insert(0, flight.question)


class _Arrivals:
    """Connections that threads have opened, so that nobody waits for handshakes while others answer.

    Attributes:
        reading: a descriptor that can be read when there are some.
    """

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._lock = allocate_lock()
        self._closed = False
        self._opened: list[tuple[_Lane, wire.Connection | None]] = []

    def open(self, lane: _Lane, transport: DirectTransport, key: tuple[str, str, int]) -> None:
        """What such a thread does; None arrives where it failed: the other connections do its work."""
        connection = None
        try:
            connection = transport.connect(key)
        except _FAILURES:
            pass
        finally:
            with self._lock:
                if not self._closed:
                    self._opened.append((lane, connection))
                    os.write(self._writing, b"!")
                    connection = None
            if connection is not None:
                transport.give_back(key, connection)

    def of(self, lane: _Lane) -> list[wire.Connection | None]:
        """What arrived for a lane since it asked last."""
        with self._lock:
            found = [connection for owner, connection in self._opened if owner is lane]
            self._opened = [item for item in self._opened if item[0] is not lane]
        return found

    def take(self) -> None:
        """Empty the pipe."""
        os.read(self.reading, 4096)

    def close(self) -> None:
        """What arrives later goes into its transport's pool."""
        with self._lock:
            self._closed = True
            os.close(self.reading)
            os.close(self._writing)
            opened, self._opened = self._opened, []
        for lane, connection in opened:
            if connection is not None:
                lane.adopt(connection)
