"""The doorbell: waiting for a job, and taking it at once.

``BLMOVE q q LEFT LEFT`` blocks until the list holds something and puts its head back where it was: a peek. So
whoever enqueues, stock RQ included, rings it unknowingly. The claim lies behind it on the same connection, where the
server runs it as soon as the peek ends: no round trip lies between the ring and the job.
"""

import threading
from collections.abc import Callable

from redis.exceptions import RedisError, ResponseError

from jobs import logs
from jobs.scripts import Claimed

log = logs.of("worker")

ECHOES = 5
"""So many rings in a row by one and the same job, which was not given: the queue is paused or suspended."""
HOLLOW = 1.0
"""Seconds to wait then, or it would ring without end."""
LOST = 1.0

Wait = Callable[[int], tuple[str, list[Claimed] | None]]
"""Wait for a queue and claim so many at most: the id of the job that rang, and what was claimed."""


class Lost(Exception):
    """The connection broke while we waited: Redis may have given what nobody here knows of."""


class Bell:
    """One queue to wait for; one thread at a time does."""

    def __init__(self, queue: str, wait: Wait, stop: threading.Event) -> None:
        self._queue = queue
        self._wait = wait
        self._stop = stop
        self._rang_last = ""
        self._hollow = 0
        self.armed = False
        """The last claim brought less than was wanted, so there is something to wait for."""
        self.attended = False

    def listen(self, wanted: int) -> list[Claimed] | None:
        """Wait, some seconds at most, and claim; None when the lease is gone. Raises ``Lost``."""
        if self._hollow >= ECHOES and self._stop.wait(HOLLOW):
            return []
        try:
            rang, claimed = self._wait(wanted)
        except ResponseError as error:  # read-only, or a key that is no list
            log.debug("the doorbell of %s: %s", self._queue, error)
            self._stop.wait(LOST)
            return []
        except RedisError as error:
            log.debug("the doorbell of %s: %s", self._queue, error)
            self._stop.wait(LOST)
            raise Lost from error
        self._hollow = self._hollow + 1 if rang and rang == self._rang_last and not claimed else 0
        self._rang_last = rang
        return claimed
