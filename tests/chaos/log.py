"""The log of starts and ends, which the tasks write outside Redis; and what can be told from it alone."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path


@dataclass
class Run:
    """One execution of a job, as it said of itself. Times are seconds on the system's monotonic clock."""

    id: str
    pid: int
    started: float
    ended: float | None = None
    failed: bool = False
    """It ended by an error that was planned."""


@dataclass(frozen=True)
class Kill:
    """Processes that were ended, and when the signal was sent."""

    at: float
    pids: frozenset[int]


class Log:
    """Follows the file: ``<start|end|fail> <job> <seconds> <pid>``, each line whole (O_APPEND)."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self.path = path
        self._runs: list[Run] = []
        self._open: dict[tuple[str, int], Run] = {}
        self._read = 0

    def runs(self) -> list[Run]:
        """All executions so far, in the order in which they started."""
        with open(self.path, "rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode().splitlines():
            self._add(*line.split())
        return self._runs

    def _add(self, word: str, job_id: str, at: str, pid: str) -> None:
        if word == "start":
            run = self._open[job_id, int(pid)] = Run(job_id, int(pid), float(at))
            self._runs.append(run)
        elif ended := self._open.pop((job_id, int(pid)), None):
            ended.ended, ended.failed = float(at), word == "fail"

    def running(self) -> list[Run]:
        """Executions that have not ended; those whose process was killed never will."""
        self.runs()
        return list(self._open.values())

    def ended(self) -> set[str]:
        """Jobs that have come to their end at least once."""
        return {run.id for run in self.runs() if run.ended and not run.failed}


def recoveries(runs: Iterable[Run], kills: Iterable[Kill]) -> list[float]:
    """For each execution that a kill interrupted: seconds from the kill until the job ran again."""
    killed_at = {pid: kill.at for kill in kills for pid in kill.pids}
    found = []
    for job in _by(lambda run: run.id, runs).values():
        for run, following in pairwise(job):
            if run.ended is None and run.pid in killed_at:
                found.append(max(0.0, following.started - killed_at[run.pid]))
    return found


def out_of_order(runs: Iterable[Run], order: dict[str, list[str]], doomed: set[str]) -> list[str]:
    """Jobs that started before one of their lane that was accepted earlier had ended, or ran again after a later one.

    ``order`` holds the jobs of each lane as they were accepted; those that are ``doomed`` end by failing for good.
    """
    of_job = _by(lambda run: run.id, runs)
    found = []
    for lane in order.values():
        present = [of_job[job_id] for job_id in lane if job_id in of_job]
        for before, after in pairwise(present):
            ends = [run.ended for run in before if run.ended and run.failed == (run.id in doomed)]
            if not ends or after[0].started < max(run.started for run in before) or after[0].started < ends[0]:
                found.append(f"{after[0].id} before {before[0].id}")
    return found


def overlaps(runs: Iterable[Run], lane_of: dict[str, str], kills: Iterable[Kill]) -> list[str]:
    """Jobs that started while another of their lane ran; a killed process runs nothing after the kill."""
    killed_at = {pid: kill.at for kill in kills for pid in kill.pids}
    found = []
    for lane in _by(lambda run: lane_of[run.id], runs).values():
        busy_until = 0.0
        for run in lane:
            if run.started < busy_until:
                found.append(run.id)
            end = killed_at.get(run.pid, float("inf")) if run.ended is None else run.ended
            busy_until = max(busy_until, end)
    return found


def before_their_time(runs: Iterable[Run], awaited: dict[str, list[str]]) -> list[str]:
    """Jobs that began before each of those that they depend on had ended, if only once."""
    ended: dict[str, float] = {}
    found = list(runs)
    for run in found:
        if run.ended is not None and not run.failed:
            ended[run.id] = min(run.ended, ended.get(run.id, run.ended))
    return [
        f"{run.id} before {other}"
        for run in found
        for other in awaited.get(run.id, ())
        if ended.get(other, math.inf) > run.started
    ]


def _by(key: Callable[[Run], str], runs: Iterable[Run]) -> dict[str, list[Run]]:
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.started):
        groups[key(run)].append(run)
    return groups
