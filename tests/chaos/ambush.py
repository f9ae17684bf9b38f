"""A line whose processes are told where to die."""

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime

from jobs import keys
from jobs.schedule.store import Store
from tests.chaos import steps
from tests.chaos import tasks as t
from tests.chaos.line import BLAMELESS, Line
from tests.chaos.steps import Plan, When
from tests.support import Process, wait_for

READY = 40.0
"""Seconds to a step, at most: at default timing a heartbeat comes every 15 s."""
HOURLY = 3600


class Ambush:
    """A line whose processes can be told where to die."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._folder = line.log.path.with_name("steps")
        self._folder.mkdir()
        self._lain, self._marker = "", self._folder
        self._number = 0
        self.planned: list[str] = []
        """Jobs that are to fail."""
        line.program = ("-m", "tests.chaos.armed", "keeper")
        line.environ |= BLAMELESS | {
            "JOBS_TASKS": "tests.chaos.tasks,tests.chaos.armed_child",
            "JOBS_GRACE": "1",
            steps.FOLDER: str(self._folder),
        }

    def lay(self, step: str, when: When, pid: int = 0) -> None:
        """From now on, whoever comes to this step dies there; only the process ``pid``, if one is given."""
        self._number += 1
        self._lain = f"{when} {step!r}"
        self._marker = self._folder / f"hit-{self._number}"
        Plan(step, when, self._marker.name, pid).write(self._folder)

    def wait(self) -> None:
        """Wait until somebody has died there. Of the workers' keepers, the dead leave the line."""
        wait_for(self.is_sprung, f"a process to be killed {self._lain}", READY)
        pid = int(self._marker.read_text())
        self.line.blows += 1
        for worker in [one for one in self.line.living if one.popen.pid == pid]:
            worker.ends()
            self.line.living.remove(worker)

    def is_sprung(self) -> bool:
        return self._marker.exists()

    def man(self, count: int = 2) -> list[Process]:
        """So many workers, at least, the oldest first."""
        self.line.start(max(0, count - len(self.line.living)))
        return self.line.living

    def busy(self, seconds: float = 0.3) -> Process:
        """A worker that has just begun to run jobs of so many seconds."""
        self.man()
        self.line.feed(8, seconds=seconds)
        return wait_for(lambda: next(filter(self.line.runs_of, self.line.living), None), "a busy worker")

    def tell_to_end(self, worker: Process) -> None:
        self.line.living.remove(worker)
        self.line.signal([worker.popen.pid], signal.SIGTERM)

    def free_the_lead(self) -> None:
        """Let a dead leader's lease run out now; it takes 10 s."""
        self.line.client.pexpire(keys.LEADER, 1)


Provoke = Callable[[Ambush, str, When], object]


def await_it(ambush: Ambush, step: str, when: When) -> None:
    """What comes by itself, within a second or a heartbeat."""
    ambush.man()
    ambush.lay(step, when)


def schedule(line: Line) -> None:
    """An hourly entry that is due now; its job is accepted as of then."""
    due, entry = int(time.time()), f"hourly-{len(line.accepted):05d}"
    job_id = f"{entry}-{due}"
    line.accepted.append(job_id)
    Store(line.client).schedule(
        datetime.fromtimestamp(due, UTC), t.work, [str(line.log.path), job_id], interval=HOURLY, id=entry
    )
