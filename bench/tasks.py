"""The work, the same function for ours and for RQ: write 16 bytes to a file in shared memory."""

import os
import struct
import time
from functools import cache
from typing import NamedTuple

from jobs import task

FILE = "BENCH_FILE"
RECORD = struct.Struct("<qq")
NAP = 0.05


class Record(NamedTuple):
    """That a job has started: its number, and when, in nanoseconds since 1970."""

    number: int
    at: int


@cache
def _file() -> int:
    return os.open(os.environ[FILE], os.O_WRONLY | os.O_APPEND)


@task
def append(number: int) -> None:
    """A job that does next to nothing."""
    os.write(_file(), RECORD.pack(number, time.time_ns()))


@task
def nap(number: int) -> None:
    """A job that waits 50 ms, as for somebody else's API."""
    append(number)
    time.sleep(NAP)
