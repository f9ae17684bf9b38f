"""Reading the history: two round trips, however long the span and however many jobs."""

from typing import NamedTuple, cast

from redis import Redis

from jobs import keys
from jobs.history import cells
from jobs.history.series import Deploy, Series, Span, build, moment, start_of


class Names(NamedTuple):
    """Of whom there is a history, in order."""

    queues: tuple[str, ...]
    tasks: tuple[str, ...]


def read(client: Redis, span: Span, *, queue: str | None = None, task: str | None = None) -> Series:
    """The history of a queue, of a task, or of all jobs; heartbeats are in none. Raises ``RedisError``.

    Times are the server's. A name that has no history gives empty buckets.
    """
    name = "all" if queue is None and task is None else f"task:{task}" if queue is None else f"queue:{queue}"
    key, covers, each = (keys.minutes, 3600, 60) if span in ("1h", "24h") else (keys.quarters, 86400, 900)
    now = client.time()[0]
    start = start_of(span, now)
    numbers = range(start // covers, now // covers + 1)
    with client.pipeline(transaction=False) as pipeline:
        for number in numbers:
            pipeline.hgetall(key(number, name))
        pipeline.zrangebyscore(keys.DEPLOYS, start, "+inf", withscores=True)
        *rows, deploys = pipeline.execute()
    kept = {
        number * covers + int(field) * each: cells.unpack(value.decode())
        for number, row in zip(numbers, rows, strict=True)
        for field, value in row.items()
    }
    return build(span, start, kept, [Deploy(commit.decode(), moment(at)) for commit, at in deploys])


def names(client: Redis) -> Names:
    """Of whom there was something to tell in the last 30 days. Raises ``RedisError``."""
    told = cast(list[bytes], client.zrange(keys.HISTORY, 0, -1))
    found = sorted(name.decode(errors="replace") for name in told)
    parts = [name.partition(":") for name in found]
    return Names(*(tuple(name for kind, _, name in parts if kind == wanted) for wanted in ("queue", "task")))
