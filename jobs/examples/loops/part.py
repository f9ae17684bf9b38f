"""The worker of the show, as a process of its own; what it says of trouble is shown."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

from rich.console import Console

from jobs.errors import SignalboxError
from jobs.examples.loops import service
from jobs.supervise.process import PARENT

QUEUE = "loops"
"""Its own, so that it takes no job of yours, and no worker of yours takes one of its."""
TROUBLE = re.compile(r"\d\d:\d\d:\d\d (WARNING|ERROR) ")


class Part:
    """The worker while it is entered; asked to stop when it is left."""

    def __init__(self, folder: Path, remote: service.Service, pace: float, console: Console) -> None:
        self._environ = {
            **os.environ,
            "JOBS_TASKS": f"{__package__}.loops",
            "JOBS_QUEUES": QUEUE,
            "JOBS_RUNS": "all",
            "JOBS_LOG_FORMAT": "text",
            "PYTHONIOENCODING": "utf-8",
            "JOBS_LOG_LEVEL": "info",
            "JOBS_LOG_LEVELS": "",
            "EXAMPLE_FOLDER": str(folder),
            "EXAMPLE_SERVICE": remote.place,
            "EXAMPLE_PACE": str(pace),
            "PYTHONUNBUFFERED": "1",
            PARENT: str(os.getpid()),
        }
        self._console = console
        self.lines: list[str] = []
        self.name = ""
        """Its id, under which Redis hears of it."""

    def __enter__(self) -> "Part":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jobs", "worker"],
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self._reader.start()
        ready.wait()
        if not self.name:
            self.__exit__()
            raise SignalboxError("the worker did not come up:\n" + "\n".join(self.lines))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        self._reader.join()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._process.poll()

    def count(self, words: str) -> int:
        """In how many lines it has said this."""
        return sum(words in line for line in self.lines)

    def _read(self, ready: threading.Event) -> None:
        assert self._process.stdout
        with self._process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip())
                if found := re.search(r"(\S+) is ready: ", line):
                    self.name = found[1]
                    ready.set()
                if TROUBLE.match(line):
                    self._console.print(f"  worker | {line.rstrip()}", style="dim", markup=False, soft_wrap=True)
        ready.set()
