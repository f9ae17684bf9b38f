"""A line under watch: web is asked five times a second what is wrong, and everything that it says is kept."""

import signal
import threading
import time
import urllib.error
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.support import Process, Processes, free_port, get, wait_for

SHORT = {"JOBS_HEARTBEAT": "0.25", "JOBS_LEASE": "3"}
DEFAULT: dict[str, str] = {}
CODE = {"JOBS_TASKS": "tests.battery.tasks", "SOURCE_VERSION": "c0ffee"}
WITHIN = 15.0
"""Seconds in which a fault is named, and its name gone again."""
CALM = 1.5
"""Seconds without a finding after which there is none."""
EVERY = 0.2


class Look(NamedTuple):
    """What web said, and when (on the monotonic clock)."""

    at: float
    codes: frozenset[str]


class Stand:
    """One line: its Redis, web, and whatever else a test starts on it."""

    def __init__(self, processes: Processes, url: str, timing: Mapping[str, str] = SHORT, **environ: str) -> None:
        self.url = url
        self.environ = {**CODE, **timing, "REDIS_URL": url}
        self.looks: list[Look] = []
        self.said: dict[str, str] = {}
        """The last summary of each code."""
        self._processes = processes
        self.workers: list[Process] = []
        """Those that have not been told to end."""
        self.port = free_port()
        self.web = self.start("-m", "web", PORT=str(self.port), **environ)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        wait_for(lambda: self.looks, "web to answer")

    def start(self, *arguments: str, **environ: str) -> Process:
        return self._processes.start(*arguments, **{**self.environ, **environ})

    def work(self, *arguments: str, **environ: str) -> Process:
        """A worker that is ready."""
        worker = self.start("-m", "jobs", "worker", *arguments, **environ)
        self.workers.append(worker)
        worker.says("is ready")
        return worker

    def dismiss(self, worker: Process) -> None:
        """Have a worker end as it should."""
        worker.signal_all(signal.SIGCONT)
        worker.signal(signal.SIGTERM)
        worker.ends()
        self.workers = [one for one in self.workers if one is not worker]

    def dismiss_all(self) -> None:
        for worker in list(self.workers):
            if worker.popen.poll() is None:
                self.dismiss(worker)
        self.workers.clear()

    def run(self, *arguments: str, **environ: str) -> None:
        """A command that ends well."""
        process = self.start(*arguments, **environ)
        assert process.ends() == 0, process.lines

    def proves(
        self,
        code: str,
        break_it: Callable[[], object],
        repair_it: Callable[[], object],
        *,
        within: float = WITHIN,
        beside: frozenset[str] = frozenset(),
    ) -> str:
        """Break something: its code, and no other, is said in time; repair it: it is gone in time, and stays so.

        ``beside``: what was wrong before, or follows and is a fault of its own. Returns what was said.
        """
        self.is_calm(beside)
        began = time.monotonic()
        break_it()
        broken = time.monotonic()
        shown = self._when(lambda codes: code in codes, broken, within, code)
        repair_it()
        repaired = time.monotonic()
        self._calm_after(repaired, beside)
        found = self.codes(since=began)
        assert found - beside == {code}, f"{code} was to be all: {sorted(found)}"
        gone = max(look.at for look in self.looks if look.codes - beside) - repaired
        print(f"{code}: named {shown - broken:.1f} s after, gone {max(0.0, gone):.1f} s after the repair")
        return self.said[code]

    def is_calm(self, beside: frozenset[str] = frozenset()) -> None:
        """Wait until nothing is wrong."""
        since = time.monotonic()
        self._when(lambda codes: not codes - beside, since, 30, "nothing to be wrong")

    def lasts(self, seconds: float) -> None:
        """Be looked at for so long."""
        until = time.monotonic() + seconds
        wait_for(lambda: self.looks[-1].at >= until, "the time to pass", within=seconds + 10)

    def codes(self, since: float) -> frozenset[str]:
        """Everything that was said since."""
        return frozenset().union(*(look.codes for look in list(self.looks) if look.at >= since))

    def close(self) -> None:
        self.dismiss_all()
        self._over.set()
        self._thread.join()
        self.web.signal(signal.SIGTERM)
        self.web.ends()

    def _when(self, is_so: Callable[[frozenset[str]], bool], since: float, within: float, what: str) -> float:
        def found() -> Look | None:
            return next((look for look in list(self.looks) if look.at >= since and is_so(look.codes)), None)

        try:
            return wait_for(found, what, within).at
        except AssertionError as error:
            raise AssertionError(f"{error}; said was {sorted(self.codes(since))}") from None

    def _calm_after(self, since: float, beside: frozenset[str], within: float = WITHIN) -> None:
        def calm() -> bool:
            looks = [look for look in list(self.looks) if look.at >= since]
            last = max((look.at for look in looks if look.codes - beside), default=since)
            return bool(looks) and looks[-1].at - last >= CALM

        try:
            wait_for(calm, "nothing to be wrong", within + CALM)
        except AssertionError as error:
            last = self.looks[-1].codes
            raise AssertionError(f"{error}; said is {sorted(last)}: {[self.said[code] for code in last]}") from None

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            try:
                findings = get(self.port, "/health")[1]["findings"]
            except (OSError, urllib.error.URLError):  # web itself is being restarted
                continue
            for finding in findings:
                self.said[finding["code"]] = finding["summary"]
            self.looks.append(Look(time.monotonic(), frozenset(finding["code"] for finding in findings)))
