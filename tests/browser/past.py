"""A day that a line has behind it, for charts to show: invented, and the same each time."""

import math
import random

from redis import Redis

from jobs import keys
from jobs.history import bins, cells
from jobs.history.cells import Cells

HOURS = 24
DEPLOYS = (("4c1f09ab77d2", 19.5), ("b8e2d6610f3a", 5.2), ("e25b56d1c90e", 0.4))
"""A commit, and how many hours ago it came to work."""
TROUBLE = (5.2, 4.9)
"""Hours ago: after a deploy more failed, until it was mended."""
SHARES = {"default": 0.5, "mail": 0.35, "images": 0.15}
"""Of each queue in what there was to do."""


def write(client: Redis, now: float) -> None:
    """Write each minute of the last day into the history of each queue and of all jobs, and the deploys."""
    draw = random.Random(6)
    minute = int(now) // 60
    with client.pipeline(transaction=False) as pipeline:
        for number in range(minute - HOURS * 60, minute):
            ended = {f"queue:{name}": _minute(draw, (minute - number) / 60, share) for name, share in SHARES.items()}
            for name, one in {**ended, "all": cells.together(list(ended.values()))}.items():
                pipeline.hset(keys.minutes(number // 60, name), str(number % 60), cells.pack(one))
        pipeline.zadd(keys.DEPLOYS, {commit: now - hours * 3600 for commit, hours in DEPLOYS})
        pipeline.execute()


def _minute(draw: random.Random, hours_ago: float, share: float) -> Cells:
    busy = 30 + 22 * math.sin((HOURS - hours_ago) / HOURS * 2 * math.pi - 1.2) + draw.uniform(-6, 6)
    finished = max(0, round(busy * share))
    in_trouble = TROUBLE[1] < hours_ago < TROUBLE[0]
    failed = round(draw.randint(4, 9) * share) if in_trouble else int(draw.random() < 0.06 * share)
    retried = round(draw.randint(3, 8) * share) if in_trouble else int(draw.random() < 0.2 * share)
    ended = finished + failed + retried
    waits = [draw.lognormvariate(-4.2 + busy / 30, 0.8) for _ in range(ended)]
    runs = [draw.lognormvariate(-1.6, 0.9) for _ in range(ended)]
    ends: dict[cells.End, int] = {"finished": finished, "failed": failed, "retried": retried}
    return cells.cells(ends, bins.count(waits), bins.count(runs))
