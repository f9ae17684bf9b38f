"""When a child is to be replaced by a new one: after so many jobs, or when it takes too much."""

import os
import resource
from typing import NamedTuple

RESERVE = 64
"""Descriptors more for a child that has run out of them: enough for its own connections, so that it ends in order."""
PAGE = resource.getpagesize()


class Limits(NamedTuple):
    """0: none."""

    jobs: int = 0
    memory: int = 0
    """Bytes of resident memory."""

    def exceeded(self, done: int, memory: int) -> str | None:
        """How a child has exceeded them that has run so many jobs and takes so much; one that has run none cannot."""
        if self.jobs and done >= self.jobs:
            return f"it has run {done} jobs"
        if self.memory and done and memory >= self.memory:
            return f"it takes {memory / 2**20:.0f} MiB of memory"
        return None


def resident(pid: int) -> int:
    """Bytes of memory that a process takes. Told by Linux; elsewhere, and of one that is gone, 0."""
    try:
        with open(f"/proc/{pid}/statm", encoding="utf-8") as told:
            return int(told.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def can_open(file: int) -> bool:
    """Can this process open one file more? Tried with one that is open."""
    try:
        os.close(os.dup(file))
    except OSError:
        return False
    return True


def allow_more_files() -> None:
    """Raise this process's own limit a little, where the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    more = soft + RESERVE
    resource.setrlimit(resource.RLIMIT_NOFILE, (more if hard == resource.RLIM_INFINITY else min(more, hard), hard))
