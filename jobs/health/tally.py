"""The queues as a person counts them: in the words for the states of jobs."""

from dataclasses import dataclass

from redis import Redis

from jobs import history, scripts
from jobs.health.snapshot import Snapshot
from jobs.history import Percentiles

LOOKED_AT = 500
"""Scheduled jobs of a queue that are looked at, those due first, to tell retries from those that have not run."""


@dataclass(frozen=True)
class Tally:
    """One queue. Heartbeats are not counted."""

    name: str
    queued: int
    running: int
    scheduled: int
    """For the first time, or again because they repeat or were busy."""
    retrying: int
    """They have failed, and wait for their next attempt."""
    waiting: int
    """In a lane, or for another job."""
    failed: int
    finished: int
    oldest: float | None
    """For how many seconds its first job has been queued."""
    wait: Percentiles | None
    """For how long those had been that ended in the last 5 min."""
    paused: bool
    workers: tuple[str, ...]
    """Ids of those that serve it."""


def tallies(client: Redis, seen: Snapshot) -> list[Tally]:
    """Every queue of a snapshot; two round trips. Raises ``RedisError``."""
    names = [queue.name for queue in seen.queues]
    retrying = scripts.retrying(client, names, LOOKED_AT) if names else []
    waits = history.waits(client, names, seen.now)
    return [
        Tally(
            name=queue.name,
            queued=queue.waiting,
            running=queue.active,
            scheduled=max(queue.scheduled - again, 0),
            retrying=min(queue.scheduled, again),
            waiting=queue.deferred,
            failed=queue.failed,
            finished=queue.completed,
            oldest=max(seen.now - queue.oldest_at, 0.0) if queue.oldest_at and queue.waiting else None,
            wait=waits[queue.name],
            paused=queue.paused,
            workers=tuple(worker.id for worker in seen.serving(queue.name)),
        )
        for queue, again in zip(seen.queues, retrying, strict=True)
    ]
