"""A small health server for a worker: platforms check every service over HTTP, and a worker may run alone."""

import io
import json
import selectors
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

from jobs import logs
from jobs.errors import SettingsError
from jobs.health import access
from jobs.health.access import Level
from jobs.health.answers import JSON, PROBE, Answer, Answers
from jobs.health.arrivals import Arrivals, Request
from jobs.health.throttle import Throttle
from jobs.settings import Settings

log = logs.of("process")

PATIENCE = 5.0
"""Seconds that a caller may take to read its answer."""
WAITING = 128
"""Connections that wait to be taken; of five, the sixth who asks at once would be heard a second later."""
NOTHING = Answer(404, JSON, json.dumps({"status": "fail", "reason": "no such page"}))

Caller = tuple[socket.socket, Any]


def serve(settings: Settings, port: int, answers: Answers) -> None:
    """Answer what ``answers`` does, on every address, from threads: the same to the same callers as web does.

    Raises ``SettingsError`` when the port is taken.
    """

    throttle = Throttle()

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            """The request is whole already: ``self.request`` is its socket and all of it."""
            self.connection, data = self.request
            self.connection.settimeout(PATIENCE)
            self.rfile, self.wfile = io.BytesIO(data), self.connection.makefile("wb")

        def do_GET(self) -> None:
            self._say(answers.get(self.path.partition("?")[0], self._level()) or NOTHING)

        do_HEAD = do_GET

        def do_POST(self) -> None:
            path, _, query = self.path.partition("?")
            self._say(answers.probe(self._level(), dict(parse_qsl(query))) if path == PROBE else NOTHING)

        def _level(self) -> Level:
            peer, headers = self.client_address[0], self.headers.get
            address = access.address(settings, peer, headers)
            if throttle.wait(address):
                return Level.NONE
            found = access.level(settings, peer, headers)
            if found is Level.NONE and access.bearer(headers) is not None:
                throttle.count(address)
            return found

        def _say(self, answer: Answer) -> None:
            data = answer.body.encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            log.debug(format, *args)

    def answer(caller: Caller, request: Request) -> None:
        sock, address = caller
        with sock, suppress(OSError):
            Handler((sock, bytes(request.data)), address, None)  # type: ignore[arg-type]
            sock.shutdown(socket.SHUT_WR)

    try:
        listener = _listen(port)
    except OSError as error:
        raise SettingsError(
            "JOBS_WORKER_PORT", str(port), f"health cannot be answered there: {error.strerror}"
        ) from None
    threading.Thread(target=_run, args=(listener, answer), name="health", daemon=True).start()
    log.info("health checks answered on port %d", port)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", port))
        listener.listen(WAITING)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _run(listener: socket.socket, answer: Any) -> None:
    """Take requests in, all in this thread; each that is whole is answered in one of its own."""
    poller = selectors.DefaultSelector()

    def deliver(caller: Caller, request: Request) -> None:
        threading.Thread(target=answer, args=(caller, request), name="answer", daemon=True).start()

    arrivals: Arrivals[Caller] = Arrivals(poller, deliver, lambda caller: caller[0].close())

    def accept(_: object) -> None:
        try:
            sock, address = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # of too many open files, say
            log.warning("nobody can ask after health: %s", error)
            time.sleep(0.1)
            return
        arrivals.await_request((sock, address), sock)

    poller.register(listener, selectors.EVENT_READ, accept)
    while True:
        for key, _ in poller.select(1.0):
            key.data(key.fileobj)
        arrivals.end_late()
