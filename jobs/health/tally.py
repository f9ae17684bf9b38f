"""The queues as a person counts them: in the words for the states of jobs."""

from dataclasses import dataclass

from redis import Redis

from jobs import scripts
from jobs.health.snapshot import Snapshot

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
    paused: bool
    workers: tuple[str, ...]
    """Ids of those that serve it."""


def tallies(client: Redis, seen: Snapshot) -> list[Tally]:
    """Every queue of a snapshot; one round trip. Raises ``RedisError``."""
    retrying = scripts.retrying(client, [queue.name for queue in seen.queues], LOOKED_AT) if seen.queues else []
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
            paused=queue.paused,
            workers=tuple(worker.id for worker in seen.serving(queue.name)),
        )
        for queue, again in zip(seen.queues, retrying, strict=True)
    ]
