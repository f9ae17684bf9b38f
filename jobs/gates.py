"""A hand on a queue: pause it, let it go on, empty it."""

import time
from collections.abc import Collection
from typing import cast

from redis import Redis

from jobs import keys, scripts
from jobs.retention import Cleaned

STEP = 200
"""Jobs that one step looks at: a few milliseconds of the server's time."""


def pause(client: Redis, queue: str) -> bool:
    """Let no worker take from a queue; what runs goes on. False when it was paused already."""
    return bool(client.sadd(keys.PAUSED, queue))


def resume(client: Redis, queue: str) -> bool:
    """Let workers take from a queue again; False when it was not paused."""
    return bool(client.srem(keys.PAUSED, queue))


def paused(client: Redis) -> set[str]:
    """The queues that no worker takes from. Raises ``RedisError``."""
    return {name.decode(errors="replace") for name in cast(set[bytes], client.smembers(keys.PAUSED))}


def closed(client: Redis, queues: Collection[str]) -> list[str]:
    """Those of the queues that are paused; all while ``rq suspend`` is on. Raises ``RedisError``."""
    if client.exists(keys.SUSPENDED):
        return sorted(queues)
    return sorted(paused(client) & set(queues))


def waiting(client: Redis, queue: str) -> int:
    """How many jobs wait in a queue; heartbeats, which go to its front, are not counted. Raises ``RedisError``."""
    first = cast(list[bytes], client.lrange(keys.queue(queue), 0, 9))
    beats = sum(job_id.startswith(keys.HEARTBEAT.encode()) for job_id in first)
    return client.llen(keys.queue(queue)) + client.llen(keys.suspects(queue)) - beats


def names(client: Redis) -> set[str]:
    """The queues that were ever used, and those that are paused. Raises ``RedisError``."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.smembers(keys.QUEUES)
        pipeline.smembers(keys.PAUSED)
        used, paused = cast(list[set[bytes]], pipeline.execute())
    start = len(keys.queue(""))
    return {key.decode(errors="replace")[start:] for key in used} | {name.decode(errors="replace") for name in paused}


def empty(client: Redis, queue: str, *, within: float = float("inf")) -> Cleaned:
    """Remove the jobs that wait in a queue now, with all that is kept of them; their lanes go on with the next.

    What runs, is scheduled, waits in a lane or comes later stays. Done in small steps, for ``within`` seconds at most.
    """
    deadline = time.monotonic() + within
    removed, before = 0, ""
    for key in (keys.queue(queue), keys.suspects(queue)):
        passed, looked = 0, STEP
        while looked == STEP:
            looked, gone, before = scripts.empty(client, key, before, passed, STEP)
            passed += looked - gone
            removed += gone
            if time.monotonic() > deadline:
                return Cleaned(removed, False)
    return Cleaned(removed, True)
