"""arq: one process, ten jobs at a time, which is its default. A job leaves the queue when it has ended."""

import asyncio
import os
from typing import Any, ClassVar

from arq import create_pool, func
from arq.connections import RedisSettings

from bench import record

WORKER = ("arq", f"{__name__}.Settings")
REDIS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def append(_context: dict[Any, Any], number: int) -> None:
    record.write(number)


class Settings:
    """What arq's command line reads."""

    redis_settings = REDIS
    functions: ClassVar = [func(append, name="append")]


def feed(jobs: int) -> None:
    asyncio.run(_feed(jobs))


async def _feed(jobs: int) -> None:
    pool = await create_pool(REDIS)
    for number in range(jobs):
        await pool.enqueue_job("append", number)
    await pool.aclose()
