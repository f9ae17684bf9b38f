"""How a loop says that it goes on, and how one that has been replaced is kept from going on."""

import asyncio
import threading
import time
from contextvars import ContextVar

from jobs.supervise.roll import Roll

BEAT = 1.0
"""Seconds between two pings while a loop waits for its next cycle."""


class Superseded(BaseException):
    """Another has taken this loop's place, or it is to stop. No ``Exception``, so that no cycle goes on after it."""


class Ping:
    """Given to a cycle that has a parameter ``ping``; calling it says that the cycle goes on.

    Raises ``Superseded`` in a run of the loop that is over, and so is where such a run ends.
    """

    def __init__(self, roll: Roll, row: int) -> None:
        self._roll = roll
        self._row = row
        self._over = threading.Event()

    def __call__(self) -> None:
        self.check()
        self._roll.ping(self._row, time.monotonic())

    def check(self) -> None:
        """Raise ``Superseded`` if this run is over; says nothing of how it goes."""
        if self._over.is_set():
            raise Superseded

    def supersede(self) -> None:
        """End this run: at once where it waits, else at its next ping. Any thread may call it."""
        self._over.set()

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for the next cycle, pinging."""
        until = time.monotonic() + seconds
        self()
        while (left := until - time.monotonic()) > 0:
            self._over.wait(min(left, BEAT))
            self()

    async def wait_async(self, seconds: float) -> None:
        """``wait`` for a coroutine."""
        until = time.monotonic() + seconds
        self()
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, BEAT / 4))
            self()


here: ContextVar[Ping | None] = ContextVar("here", default=None)
"""The ping of the loop whose code runs here."""
