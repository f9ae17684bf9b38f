"""A lock that is ours: one thread a process renews it for as long as it is, and it says so when it is no more."""

import heapq
import itertools
import json
import logging
import os
import queue
import threading
import time
from contextvars import ContextVar
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobs import logs, scripts
from jobs.errors import InvalidOption, LockLost
from jobs.scripts import Execution

log = logs.of("lock")

PERIOD = 10.0
"""Seconds between two renewals at most; a third of the ttl where that is shorter."""
AGAIN = 1.0

execution: ContextVar[Execution | None] = ContextVar("execution", default=None)
"""What the calling code is part of, when that is a job."""


class Lease:
    """Our hold on a lock."""

    def __init__(self, client: Redis, name: str, owner: str, ttl: float, token: int, asked: float) -> None:
        """``asked`` is when the lock was asked for, on the monotonic clock: it lasts from then, or longer."""
        self.name = name
        self.token = token
        """The fencing token: grows with each holder of any lock. Whoever writes with a later one is right."""
        self.period = min(PERIOD, ttl / 3)
        self.over = False
        self._client = client
        self._owner = owner
        self._ttl = ttl
        self._since = asked
        self._until = asked + ttl
        self._lost = False
        self._execution = execution.get()

    @property
    def lost(self) -> bool:
        """Is it known here that the lock is not ours any more? Costs nothing; up to 10 s behind the truth.

        True once Redis has said so, or has not been heard of for the whole ttl.
        """
        return self._lost or time.monotonic() >= self._until

    def check(self) -> None:
        """Ask Redis, and renew. Raises ``LockLost`` when the lock is not ours any more, ``RedisError`` unanswered."""
        if not self.renew():
            raise self._error()

    def note(self, **facts: Any) -> None:
        """Leave a note for others to read, in place of the last one; it goes with the lock.

        ``run_id`` is what ``active_run`` gives. Raises ``InvalidOption`` for what is no plain JSON, ``LockLost`` when
        the lock is not ours any more.
        """
        try:
            text = json.dumps(facts, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidOption(f"the note is not plain JSON: {error}") from None
        if not scripts.annotate(self._client, self.name, self._owner, text):
            self._lost = True
            raise self._error()
        self._tell(logging.INFO, "noted", run=facts.get("run_id"))

    def renew(self) -> bool:
        """Have the lock last a whole ttl from now; False when it is not ours any more. Raises ``RedisError``."""
        asked = time.monotonic()
        if self._lost or not scripts.renew(self._client, self.name, self._owner, self._ttl):
            self._lost = True
            return False
        self._until = asked + self._ttl
        self._tell(logging.DEBUG, "renewed", ttl=self._ttl)
        return True

    def end(self) -> None:
        """Give the lock back. Raises ``LockLost`` when it was not ours any more.

        Where Redis does not answer it ends by itself: with its job, or after its ttl.
        """
        self.over = True
        try:
            ours = scripts.unlock(self._client, self.name, self._owner, self._execution)
        except RedisError as error:
            log.warning("lock %r ends with its job, or in %g s: it was not given back: %s", self.name, self._ttl, error)
            return
        if ours is None:  # an earlier call gave it back, whose reply was lost, unless it was lost before
            ours = not self.lost
        if not ours:
            raise self._error()
        self._tell(logging.INFO, "released", seconds=round(time.monotonic() - self._since, 3))

    def _tell(self, level: int, what: str, **fields: Any) -> None:
        logs.say(log, level, f"lock {what}", lock=self.name, token=self.token, **fields)

    def _error(self) -> LockLost:
        return LockLost(f"lock {self.name!r} (token {self.token}) is not ours any more: it ended, or its job was lost")


class Renewals:
    """The thread that renews the leases of this process. Starts with the first one.

    Job threads take no Python lock here: an exception that a deadline raises in them could leave it taken for ever.
    """

    def __init__(self) -> None:
        self._new: queue.SimpleQueue[Lease] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        """Renew it until it is over, or lost."""
        self._new.put(lease)
        with self._starting:
            if not (self._thread and self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="renewals", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        due: list[tuple[float, int, Lease]] = []
        for number in itertools.count():
            try:
                lease = self._new.get(timeout=max(0.0, due[0][0] - time.monotonic()) if due else None)
                again: float | None = lease.period
            except queue.Empty:
                lease = heapq.heappop(due)[-1]
                again = self._renewed(lease)
            if again is not None:
                heapq.heappush(due, (time.monotonic() + again, number, lease))

    def _renewed(self, lease: Lease) -> float | None:
        """Seconds until its next renewal; None when there is to be none."""
        if lease.over:
            return None
        try:
            ours = lease.renew()
        except RedisError as error:
            log.warning("lock %r was not renewed: %s; next try in %g s", lease.name, error, min(AGAIN, lease.period))
            return min(AGAIN, lease.period)
        if not ours and not lease.over:
            log.error("lock %r (token %d) is lost: it ended, or its job was lost", lease.name, lease.token)
        return lease.period if ours else None


renewals = Renewals()


def _after_fork() -> None:
    """The copy of a process has no renewing thread, and none of its leases."""
    global renewals
    renewals = Renewals()


os.register_at_fork(after_in_child=_after_fork)
