"""How long jobs wait of late, queue by queue; one round trip, whatever the number of jobs."""

from collections.abc import Iterable

from redis import Redis

from jobs import keys
from jobs.history import cells
from jobs.history.bins import Percentiles, percentiles

MINUTES = 5


def waits(client: Redis, queues: Iterable[str], now: float) -> dict[str, Percentiles | None]:
    """For how long jobs of each queue had been in it that ended in this minute and the 5 before; None where none did.

    ``now`` is the server's time, in seconds since 1970. Raises ``RedisError``.
    """
    names = list(queues)
    minute = int(now) // 60
    fields: dict[int, list[int]] = {}
    for at in range(minute - MINUTES, minute + 1):
        fields.setdefault(at // 60, []).append(at % 60)
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            for hour, minutes in fields.items():
                pipeline.hmget(keys.minutes(hour, f"queue:{name}"), [str(one) for one in minutes])
        replies = iter(pipeline.execute())
    found = {}
    for name in names:
        kept = [cells.unpack(value.decode()) for _ in fields for value in next(replies) if value]
        found[name] = percentiles(cells.together(kept).waits)
    return found
