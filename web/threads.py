"""Gunicorn's worker of threads, in which no client that is slow, or does not hang up, keeps the others waiting.

While a request is read it holds a thread. Anybody can send half of one, and as many of them as there are threads would
keep health from being answered for ever.
"""

import os
import socket
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.workers import base
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.workertmp import WorkerTmp

from jobs.supervise.memory import shared_file

LINGER = 0.05
"""Seconds that a connection which is done with waits for its client to hang up. Gunicorn waits for 2 s, in the one
thread that takes all requests in: forty such clients would hold up health for more than a minute."""
PATIENCE = 5.0
"""Seconds that a client may take to send the head of a request, and again for its body. Gunicorn waits for ever."""


class _Beat(WorkerTmp):  # type: ignore[misc]
    """The file by which gunicorn sees that its worker lives: in memory, for a slow disk would look like a hang, and
    there may be no folder that can be written to."""

    def __init__(self, cfg: Any) -> None:
        self._tmp = os.fdopen(shared_file(0), "w+b", 0)


base.WorkerTmp = _Beat


class Threads(ThreadWorker):  # type: ignore[misc]
    """As gunicorn has it, but for the end of a connection, and for who takes too long to send."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._until: dict[Any, float] = {}
        """The connections that are read from, with when that must be over."""

    def handle(self, conn: Any) -> Any:
        self._until[conn] = time.monotonic() + PATIENCE
        try:
            return super().handle(conn)
        finally:
            self._until.pop(conn, None)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Its head is there; how long its answer takes is not the client's affair."""
        if {name for name, _ in req.headers} & {"CONTENT-LENGTH", "TRANSFER-ENCODING"}:
            self._until[conn] = time.monotonic() + PATIENCE
        else:
            self._until.pop(conn, None)
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """Gunicorn asks for this once a second. Who took too long is read to the end, which is now."""
        super().murder_pending()
        for conn, until in list(self._until.items()):
            if until < time.monotonic():
                with suppress(OSError, KeyError):
                    del self._until[conn]
                    conn.sock.shutdown(socket.SHUT_RD)

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        conn.close = partial(_close, conn)
        super().finish_request(conn, fs)


def _close(conn: Any, graceful: bool = False) -> None:
    if graceful:
        conn.sock.setblocking(True)
        util.close_graceful(conn.sock, LINGER)
    else:
        util.close(conn.sock)
