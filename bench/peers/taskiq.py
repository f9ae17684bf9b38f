"""taskiq: its stream broker, the one that acknowledges, and its result backend."""

import asyncio
import os

from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from bench import record

WORKER = ("taskiq", "worker", f"{__name__}:broker", "--workers", "2", "--log-level", "WARNING")

broker = RedisStreamBroker(os.environ["REDIS_URL"]).with_result_backend(
    RedisAsyncResultBackend(os.environ["REDIS_URL"], prefix_str="result")
)


@broker.task
async def append(number: int) -> None:
    record.write(number)


def feed(jobs: int) -> None:
    asyncio.run(_feed(jobs))


async def _feed(jobs: int) -> None:
    await broker.startup()
    for number in range(jobs):
        await append.kiq(number)
    await broker.shutdown()
