"""Tasks that take locks. What they did is written to a file, so that no checker has to trust Redis."""

import asyncio
import os
import time
from pathlib import Path

from jobs import holder, lock, task
from tests.tasks import _append


@task(attempts=1)
def hold(name: str, path: str, text: str, until: str, ttl: float = 300.0) -> int:
    """Has the lock until the file ``until`` is there, on its first run; one later says so and ends."""
    with lock(name, ttl=ttl) as lease:
        lease.note(run_id=text)
        _append(path, f"in {text} {lease.token} {os.getpid()}")
        while not Path(until).exists():
            time.sleep(0.02)
    _append(path, f"out {text}")
    return lease.token


@task(attempts=1, max_busy=1)
def hurry(name: str, path: str) -> None:
    """Gives up its lock after one snooze."""
    _append(path, "try")
    with lock(name):
        _append(path, "in")


@task(attempts=1)
async def hold_in_coroutine(name: str) -> list[str | None]:
    """Whose the lock is, as seen from a coroutine and from a thread that it waits for."""
    with lock(name):
        found = holder(name)

    def in_thread() -> str | None:
        with lock(f"{name}:thread"):
            here = holder(f"{name}:thread")
            return here and here.job

    return [found and found.job, await asyncio.to_thread(in_thread)]
