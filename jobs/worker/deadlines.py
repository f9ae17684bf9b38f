"""Ending jobs that run too long: one thread a child raises in the job's thread, and only while it may.

RQ's own timer costs 173 µs a job. What cannot be interrupted (a blocking socket, ``time.sleep``, C) is ended by the
keeper, which kills the child.
"""

import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from rq.timeouts import JobTimeoutException

from jobs.supervise.process import end_group
from jobs.worker.table import Table

IDLE_WAIT = 3600.0
LOOK = 0.25


class Slot:
    """One thread that runs jobs, and the deadline of what it runs."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.thread = 0
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
        deadline = self._deadline
        if not self._armed or not deadline:
            return IDLE_WAIT
        if now < deadline:
            return deadline - now
        self._interrupt(JobTimeoutException)
        return IDLE_WAIT

    def stop(self) -> None:
        """Raise ``JobStopped`` in the slot's thread, once, if it runs a job."""
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


def watch(slots: list[Slot], table: Table, stop: threading.Event) -> None:
    """Look at every slot until ``stop`` is set; a job may overrun its deadline by a quarter of a second.

    Ends this process, with its jobs, as soon as it is no longer trusted.
    """
    while not stop.wait(min([LOOK, *(slot.expire(time.monotonic()) for slot in slots), _trust_left(table)])):
        if not _trust_left(table):
            end_group()
        for slot in slots:
            if table.asked_to_stop(slot.number):
                slot.stop()
