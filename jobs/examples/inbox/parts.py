"""The processes of the example: web and a worker, started, killed and ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from jobs import connection, embedded
from jobs.errors import SignalboxError
from jobs.examples.inbox import log, tasks
from jobs.examples.inbox.log import Event
from jobs.launcher.clear import Clearance
from jobs.launcher.formation import free_port
from jobs.settings import Settings
from jobs.supervise.process import PARENT

WORDS = 15
PATIENCE = 30.0
COMMANDS = {"web": ("-m", "jobs.examples.inbox.app"), "worker": ("-m", "jobs", "worker")}


class Parts:
    """Web and worker, on this folder's Redis or the configured one."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """``folder`` is for their logs."""
        self.port = free_port(settings.port, given=bool(os.environ.get("PORT")))
        self.log = folder / "messages.log"
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.environ = {
            **os.environ,
            log.VARIABLE: str(self.log),
            "PORT": str(self.port),
            "JOBS_TASKS": ",".join(dict.fromkeys([*settings.tasks, tasks.__name__])),
            "JOBS_QUEUES": tasks.QUEUE,
            "JOBS_MAX_RUNNING": f"{tasks.QUEUE}={tasks.AT_ONCE}",
            "JOBS_CONCURRENCY": str(2 * tasks.AT_ONCE),  # so that it is the limit that holds, not a lack of threads
            "JOBS_POOL": "thread",
            "JOBS_LEASE": os.environ.get("JOBS_LEASE", "2"),  # how long one waits to see what a kill does
            PARENT: str(os.getpid()),
        }

    def start(self, name: str) -> None:
        """Start a part. Call it from the main thread: the kernel ends the part with the thread that did."""
        with open(self._folder / f"{name}.log", "ab") as output:
            self._running[name] = subprocess.Popen(
                [sys.executable, *COMMANDS[name]],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def kill(self, name: str) -> int:
        """Kill -9, and note it in the log of messages; returns the pid."""
        process = self._running[name]
        process.kill()
        process.wait()
        log.append(self.log, Event("killed", "", "", process.pid))
        return process.pid

    def check(self) -> None:
        """Raise ``SignalboxError``, with its last words, when a part has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                said = (
                    (self._folder / f"{name}.log").read_text(errors="replace", encoding="utf-8").splitlines()[-WORDS:]
                )
                raise SignalboxError(f"{name} has ended with code {process.returncode}:\n" + "\n".join(said))

    def end(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            process.wait()


@contextmanager
def parts(settings: Settings, folder: Path, say: Callable[[str], None]) -> Iterator[Parts]:
    """Both parts, up, with the line clear; ended again at the end. Raises ``SignalboxError`` when they do not come."""
    found = Parts(settings, folder)
    connection.default()  # the local Redis, where there is no other
    if found.port != settings.port:
        say(f"port {settings.port} is taken; using {found.port}")
    try:
        for name in COMMANDS:
            found.start(name)
        with closing(Clearance(found.environ, found.port, say)) as clearance:
            deadline = time.monotonic() + PATIENCE
            while not clearance.is_clear:
                found.check()
                if time.monotonic() > deadline:
                    raise SignalboxError(f"the line was not clear within {PATIENCE:g} s")
                clearance.look()
                time.sleep(0.05)
        yield found
    finally:
        found.end()
        connection.default().close()
        embedded.detach(settings.folder)
