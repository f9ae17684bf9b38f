"""Dramatiq: its processes and threads, with the middleware that keeps results. It acknowledges by itself."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from bench import record

WORKER = ("dramatiq", __name__, "--processes", "2", "--threads", "8")

broker = RedisBroker(url=os.environ["REDIS_URL"])
broker.add_middleware(Results(backend=RedisBackend(url=os.environ["REDIS_URL"], use_namespace_prefix_keys=True)))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def append(number: int) -> None:
    record.write(number)


def feed(jobs: int) -> None:
    for number in range(jobs):
        append.send(number)
