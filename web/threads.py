"""Gunicorn's worker of threads, in which no client that is slow, or does not hang up, keeps the others waiting.

A request takes a thread once it is whole, and health has threads of its own. So neither clients that send half of one,
nor pages that wait for Redis, nor readers that do not read keep health from being answered.
"""

import os
import socket
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, BaseSelector
from time import monotonic
from typing import Any

from gunicorn import http, util
from gunicorn.workers import base
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.workertmp import WorkerTmp

from jobs.health.arrivals import MOST, PATIENCE, Arrivals, Request
from jobs.health.paths import PATHS
from jobs.supervise.memory import shared_file

LINGER = 1.0
"""Seconds that a connection which is done with waits for its client to hang up, so that the answer is not cut off."""
HEALTH = frozenset(path.encode() for path in PATHS)
HEALTH_THREADS = 64
"""Callers who wait for Redis at the same time; a caller beyond that waits for the deadlines of others before its own.
A thread is started when it is needed first."""
STALLED = 10
"""Seconds after which a client that takes nothing of its answer is given up. Gunicorn waits for ever."""
AT_END = 1.0
"""Seconds that a request may still be on its way when web ends."""


class _Beat(WorkerTmp):  # type: ignore[misc]
    """The file by which gunicorn sees that its worker lives: in memory, for a slow disk would look like a hang, and
    there may be no folder that can be written to."""

    def __init__(self, cfg: Any) -> None:
        self._tmp = os.fdopen(shared_file(0), "w+b", 0)


base.WorkerTmp = _Beat


class Threads(ThreadWorker):  # type: ignore[misc]
    """As gunicorn has it, but for how a request comes in, and for the end of a connection."""

    def run(self) -> None:
        self._arrivals: Arrivals[Any] = Arrivals(self.poller, self._hand_over, self._drop)
        self._partings = Partings(self.poller)
        self._health = ThreadPoolExecutor(HEALTH_THREADS, thread_name_prefix="health")
        super().run()

    def enqueue_req(self, conn: Any) -> None:
        """Wait for the next request of a connection, of which some may be here already."""
        begun = conn.parser.unreader.take_buffered() if conn.parser else b""
        self._arrivals.await_request(conn, conn.sock, begun)

    def _hand_over(self, conn: Any, request: Request) -> None:
        if conn.parser is None:
            conn.parser, conn.initialized = http.get_parser(self.cfg, conn.sock, conn.client), True
            for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", STALLED, 0))
        conn.parser.unreader.unread(bytes(request.data))
        conn.goes_on = not request.is_too_large
        pool = self._health if request.target in HEALTH else self.tpool
        answer = pool.submit(self.handle, conn)
        answer.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _drop(self, conn: Any) -> None:
        self.nr_conns -= 1
        util.close(conn.sock)

    def handle_request(self, req: Any, conn: Any) -> Any:
        try:
            return super().handle_request(req, conn) and conn.goes_on
        except BlockingIOError:  # its client takes nothing more
            raise StopIteration from None

    def murder_pending(self) -> None:
        """Gunicorn asks for this once a second."""
        super().murder_pending()
        self._arrivals.end_late(PATIENCE if self.alive else AT_END)
        self._partings.end_late()

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        conn.close = partial(self._close, conn.sock)
        super().finish_request(conn, fs)

    def _close(self, sock: socket.socket, graceful: bool = False) -> None:
        if graceful:
            self._partings.begin(sock)
        else:
            util.close(sock)


class Partings:
    """Connections that wait for their client to hang up. Gunicorn waits in the thread that takes requests in."""

    def __init__(self, poller: BaseSelector) -> None:
        self._poller = poller
        self._until: dict[socket.socket, float] = {}

    def begin(self, sock: socket.socket) -> None:
        """Say that nothing more comes; what the client still sends is read and dropped."""
        try:
            sock.setblocking(False)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            util.close(sock)
            return
        self._until[sock] = monotonic() + LINGER
        self._poller.register(sock, EVENT_READ, self._read)
        if len(self._until) > MOST:
            self._end(next(iter(self._until)))

    def end_late(self) -> None:
        for sock in [sock for sock, until in self._until.items() if until <= monotonic()]:
            self._end(sock)

    def _read(self, sock: socket.socket) -> None:
        with suppress(BlockingIOError):
            try:
                if sock.recv(65536):
                    return
            except ConnectionError:
                pass
            self._end(sock)

    def _end(self, sock: socket.socket) -> None:
        if self._until.pop(sock, None):
            self._poller.unregister(sock)
            util.close(sock)
