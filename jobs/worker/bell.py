"""The doorbell: waiting for a job without taking one.

``BLMOVE q q LEFT LEFT`` blocks until the list holds something and puts its head back where it was. So whoever
enqueues, stock RQ included, rings it unknowingly, and nothing can be lost between the ring and the claim.
"""

import logging
import threading
import time
from collections.abc import Callable

from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from jobs import keys

log = logging.getLogger(__name__)

PATIENCE = 5
AT_ONCE, ECHOES = 0.01, 5
"""So many rings in a row, each within so many seconds, brought no job: the queue is paused or suspended."""
HOLLOW = 1.0
"""Seconds to wait then, or it would ring without end."""
LOST = 1.0


class Bell:
    """A thread that listens on one queue while it is armed, and calls ``ring`` once when there may be a job."""

    def __init__(self, client: Redis, queue: str, ring: Callable[[], None], stop: threading.Event) -> None:
        self._client = client
        self._key = keys.queue(queue)
        self._ring = ring
        self._stop = stop
        self._armed = threading.Event()
        self._quick = 0
        self._thread = threading.Thread(target=self._listen, name=f"bell-{queue}", daemon=True)
        self._thread.start()

    def arm(self) -> None:
        """Listen, after a claim that came back empty."""
        self._armed.set()

    def _listen(self) -> None:
        while True:
            self._armed.wait()
            if self._quick >= ECHOES:
                self._stop.wait(HOLLOW)
            if self._stop.is_set():
                return
            began = time.monotonic()
            try:
                rung = self._client.blmove(self._key, self._key, PATIENCE, "LEFT", "LEFT") is not None
            except OutOfMemoryError:  # nothing may be moved; a claim frees memory, so that goes on
                rung = not self._stop.wait(HOLLOW)
            except ResponseError:  # read-only, or a key that is no list: listen again in a while
                rung = self._stop.wait(LOST)
            except RedisError as error:
                log.debug("the doorbell of %s: %s", self._key, error)
                rung = not self._stop.wait(LOST)
            self._quick = self._quick + 1 if time.monotonic() - began < AT_ONCE else 0
            if rung:
                self._armed.clear()
                self._ring()
