"""Ending jobs that run too long: one thread a child raises in the job's thread, and only while it may, or cancels its
coroutine.

RQ's own timer costs 173 µs a job. What cannot be interrupted (a blocking socket, ``time.sleep``, C, a coroutine that
does not give the event loop back) is ended by the keeper, which kills the child.
"""

import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from rq.timeouts import JobTimeoutException

from jobs.supervise.process import end_group
from jobs.worker.event_loop import Awaited, EventLoop, Hold
from jobs.worker.table import Table

IDLE_WAIT = 3600.0
LOOK = 0.25
HELD = 0.5
"""Seconds without a turn of the event loop after which a job holds it, and the clocks of the others stand still."""


class Slot:
    """Room for one job, in a thread or on the event loop, and the deadline of what runs there."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.thread = 0
        self.in_thread = False
        """Does what runs here keep a thread from anything else?"""
        self._awaited: Awaited | None = None
        """What runs here, where that is a coroutine."""
        self._token = ""
        self._lock = threading.Lock()
        self._armed = False
        self._deadline = 0.0
        self._raised = False

    def call(self, function: Callable[..., Any], args: Any, kwargs: Any, deadline: float) -> Any:
        """Call a user's function; raises ``JobTimeoutException`` in it once the deadline has passed.

        The exception is raised while the function runs and never after: not in our own code.
        """
        self.thread, process = threading.get_ident(), os.getpid()
        self._raised, self._deadline, self._armed = False, deadline, True
        try:
            return function(*args, **kwargs)
        finally:
            if os.getpid() != process:  # the job has forked and returned here too: the original goes on
                os._exit(0)
            self._disarm()

    def hold(self, token: str, awaited: Awaited) -> None:
        """A coroutine runs here now, until ``leave`` is called."""
        with self._lock:
            self._token, self._awaited = token, awaited

    def leave(self) -> None:
        """The coroutine is over, if one was here."""
        with self._lock:
            self._awaited = None

    def look(self, table: Table, hold: Hold | None, stood: float, longest: float) -> None:
        """Note in the table whether the coroutine here has the loop; where another has, its clock stood still."""
        with self._lock:
            if not (awaited := self._awaited):
                return
            since = hold.since if hold and hold.token == self._token else 0.0
            if hold and hold.token and not since and awaited.deadline:
                awaited.deadline += stood
            limit = since + longest if since else 0.0
            table.hold(self.number, awaited.deadline or limit, since)

    def _disarm(self) -> None:
        while True:
            try:
                with self._lock:
                    self._armed = False
                    if self._raised:
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), None)
                return
            except (JobTimeoutException, JobStopped):
                continue

    def expire(self, now: float) -> float:
        """Raise in the slot's thread when its deadline has passed; returns the seconds until it will have."""
        if awaited := self._awaited:
            if awaited.deadline and now >= awaited.deadline:
                awaited.expire()
            return awaited.deadline - now if now < awaited.deadline else IDLE_WAIT
        deadline = self._deadline
        if not self._armed or not deadline:
            return IDLE_WAIT
        if now < deadline:
            return deadline - now
        self._interrupt(JobTimeoutException)
        return IDLE_WAIT

    def stop(self) -> None:
        """Raise ``JobStopped`` in what runs here, once, if something does."""
        if awaited := self._awaited:
            awaited.stop(JobStopped)
        else:
            self._interrupt(JobStopped)

    def _interrupt(self, reason: type[BaseException]) -> None:
        with self._lock:
            if self._armed and not self._raised:
                self._raised = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), ctypes.py_object(reason))


class JobStopped(Exception):
    """Somebody has asked RQ to stop this job."""


def _trust_left(table: Table) -> float:
    return max(0.0, table.trusted_until - time.monotonic())


class Watch:
    """Keeps the deadlines of all slots of a child."""

    def __init__(self, slots: list[Slot], table: Table, loop: EventLoop, longest: float) -> None:
        """A coroutine job that has no timeout may hold the event loop for ``longest`` seconds."""
        self._slots = slots
        self._table = table
        self._loop = loop
        self._longest = longest
        self._stood = 0.0
        """Until when clocks have stood still."""

    def run(self, stop: threading.Event) -> None:
        """Look at every slot until ``stop`` is set; a job may overrun its deadline by a quarter of a second.

        Ends this process, with its jobs, as soon as it is no longer trusted.
        """
        while not stop.wait(self._look()):
            if not _trust_left(self._table):
                end_group()

    def _look(self) -> float:
        """End what is due and what is to be stopped; returns the seconds until the next look."""
        hold, now = self._loop.hold(HELD), time.monotonic()
        stood = now - max(hold.since, self._stood) if hold else 0.0
        if hold:
            self._stood = now
        for slot in self._slots:
            slot.look(self._table, hold, stood, self._longest)
            if self._table.asked_to_stop(slot.number):
                slot.stop()
        return min([LOOK, *(slot.expire(now) for slot in self._slots), _trust_left(self._table)])
