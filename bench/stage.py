"""Where the contenders play: one server, one file in shared memory, workers that are ended by pid."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM

from redis import Redis
from redis.exceptions import RedisError
from rq.registry import FinishedJobRegistry

from bench.record import FILE, RECORD, Record
from jobs.launcher.server import start
from jobs.supervise.process import die_with

ROOT = Path(__file__).parents[1]
QUEUE = "default"
PYTHON = (sys.executable, "-m")
LOOK = 0.005
START = 30.0
END = 15.0
OURS = ("JOBS_", "REDIS", "UPSTASH_", "RQ_", "RAILWAY_")
PLATFORMS = ("PORT", "DYNO", "RENDER", "FLY_APP_NAME", "KUBERNETES_SERVICE_HOST")


class BenchError(Exception):
    """The bench cannot go on; the message says why."""


class Worker:
    """A running contender, with all the processes that it has started."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pids(self) -> list[int]:
        """Its own and those of its descendants."""
        found = [self._process.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(OSError):
                    found += map(int, children.read_text().split())
        return found

    def check(self) -> None:
        """Raises ``BenchError`` when it has failed; a burst worker may have ended."""
        if self._process.poll():
            said = self._log.read_text(errors="replace")[-2000:]
            raise BenchError(f"{self._process.args!r} ended with {self._process.returncode}\n{said}")

    def has_said(self, words: str) -> bool:
        return words in self._log.read_text(errors="replace")

    def end(self, patience: float) -> None:
        """SIGTERM, and SIGKILL for whatever is left of it after so many seconds."""
        pids = self.pids if self._process.poll() is None else []
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in pids[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)


class Stage:
    """One server with a database for each that needs one; workers write to one file."""

    def __init__(self, folder: Path, port: int, file: Path, *, aof: bool, quick: bool) -> None:
        self._folder = folder
        self._port = port
        self.file = file
        self._aof = aof
        self.quick = quick
        self.redis = self.client()

    def url(self, db: int = 0) -> str:
        return f"redis://127.0.0.1:{self._port}/{db}"

    def client(self, db: int = 0) -> Redis:
        return Redis.from_url(self.url(db))

    def monitor(self) -> socket.socket:
        """A connection on which the server tells every command that it runs."""
        found = socket.create_connection(("127.0.0.1", self._port))
        found.sendall(b"MONITOR\r\n")
        return found

    def used_memory(self) -> int:
        return int(self.redis.info("memory")["used_memory"])

    def another(self) -> AbstractContextManager["Stage"]:
        """A second server of the same kind, whose workers write to the same file."""
        return _server(self.file, self._aof, self.quick)

    def clear_file(self) -> None:
        os.truncate(self.file, 0)

    def clear(self, db: int = 0) -> None:
        """An empty database, an empty file."""
        self.client(db).execute_command("FLUSHDB", "SYNC")  # else the server frees it while the next one is measured
        self.clear_file()

    @contextmanager
    def ours(self, *, threads: int = 10, processes: int = 1) -> Iterator[Worker]:
        """Our worker, with the settings that a user gets; only the heartbeat job stays away."""
        counts = ("--concurrency", str(threads), "--processes", str(processes))
        with self.work([*PYTHON, "jobs", "worker", QUEUE, *counts]) as worker:
            yield worker

    @contextmanager
    def rq(self, *options: str, db: int = 0) -> Iterator[Worker]:
        """RQ's SimpleWorker with its default settings."""
        with self.work([*PYTHON, "bench.rival", QUEUE, *options], db) as worker:
            yield worker

    @contextmanager
    def work(self, command: Sequence[str], db: int = 0, patience: float = END) -> Iterator[Worker]:
        """Any worker; it is ended with all that it has started."""
        log = self._folder / f"worker-{db}.log"
        with log.open("wb") as output:
            worker = Worker(self._start(command, db, output.fileno()), log)
            try:
                yield worker
            finally:
                worker.end(patience)

    def feed(self, jobs: int) -> None:
        """Fill the queue, also where this is not the server that this process enqueues to."""
        self.run([*PYTHON, "bench.feed", str(jobs)])

    def run(self, command: Sequence[str]) -> None:
        """To its end. Raises ``BenchError`` when it fails."""
        log = self._folder / "run.log"
        with log.open("wb") as output:
            process = self._start(command, 0, output.fileno())
        try:
            process.wait()
        finally:
            process.kill()
        Worker(process, log).check()

    def _start(self, command: Sequence[str], db: int, output: int) -> "subprocess.Popen[bytes]":
        me = os.getpid()
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "REDIS_URL": self.url(db), "JOBS_KEEP_LAST": "100000000"},  # so that all can be counted
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=lambda: die_with(me, SIGKILL),
        )

    def records(self) -> list[Record]:
        """What has started so far, first one first."""
        data = self.file.read_bytes()
        return [Record(*found) for found in RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size])]

    def wait_for(self, jobs: int, worker: Worker) -> None:
        """Until so many jobs have started. Raises ``BenchError`` when they stop coming."""
        self._wait(lambda: self.file.stat().st_size // RECORD.size, jobs, worker)

    def hear(self, words: str, worker: Worker) -> None:
        """Until a worker has said so. Raises ``BenchError`` when it does not."""
        self._wait(lambda: int(worker.has_said(words)), 1, worker)

    def rate(self, jobs: int, worker: Worker, kept: Callable[[], int] | None = None, after: int = 0) -> float:
        """Jobs a second, from the start of the first until the result of the last is kept, as ``kept`` counts them;
        those that start before so many others have are left out.

        Raises ``BenchError`` unless each of them has run once.
        """
        self.wait_for(jobs, worker)
        self._wait(kept or self._finished, jobs, worker)
        ended = time.time_ns()
        records = self.records()
        if len(records) != jobs or len({record.number for record in records}) != jobs:
            raise BenchError(f"{jobs} jobs were to run once, but {len(records)} ran")
        return (jobs - after) / (ended - records[after].at) * 1e9

    def _finished(self) -> int:
        """How many results there are of ours, or of RQ, whose registry is the same."""
        return int(self.redis.zcard(FinishedJobRegistry(QUEUE, connection=self.redis).key))

    def window(self, jobs: int, worker: Worker) -> float:
        """Jobs a second over the first so many starts, however many more wait."""
        self.wait_for(jobs + 1, worker)
        records = self.records()
        return jobs / (records[jobs].at - records[0].at) * 1e9

    def _wait(self, count: Callable[[], int], jobs: int, worker: Worker) -> None:
        seen, deadline = 0, time.monotonic() + START
        while (found := count()) < jobs:
            worker.check()
            if found != seen:
                seen, deadline = found, time.monotonic() + START
            if time.monotonic() > deadline:
                raise BenchError(f"only {seen} of {jobs} jobs ran, and no more for {START:g} s")
            time.sleep(LOOK)


@contextmanager
def open_stage(*, aof: bool, quick: bool) -> Iterator[Stage]:
    """A server of the bench's own, on loopback; this process's Redis from here on."""
    for name in [name for name in os.environ if name.startswith(OURS) or name in PLATFORMS]:
        del os.environ[name]
    shared = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=shared if shared.is_dir() else None) as memory,
        _server(Path(memory, "records"), aof, quick) as stage,
    ):
        os.environ |= {
            "REDIS_URL": stage.url(),
            "JOBS_TASKS": "bench.tasks",
            "JOBS_HEARTBEAT": "1d",
            FILE: str(stage.file),
        }
        yield stage


@contextmanager
def _server(file: Path, aof: bool, quick: bool) -> Iterator[Stage]:
    file.touch()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        port = free_port()
        options = ("--logfile", str(Path(folder, "server.log")), "--appendonly", "yes" if aof else "no")
        server = start(Path(folder), port, *options)
        try:
            stage = Stage(Path(folder), port, file, aof=aof, quick=quick)
            _await_server(stage, server)
            yield stage
        finally:
            server.send_signal(SIGTERM)
            try:
                server.wait(END)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await_server(stage: Stage, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START
    while True:
        with suppress(RedisError):
            stage.redis.ping()
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise BenchError("the server did not start")
        time.sleep(LOOK)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
