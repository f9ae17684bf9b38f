"""A Redis of a scenario's own, to be killed, or to be made read-only or full."""

import subprocess
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from jobs.launcher import server
from tests.support import free_port, wait_for

NOBODY = ("127.0.0.1", "1")
"""A master that is not there."""


class Server:
    """Append-only file, written before each reply: what it has accepted is on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = Redis(port=self.port, socket_timeout=5)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """On the same port, from the same file. Only from the main thread: it dies with the one that started it."""
        self._process = server.start(self._folder, self.port, "--appendfsync", "always", "--loglevel", "warning")
        wait_for(self._answers, "the server to answer")

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()

    def make_read_only(self) -> None:
        self.client.replicaof(*NOBODY)

    def make_writable(self) -> None:
        self.client.replicaof("NO", "ONE")

    def make_full(self) -> None:
        self.client.config_set("maxmemory", 1)

    def make_roomy(self) -> None:
        self.client.config_set("maxmemory", 0)

    def close(self) -> None:
        self.kill()
        self.client.close()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False
