"""Watching the line come up: a heartbeat has gone through a worker, and the port of web is answered.

Redis tells of the heartbeat, so web may be any program.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from jobs.supervise.process import tied

LOOK = 0.3
PATIENCE = 10.0
"""Seconds that the port of web may be silent, once the line is clear, before that is said, once."""


class Clearance:
    """Says ``line is clear`` once, and then where web is. Make it in the main thread; ``close`` it at the end."""

    def __init__(self, environ: Mapping[str, str], port: int | None, say: Callable[[str], None]) -> None:
        self._port = port
        self._say = say
        self._process = subprocess.Popen(
            tied(sys.executable, "-m", "jobs.health.first_beat"),
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what is wrong with a setting, the parts say
        )
        assert self._process.stdout
        self._said = self._process.stdout
        os.set_blocking(self._said.fileno(), False)
        self._next_look = 0.0
        self._clear_since: float | None = None
        self._complained = False
        self.is_clear = False
        """The line is, and web listens, if there is one."""

    def look(self) -> None:
        """One look, at most three a second; does nothing once the line is clear."""
        now = time.monotonic()
        if self.is_clear or now < self._next_look:
            return
        self._next_look = now + LOOK
        for line in (self._said.read() or b"").splitlines():
            self._hear(json.loads(line), now)
        if self._clear_since is not None:
            self._look_at_web(self._clear_since, now)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._said.close()

    def _hear(self, said: dict[str, Any], now: float) -> None:
        if "queue" in said:
            self._clear_since = now
            self._say(f"line is clear: combo → {said['queue']} → worker → combo in {said['milliseconds']:.0f} ms")
        else:
            self._say(f"waiting: {', '.join(said['waiting']) or 'the first heartbeat is on its way'}")

    def _look_at_web(self, since: float, now: float) -> None:
        if self._port is None:
            self.is_clear = True
        elif _listens(self._port):
            self.is_clear = True
            self._say(f"web is at http://localhost:{self._port}/")
        elif now - since > PATIENCE and not self._complained:
            self._complained = True
            self._say(f"web runs, but nothing listens on port {self._port}, which it has been given as PORT")


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("localhost", port), timeout=0.5):
            return True
    except OSError:
        return False
