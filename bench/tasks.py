"""The work, the same function for ours and for RQ: write 16 bytes to a file in shared memory."""

import time

from bench import record
from jobs import task

NAP = 0.05


@task
def append(number: int) -> None:
    """A job that does next to nothing."""
    record.write(number)


@task
def nap(number: int) -> None:
    """A job that waits 50 ms, as for somebody else's API."""
    append(number)
    time.sleep(NAP)
