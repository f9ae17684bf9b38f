"""RQ as a user would run it: ``python -m bench.rival [--burst] [--scheduler] QUEUE``, on ``REDIS_URL``."""

import argparse
import os

from redis import Redis
from rq import Queue, SimpleWorker

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.rival", description=__doc__)
    parser.add_argument("queue")
    parser.add_argument("--burst", action="store_true", help="end when the queue is empty")
    parser.add_argument("--scheduler", action="store_true", help="RQ's scheduler beside it")
    options = parser.parse_args()
    connection = Redis.from_url(os.environ["REDIS_URL"])
    worker = SimpleWorker([Queue(options.queue, connection=connection)], connection=connection)
    worker.work(burst=options.burst, with_scheduler=options.scheduler)
