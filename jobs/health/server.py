"""A small health server for a worker: platforms check every service over HTTP, and a worker may run alone."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from jobs import logs
from jobs.errors import SettingsError
from jobs.health import access
from jobs.health.access import Level
from jobs.health.answers import JSON, PROBE, Answer, Answers
from jobs.health.throttle import Throttle
from jobs.settings import Settings

log = logs.of("process")

PATIENCE = 5.0
"""Seconds that a caller may take to say what it wants."""
NOTHING = Answer(404, JSON, json.dumps({"status": "fail", "reason": "no such page"}))


class _Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 128  # of five, the sixth who asks at once would be heard a second later

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def serve(settings: Settings, port: int, answers: Answers) -> None:
    """Answer what ``answers`` does, on every address, from threads: the same to the same callers as web does.

    Raises ``SettingsError`` when the port is taken.
    """

    throttle = Throttle()

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE

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

    try:
        server = _Server(("::", port), Handler)
    except OSError as error:
        raise SettingsError(
            "JOBS_WORKER_PORT", str(port), f"health cannot be answered there: {error.strerror}"
        ) from None
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    log.info("health checks answered on port %d", port)
