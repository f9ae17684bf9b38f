"""Huey: two worker processes, results kept also when they are None. It has no acknowledgements."""

import os

from huey import RedisHuey

from bench import record

WORKER = ("huey.bin.huey_consumer", f"{__name__}.huey", "--workers", "2", "--worker-type", "process", "--quiet")

huey = RedisHuey("bench", url=os.environ["REDIS_URL"], store_none=True)


@huey.task()
def append(number: int) -> None:
    record.write(number)


def feed(jobs: int) -> None:
    for number in range(jobs):
        append(number)
