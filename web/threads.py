"""Gunicorn's worker of threads, in which no client that does not hang up keeps the others waiting."""

from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

LINGER = 0.05
"""Seconds that a connection which is done with waits for its client to hang up. Gunicorn waits for 2 s, in the one
thread that takes all requests in: forty such clients would hold up health for more than a minute."""


class Threads(ThreadWorker):  # type: ignore[misc]
    """As gunicorn has it, but for the end of a connection."""

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        conn.close = partial(_close, conn)
        super().finish_request(conn, fs)


def _close(conn: Any, graceful: bool = False) -> None:
    if graceful:
        conn.sock.setblocking(True)
        util.close_graceful(conn.sock, LINGER)
    else:
        util.close(conn.sock)
