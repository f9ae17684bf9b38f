"""Fill a queue from a process of its own: ``python -m bench.feed JOBS``, on ``REDIS_URL``."""

import sys

from bench.tasks import append
from jobs import enqueue_many

BATCH = 10_000

if __name__ == "__main__":
    jobs = int(sys.argv[1])
    for first in range(0, jobs, BATCH):
        enqueue_many(append.prepare(number) for number in range(first, min(first + BATCH, jobs)))
