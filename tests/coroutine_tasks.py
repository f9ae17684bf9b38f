"""Coroutine tasks, well behaved and not. What they did is written to a file."""

import asyncio
import os
import sys
import time
from pathlib import Path

from rq import get_current_job

from jobs import lock, task
from tests.tasks import _append


@task(attempts=1)
async def pid() -> int:
    await asyncio.sleep(0)
    return os.getpid()


@task(attempts=1)
async def leave(how: str) -> None:
    """Ends, in a way that would end an event loop."""
    if how == "exits":
        sys.exit("nothing to do")
    if how == "is interrupted":
        raise KeyboardInterrupt
    if how == "exits in a task":
        await asyncio.create_task(_exit())
    if how == "stops the loop":
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.05)
        raise RuntimeError("the loop goes on")


async def _exit() -> None:
    sys.exit("nothing to do")


@task(attempts=1)
async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


@task(attempts=1, timeout=1)
async def block(path: str, seconds: float) -> None:
    _append(path, f"block {os.getpid()}")
    await asyncio.gather(asyncio.sleep(0), _block(seconds))


async def _block(seconds: float) -> None:
    time.sleep(seconds)


@task(attempts=1, timeout=0.5)
async def linger(path: str, name: str, seconds: float) -> None:
    """Is cancelled by its timeout, and takes its time to end."""
    _append(path, f"start {name}")
    try:
        await asyncio.sleep(60)
    finally:
        with lock("linger"):
            await asyncio.sleep(seconds)
        _append(path, f"end {name}")


@task(attempts=1, timeout=0.5)
async def refuse(path: str) -> None:
    """Cannot be cancelled."""
    _append(path, "start refuse")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            _append(path, "refused")


@task(attempts=1, timeout=60)
async def wait_for_file(log: str, path: str) -> None:
    _append(log, "begun")
    while not Path(path).exists():
        await asyncio.sleep(0.02)


@task(attempts=1, timeout=60)
def sleep_deaf(seconds: float) -> None:
    time.sleep(seconds)


@task(attempts=1)
async def describe() -> tuple[str, dict[str, int]]:
    """What it says of itself, read without Redis."""
    job = get_current_job()
    assert job
    job.connection = None  # type: ignore[assignment]
    return job.id, job.meta
