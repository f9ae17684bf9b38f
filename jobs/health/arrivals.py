"""Requests on their way in: none takes a thread before it is whole.

A thread that reads from a client waits for it, and as many clients that send half a request as there are threads would
keep everybody else waiting. All clients of a proxy share an address, so no address can be held to a few.
"""

import re
import selectors
import socket
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

PATIENCE = 10.0
"""Seconds that a client may take for the head of a request, and again for its body."""
HEAD, BODY = 128 * 1024, 1024 * 1024
"""Bytes that are waited for at most. A longer head is refused here; a longer body is handed over as far as it came."""
MOST = 500
ROOM = 32 * 1024 * 1024
"""How many requests may be on their way, and how many bytes of them may wait here; what is beyond that is dropped."""
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?:\r\n|$)")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REFUSED = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_LATE, _TOO_LONG = _REFUSED % b"408 Request Timeout", _REFUSED % b"431 Request Header Fields Too Large"


class Request:
    """What has come of one request, and whether that is all of it. Pure."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.waits_for_continue = False
        """Its client sends the body once it is told to."""
        self.is_too_large = False
        self._body_at = 0
        """0: the head is not whole."""
        self._chunk_at = 0
        """Where the next chunk begins."""
        self._length: int | None = 0
        """Of its body; None: it comes in chunks."""

    @property
    def has_head(self) -> bool:
        return self._body_at > 0

    @property
    def target(self) -> bytes:
        """The path that is asked for by GET or HEAD; empty for anything else."""
        line = bytes(self.data[: self.data.find(b"\r\n")]).split(b" ")
        return line[1].partition(b"?")[0] if len(line) == 3 and line[0] in (b"GET", b"HEAD") else b""

    def take(self, data: bytes) -> bool:
        """Add what has come; is the request whole, or too large to be waited for?"""
        looked = max(len(self.data) - 3, 0)
        self.data += data
        if not self.has_head:
            end = self.data.find(b"\r\n\r\n", looked)
            if end < 0:
                return False
            self._body_at = self._chunk_at = end + 4
            self._read_head(bytes(self.data[:end]).lower())
        body = len(self.data) - self._body_at
        if self._length is not None:
            self.is_too_large = self._length > BODY
            return self.is_too_large or body >= self._length
        self.is_too_large = body > BODY
        return self.is_too_large or self._has_last_chunk()

    def _has_last_chunk(self) -> bool:
        """Go on from chunk to chunk as far as they are here. What is no chunk is left to the parser, to be refused."""
        while (end := self.data.find(b"\r\n", self._chunk_at)) >= 0:
            try:
                size = int(bytes(self.data[self._chunk_at : end]).partition(b";")[0], 16)
            except ValueError:
                return True
            if size <= 0:
                return size < 0 or self.data.find(b"\r\n\r\n", end) >= 0
            self._chunk_at = end + 2 + size + 2
        return False

    def _read_head(self, head: bytes) -> None:
        if b"\r\ntransfer-encoding:" in head:
            self._length = None
        elif found := _LENGTH.search(head):
            self._length = int(found[1])
        self.waits_for_continue = b"\r\nexpect:" in head and self._length != 0


class Arrivals(Generic[T]):
    """Reads, in the thread that runs ``poller``, from all sockets whose request is on its way.

    ``deliver`` is given each that is whole, ``drop`` each that is not and will not be; both are given what stands for
    its connection. The poller's data are functions of the socket, to be called when it can be read.
    """

    def __init__(
        self,
        poller: selectors.BaseSelector,
        deliver: Callable[[T, Request], object],
        drop: Callable[[T], object],
    ) -> None:
        self._poller = poller
        self._deliver = deliver
        self._drop = drop
        self._on_way: dict[T, tuple[socket.socket, Request, float]] = {}
        """In order of their arrival; with when each has to be further."""
        self._held = 0
        """Bytes of all of them."""

    def await_request(self, connection: T, sock: socket.socket, begun: bytes = b"") -> None:
        """Wait for the next request of a connection; ``begun`` is what was read of it already."""
        sock.setblocking(False)
        self._on_way[connection] = sock, Request(), time.monotonic() + PATIENCE
        if begun:
            self._take(connection, begun)
        else:
            self._read(connection)
        if connection in self._on_way:
            self._poller.register(sock, selectors.EVENT_READ, lambda _: self._read(connection))
            self._make_room()

    def end_late(self, patience: float = PATIENCE) -> None:
        """Drop what is late; with less than the usual ``patience``, what has been here for so long."""
        now = time.monotonic() + PATIENCE - patience
        for connection, (_, _, until) in list(self._on_way.items()):
            if until <= now:
                self._refuse(connection, _TOO_LATE)

    def _read(self, connection: T) -> None:
        if connection not in self._on_way:  # dropped since the poller saw it
            return
        try:
            data = self._on_way[connection][0].recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._take(connection, data)
        else:
            self._give_up(connection)

    def _take(self, connection: T, data: bytes) -> None:
        sock, request, _ = self._on_way[connection]
        self._held += len(data)
        had_head = request.has_head
        if request.take(data):
            self._forget(connection)
            self._deliver(connection, request)
        elif not request.has_head and len(request.data) > HEAD:
            self._refuse(connection, _TOO_LONG)
        elif request.has_head and not had_head:
            self._on_way[connection] = sock, request, time.monotonic() + PATIENCE
            if request.waits_for_continue:
                with suppress(OSError):
                    sock.send(_CONTINUE)
        if self._held > ROOM:
            self._give_up(max(self._on_way, key=lambda one: len(self._on_way[one][1].data)))

    def _make_room(self) -> None:
        """Of too many, the one that is on its way for longest goes."""
        if len(self._on_way) > MOST:
            self._give_up(next(iter(self._on_way)))

    def _refuse(self, connection: T, answer: bytes) -> None:
        with suppress(OSError):
            self._on_way[connection][0].send(answer)
        self._give_up(connection)

    def _give_up(self, connection: T) -> None:
        self._forget(connection)
        self._drop(connection)

    def _forget(self, connection: T) -> None:
        sock, request, _ = self._on_way.pop(connection)
        self._held -= len(request.data)
        with suppress(KeyError, ValueError, OSError):
            self._poller.unregister(sock)
