"""Raising in a thread that runs a loop's code, and only while it does."""

import ctypes
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from jobs.supervise.ping import Superseded


class CycleTimeout(Exception):
    """Raised in the thread of a cycle that has had its time."""


class Interruptible:
    """Calls functions in which another thread may raise, and nowhere else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = 0
        self._armed = False
        self._raised = False
        self._deadline = math.inf

    def call(self, function: Callable[..., Any], arguments: dict[str, Any], seconds: float | None) -> Any:
        """Call it; raises ``CycleTimeout`` in it after so many seconds."""
        with self._lock:
            self._thread, self._raised, self._armed = threading.get_ident(), False, True
            self._deadline = time.monotonic() + seconds if seconds else math.inf
        try:
            return function(**arguments)
        finally:
            self._disarm()

    def _disarm(self) -> None:
        while True:
            try:
                with self._lock:
                    self._armed = False
                    if self._raised:
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), None)
                return
            except (CycleTimeout, Superseded):
                continue

    def expire(self, now: float) -> None:
        """Raise ``CycleTimeout`` in the function that is called now, if its time is up."""
        with self._lock:
            if now > self._deadline:
                self._deadline = math.inf
                self._raise(CycleTimeout)

    def interrupt(self, reason: type[BaseException]) -> None:
        """Raise in the function that is called now, if one is; code in C is left to end first."""
        with self._lock:
            self._raise(reason)

    def _raise(self, reason: type[BaseException]) -> None:
        if self._armed:
            self._raised = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(reason))
