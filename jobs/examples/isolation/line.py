"""A line of its own: a scratch server, the processes on it, and what is said of it, as web would say it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from redis import Redis
from redis.exceptions import RedisError

from jobs import keys
from jobs.address import parse
from jobs.connection import client_name, open_client
from jobs.errors import SignalboxError
from jobs.examples.isolation import tasks
from jobs.health import inquiry, snapshot
from jobs.health.diagnosis import Finding, Limits
from jobs.health.memory import Memory
from jobs.health.snapshot import Snapshot
from jobs.health.snapshot.processes import living
from jobs.launcher.servers import binary
from jobs.settings import PLATFORMS
from jobs.supervise.process import tied

HEARTBEAT = 0.25
"""Seconds, in place of 15: what counts as late follows from it, and a tour should not take an hour."""
OURS = re.compile(r"(JOBS_|REDIS|UPSTASH_|RAILWAY_|RQ_|EXAMPLE_)\w+|PORT|WORKER_HEALTH_URL|SERVICE_NAME")
DEADLINE = 1.0
LOOK = 0.1
PATIENCE = 40.0

T = TypeVar("T")
Process = subprocess.Popen[bytes]


class Over(SignalboxError):
    """The tour was told to end."""


class Line:
    """One line, with all that was started on it; ``close`` ends everything. For one thread, which must outlive it."""

    def __init__(self, folder: Path, over: threading.Event) -> None:
        self.folder = folder
        self.port = free_port()
        self.asks: str | None = None
        """Where the health of a worker is asked for, if anywhere."""
        self._over = over
        self._processes: list[Process] = []
        self._others: list[Line] = []
        self.serve()
        self.client: Redis = open_client(parse(self.url()), client_name("example"), deadline=DEADLINE, retries=0)
        self.wait(self._answers, "its server")
        self._memory = Memory(Limits(HEARTBEAT), time.monotonic())

    def url(self, db: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{db}"

    def serve(self) -> None:
        """Start the server, on what its append-only file holds."""
        self.server = self._start(
            *(str(binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--appendonly", "yes", "--save", "", "--loglevel", "warning"),
        )

    def start(self, *arguments: str, **environ: str) -> Process:
        """``python ARGUMENTS`` on this line."""
        return self._start(sys.executable, *arguments, **environ)

    def work(self, *arguments: str, **environ: str) -> Process:
        """A worker, once it is ready."""
        found = self.start("-m", "jobs", "worker", *arguments, **environ)
        self.wait(lambda: re.search(rf"-{found.pid}-\w+ is ready", self._said()), "a worker to be ready")
        return found

    def beside(self, folder: Path) -> "Line":
        """Another line, which ends with this one."""
        self._others.append(Line(folder, self._over))
        return self._others[-1]

    def says(self, role: str) -> bool:
        """Has a process of that role said that it works?"""
        return any(one.works and one.role == role for one in living(self.client))

    def run(self, *arguments: str) -> None:
        """A command that does one thing. Raises ``SignalboxError``, with what it said, when it fails."""
        done = self.start(*arguments)
        self.wait(lambda: done.poll() is not None, "a command to end")
        if done.returncode:
            raise SignalboxError(f"{' '.join(arguments)} ended with {done.returncode}:\n{self._said()[-1000:]}")

    def end(self, process: Process, number: signal.Signals = signal.SIGTERM) -> None:
        """Signal it, and wait until it has ended."""
        process.send_signal(number)
        self.wait(lambda: process.poll() is not None, "a process to end")

    def findings(self) -> list[Finding]:
        """What is wrong, now."""
        try:
            seen = snapshot.read(self.client, ("default",), 0)
        except RedisError as error:
            seen = Snapshot.failed(error)
        answer = inquiry.ask(self.asks, None) if self.asks else None
        return self._memory.judge(replace(seen, answer=answer), time.monotonic())

    def wait(self, condition: Callable[[], T | None], what: str) -> T:
        """The condition's first true value. Raises ``SignalboxError`` when there is none in time."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self._over.is_set():
                raise Over("told to end")
            if found := condition():
                return found
            time.sleep(LOOK)
        raise SignalboxError(f"waited {PATIENCE:g} s in vain for {what}:\n{self._said()[-1000:]}")

    def close(self) -> None:
        """End everything, the server last."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        for other in self._others:
            other.close()
        self.client.close()

    def _start(self, *command: str, **environ: str) -> Process:
        with open(self.folder / "log", "ab") as log:
            found = subprocess.Popen(
                tied(*command),
                cwd=self.folder,
                env={**clean(os.environ), **self._environ(), **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(found)
        return found

    def _environ(self) -> dict[str, str]:
        return {
            "REDIS_URL": self.url(),
            "RQ_KEY_PREFIX": keys.PREFIX,
            "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path])),
            "JOBS_TASKS": tasks.__name__,
            "JOBS_HEARTBEAT": str(HEARTBEAT),
            "JOBS_LEASE": "3",
            "JOBS_LOG_FORMAT": "text",
        }

    def _said(self) -> str:
        return (self.folder / "log").read_text(errors="replace", encoding="utf-8")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without your settings, so that the tour is the same everywhere."""
    return {name: value for name, value in environ.items() if not OURS.fullmatch(name) and name not in PLATFORMS}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def child_of(process: Process) -> int:
    """The pid of a worker's child, which runs the jobs."""
    said = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, check=True, encoding="utf-8", errors="replace"
    ).stdout
    rows = (line.split(None, 2) for line in said.splitlines())
    return next(int(pid) for pid, parent, words in rows if int(parent) == process.pid and "jobs.worker.child" in words)
