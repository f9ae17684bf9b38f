"""Waiting for conditions, starting real processes, asking over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar("T")
ROOT = Path(__file__).parents[1]


def wait_for(condition: Callable[[], T | None], description: str, within: float = 20.0) -> T:
    """The condition's first true value; fails the test, saying what was waited for, when it stays false."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {within:g} s in vain for {description}")


def quickest(call: Callable[[], T], of: int = 3) -> tuple[T, float]:
    """What a call returns, and the seconds that it takes where nothing else has the processor."""
    took = []
    for _ in range(of):
        began = time.perf_counter()
        found = call()
        took.append(time.perf_counter() - began)
    return found, min(took)


def start_of_a_child() -> float:
    """Seconds in which this machine, as busy as it is, starts an interpreter with all that a child imports."""
    command = (sys.executable, "-c", "import jobs.worker.child")
    took = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True)
        took.append(time.perf_counter() - began)
    return sorted(took)[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(pid: int) -> bool:
    """Is there such a process, other than one that has ended and was not asked how?"""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def command_line(process: psutil.Process) -> list[str]:
    """Return the words that a process was started with; none when the process has ended or is about to."""
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


class Process:
    """A command of the project with everything it says."""

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str], cwd: Path) -> None:
        self._arguments = arguments
        self.popen = subprocess.Popen(
            [sys.executable, *arguments],
            env=environ,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout
        with self.popen.stdout as output:
            for line in output:
                self.lines.append(line.rstrip())

    def says(self, text: str, within: float = 20.0) -> str:
        """The first line that holds ``text``, once it is there."""

        def look() -> str | None:
            found = next((line for line in list(self.lines) if text in line), None)
            if found is None and self.popen.poll() is not None and not self._reader.is_alive():
                raise AssertionError(f"{self._arguments} ended with {self.popen.returncode}:\n" + "\n".join(self.lines))
            return found

        try:
            return wait_for(look, f"{text!r}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n" + "\n".join(self.lines)) from None

    def signal_all(self, number: signal.Signals) -> None:
        """Signal it and all it has started, itself first; what that has ended meanwhile needs none."""
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def ends(self, within: float = 20.0) -> int:
        """Its exit code, once it has ended and said everything."""
        code = self.popen.wait(within)
        self._reader.join(5)
        return code

    def tree(self) -> list[psutil.Process]:
        """Itself and all it has started."""
        try:
            top = psutil.Process(self.popen.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def running(self, module: str) -> list[psutil.Process]:
        """Return the living processes of its tree that run a module."""
        return [process for process in self.tree() if module in command_line(process)]


class Processes:
    """Starts commands of the project; ``end`` kills whatever is left of them, and their children."""

    def __init__(self) -> None:
        self._started: list[Process] = []

    def start(self, *arguments: str, **environ: str) -> Process:
        """``python <arguments>`` with this process's environment and ``environ``; an empty value unsets."""
        return self.start_in(ROOT, *arguments, **environ)

    def start_in(self, cwd: Path, *arguments: str, **environ: str) -> Process:
        """``start`` in another folder."""
        fixed = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "JOBS_LOG_FORMAT": "text"}
        merged = {**os.environ, **fixed, **environ}
        found = Process(arguments, {name: value for name, value in merged.items() if value}, cwd)
        self._started.append(found)
        return found

    def end(self) -> None:
        trees = [process for started in self._started for process in started.tree()]
        for process in trees:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        for started in self._started:
            started.ends()


def get(port: int, path: str, **headers: str) -> tuple[int, dict[str, Any], float]:
    """Status, JSON body and seconds taken."""
    return ask(urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers))


def post(port: int, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any], float]:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    return ask(urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, headers=headers, method="POST"))


def ask(request: urllib.request.Request) -> tuple[int, dict[str, Any], float]:
    """Status, JSON body and seconds taken."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read()
    return status, json.loads(body), time.monotonic() - began


def statuses(port: int, *paths: str) -> dict[str, int]:
    """The status of each address; fails when one takes 2 s or longer."""
    found = {}
    for path in paths:
        status, _, took = get(port, path)
        assert took < 2, f"{path} took {took:.2f} s"
        found[path] = status
    return found


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
