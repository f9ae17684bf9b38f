"""Finding a child that looks alive and does not consume. By progress: a stopped process has a pid like any other.

A healthy child with a free slot asks for jobs at least every 10 s, and is answered, whatever waits: an empty queue, a
paused one and one whose lanes are all busy answer too. So neither queues nor counters need be looked at, and a job
may run for two hours.
"""

from collections.abc import Callable

from jobs.worker.table import Table

WEDGED = 20.0
"""Seconds without an answered question after which a child with a free slot is wedged."""
ABSENCE = 5.0
"""Seconds without a look, because Redis was away or the keeper was stopped, after which the watch starts afresh."""


class Vigil:
    """Watches one child. Times are seconds on the system's monotonic clock."""

    def __init__(self, now: float) -> None:
        self._looked = self._excused = now

    def is_wedged(self, now: float, table: Table, is_due: bool, is_stopped: Callable[[], bool]) -> bool:
        """Is it, at this look? ``is_due``: it is ready and has not been asked to end, so it has to ask for jobs.

        It is excused while all its slots are busy, and while a job holds the interpreter, which only that job's
        timeout ends; a process that somebody has stopped is not held by a job, however much it runs.
        """
        running = len(table.running())
        held = running and now - table.turned > ABSENCE and not is_stopped()
        if not is_due or running == table.slots or held or now - self._looked > ABSENCE:
            self._excused = now
        self._looked = now
        return now - max(table.asked, self._excused) > WEDGED
