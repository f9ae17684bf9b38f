"""A small health server for a worker that runs alone: platforms check every service over HTTP."""

import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from jobs import logs
from jobs.errors import SettingsError
from jobs.health import report
from jobs.health.presence import Presence
from jobs.health.report import Document
from jobs.health.watch import Watch

log = logs.of("process")


class _Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def serve(port: int, watch: Watch, presence: Presence) -> None:
    """Answer ``/livez``, ``/readyz``, ``/health`` and ``/health/queue`` on every address, from a thread.

    The answers are the public ones: codes, counts, no evidence; and of a single worker, who holds its type.
    Raises ``SettingsError`` when the port is taken.
    """
    routes: dict[str, Callable[[], Document]] = {
        "/livez": report.live,
        "/readyz": lambda: report.ready(watch.view(), time.monotonic() - presence.last_seen, presence.identity),
        "/health": lambda: report.health(watch.view(), presence.identity, full=False),
        "/health/queue": lambda: report.queue_health(watch.view(), {}),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            route = routes.get(self.path.partition("?")[0])
            status, body = route() if route else (404, {"status": "fail", "reason": "no such page"})
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", report.MEDIA_TYPE)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
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
