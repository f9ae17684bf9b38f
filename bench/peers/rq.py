"""Stock RQ: its default worker, which forks for each job."""

import os

from redis import Redis
from rq import Queue

from bench import record

QUEUE = "default"
WORKER = ("rq.cli", "worker", "--url", os.environ["REDIS_URL"], "--quiet", QUEUE)


def append(number: int) -> None:
    record.write(number)


def feed(jobs: int) -> None:
    queue = Queue(QUEUE, connection=Redis.from_url(os.environ["REDIS_URL"]))
    queue.enqueue_many([Queue.prepare_data(append, (number,)) for number in range(jobs)])
