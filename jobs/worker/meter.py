"""Counting how long jobs waited and ran, where they run: noted in memory, and told to Redis every few seconds.

Noting takes a fraction of a microsecond; the rest is done for thousands at once. What a child that is killed has not
told yet is lost.
"""

import threading
from collections import defaultdict
from typing import TypeVar

from redis import Redis
from redis.exceptions import RedisError

from jobs import logs
from jobs.health import meters
from jobs.health.meters import Histogram
from jobs.scripts import Waited

log = logs.of("worker")

PERIOD = 2.0


class Meter:
    """What one child counts. Any thread may note; one tells."""

    def __init__(self) -> None:
        self._ran: defaultdict[str, list[float]] = defaultdict(list)
        self._waited: list[Waited] = []
        self._untold: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)

    def ran(self, queue: str, seconds: float) -> None:
        """An execution of this queue came to its end."""
        self._ran[queue].append(seconds)

    def waited(self, waited: Waited) -> None:
        """Jobs were claimed."""
        self._waited.append(waited)

    def tell_until(self, ended: threading.Event, client: Redis) -> None:
        """Tell Redis what is new every 2 s, and once more at the end."""
        while not ended.wait(PERIOD):
            self.tell(client)
        self.tell(client)

    def tell(self, client: Redis) -> None:
        """Add what was noted to what all have counted; nothing is sent where nothing was.

        What Redis does not take is told the next time. Where only its answer is lost, it counts twice.
        """
        self._sum_up()
        try:
            if new := [change for which, found in self._untold.items() for change in meters.changes(*which, found)]:
                meters.add(client, new)
            self._untold.clear()
        except RedisError as error:
            log.debug("what was counted could not be told yet: %s", error)

    def _sum_up(self) -> None:
        for queue, seconds in list(self._ran.items()):
            if taken := _take(seconds):
                self._untold["duration", queue].add(taken)
        for waited in _take(self._waited):
            self._untold["wait", waited.queue].add_evenly(waited.jobs, waited.longest, waited.shortest)


T = TypeVar("T")


def _take(notes: list[T]) -> list[T]:
    """Empty a list to which others append meanwhile."""
    taken = notes[:]
    del notes[: len(taken)]
    return taken
