"""A Redis of a scenario's own, to be killed, to take its time to load, or to be made read-only or full."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from jobs.launcher import server
from tests.support import free_port, wait_for

NOBODY = ("127.0.0.1", "1")
"""A master that is not there."""
SLOWLY = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
"""The server's own settings for such tests: a millisecond a key, and LOADING is answered every few keys."""


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
        self._start()
        wait_for(self._answers, "the server to answer")

    def start_slowly(self) -> None:
        """``start`` that returns while the server loads its file and answers LOADING; see ``pad``."""
        self._start(*SLOWLY)
        wait_for(self._loads, "the server to load")

    def pad(self, seconds: float) -> None:
        """Write enough into another database that after ``start_slowly`` it loads for so long, or longer."""
        padding = {f"padding:{number}": os.urandom(100) for number in range(int(seconds * 1000))}
        with Redis(port=self.port, db=1) as other:
            other.mset(padding)
            other.bgrewriteaof()
            wait_for(self._is_compact, "the file to be rewritten")

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()

    def lose(self) -> None:
        """Start again on an empty volume."""
        self.kill()
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        self.start()

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def make_read_only(self) -> None:
        self.client.replicaof(*NOBODY)

    def make_writable(self) -> None:
        self.client.replicaof("NO", "ONE")

    def make_full(self) -> None:
        self.client.config_set("maxmemory", 1)

    def make_roomy(self) -> None:
        self.client.config_set("maxmemory", 0)

    def break_snapshots(self) -> None:
        """Have a snapshot fail, as with a full disk: a folder is in its place."""
        (self._folder / "dump.rdb" / "full").mkdir(parents=True)
        self.client.config_set("save", "3600 1000000")
        self._save("err")

    def mend_snapshots(self) -> None:
        shutil.rmtree(self._folder / "dump.rdb")
        self._save("ok")
        self.client.config_set("save", "")

    def _save(self, status: str) -> None:
        self.client.bgsave()
        wait_for(lambda: self.client.info("persistence")["rdb_last_bgsave_status"] == status, "a snapshot to end")

    def close(self) -> None:
        self.kill()
        self.client.close()

    def _start(self, *options: str) -> None:
        options = ("--appendfsync", "always", "--loglevel", "warning", *options)
        self._process = server.start(self._folder, self.port, *options)

    def _is_compact(self) -> bool:
        found = self.client.info("persistence")
        return not found["aof_rewrite_in_progress"] and not found["aof_rewrite_scheduled"]

    def _loads(self) -> bool:
        try:
            return bool(self.client.info("persistence")["loading"])
        except RedisError:
            return False

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False
