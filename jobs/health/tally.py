"""The queues as a person counts them."""

from dataclasses import asdict, dataclass

from redis import Redis

from jobs import history
from jobs.health.counts import Counts, counts
from jobs.health.snapshot import Snapshot
from jobs.history import Percentiles


@dataclass(frozen=True, kw_only=True)
class Tally(Counts):
    """One queue, and how many of its jobs are in each state."""

    name: str
    oldest: float | None
    """For how many seconds its first job has been queued."""
    wait: Percentiles | None
    """For how long those had been that ended in the last 5 min."""
    paused: bool
    workers: tuple[str, ...]
    """Ids of those that serve it."""


def tallies(client: Redis, seen: Snapshot) -> list[Tally]:
    """Every queue of a snapshot; one round trip. Raises ``RedisError``."""
    waits = history.waits(client, [queue.name for queue in seen.queues], seen.now)
    return [
        Tally(
            **asdict(counts((queue,))),
            name=queue.name,
            oldest=max(seen.now - queue.oldest_at, 0.0) if queue.oldest_at and queue.waiting else None,
            wait=waits[queue.name],
            paused=queue.paused,
            workers=tuple(worker.id for worker in seen.serving(queue.name)),
        )
        for queue in seen.queues
    ]
