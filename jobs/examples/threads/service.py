"""A stand-in for the assistant's service: a run takes a while, and a thread has one active run at most.

``POST /threads/<id>/runs`` starts one and answers 201, or 400 while another is active; ``GET …/runs/<run>`` says
whether it is over. As such services do it, a run goes on when whoever started it is gone.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any


@dataclass(frozen=True)
class Run:
    """A run of a thread. Times are seconds on the system's monotonic clock."""

    id: str
    thread: str
    started: float
    ends: float


class Service:
    """The service, on a loopback port of its own; keeps what it was asked."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.refused: list[str] = []
        """The thread of each refusal."""
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="service", daemon=True).start()

    def begin(self, thread: str, seconds: float) -> Run | None:
        """Start a run; None while another of this thread is active."""
        now = time.monotonic()
        with self._lock:
            if any(run.thread == thread and now < run.ends for run in self.runs):
                self.refused.append(thread)
                return None
            self.runs.append(Run(f"run_{next(self._numbers)}", thread, now, now + seconds))
            return self.runs[-1]

    def is_over(self, run_id: str) -> bool:
        return any(run.id == run_id and time.monotonic() >= run.ends for run in self.runs)

    def most_at_once(self) -> int:
        """How many runs were active at the same time."""
        return max(
            (sum(other.started <= run.started < other.ends for other in self.runs) for run in self.runs), default=0
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(service: Service) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _, _, thread, _ = self.path.split("/")
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if run := service.begin(thread, asked["seconds"]):
                self._answer(201, {"run": run.id})
            else:
                self._answer(400, {"error": f"400 Thread {thread}: a run is active"})

        def do_GET(self) -> None:
            over = service.is_over(self.path.rpartition("/")[2])
            self._answer(200, {"status": "completed" if over else "in_progress"})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """The account is told at the end."""

    return Handler
