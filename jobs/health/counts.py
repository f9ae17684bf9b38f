"""Jobs counted by their states, and what each address of health calls these counts."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from jobs.health.snapshot import QueueView


@dataclass(frozen=True)
class Counts:
    """How many jobs are in each state; heartbeats are not counted."""

    queued: int = 0
    """Ready to run, in their queues."""
    running: int = 0
    scheduled: int = 0
    """For their first run, or again because they repeat or were busy."""
    retrying: int = 0
    """Failed, and waiting for their next attempt."""
    blocked: int = 0
    """In a lane behind another job, or waiting for a job that they depend on."""
    failed: int = 0
    """For good, or stopped."""
    finished: int = 0
    due: int = 0
    """Of the scheduled: those whose time has come."""

    @property
    def pending(self) -> int:
        """All that is accepted, has not ended, does not run, and is not for a later time."""
        return self.queued + self.blocked + self.retrying + self.due


AUDIT = {
    "pending": "pending",
    "waiting": "queued",
    "active": "running",
    "completed": "finished",
    "failed": "failed",
    "scheduled": "scheduled",
    "retrying": "retrying",
    "deferred": "blocked",
}
"""The words of ``/health/queue`` for them."""
STATS = {"pending": "pending", "processing": "running", "completed": "finished", "failed": "failed"}
"""The words of ``/queue/stats``."""


def counts(queues: Iterable[QueueView]) -> Counts:
    """The jobs of some queues, together."""
    every = [_counts(queue) for queue in queues]
    return Counts(**{one.name: sum(getattr(queue, one.name) for queue in every) for one in fields(Counts)})


def said(found: Counts, words: dict[str, str]) -> dict[str, int]:
    """Counts in the words of an address."""
    return {word: getattr(found, name) for word, name in words.items()}


def rq(found: Counts) -> dict[str, int]:
    """Counts by RQ's statuses: its registry of scheduled jobs holds those too that wait for another attempt."""
    return {
        "queued": found.queued,
        "started": found.running,
        "finished": found.finished,
        "failed": found.failed,
        "deferred": found.blocked,
        "scheduled": found.scheduled + found.retrying,
    }


def _counts(queue: QueueView) -> Counts:
    return Counts(
        queued=queue.waiting,
        running=queue.active,
        scheduled=queue.scheduled,
        retrying=queue.retrying,
        blocked=queue.deferred,
        failed=queue.failed,
        finished=queue.completed,
        due=queue.due,
    )
