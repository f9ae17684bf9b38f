"""One run of a loop, from a start to its end: a thread, or a task of the event loop that all async loops share."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from jobs import logs
from jobs.errors import OperationTimeout
from jobs.supervise.interrupt import CycleTimeout, Interruptible
from jobs.supervise.loops import AFTER_ERROR, Loop
from jobs.supervise.ping import Ping, Superseded, here
from jobs.supervise.roll import Roll
from jobs.supervise.timeouts import with_timeout

log = logs.of("loop")


class Run(Protocol):
    """What the watchdog knows of a run."""

    ping: Ping
    ended: threading.Event
    patience: float
    """Seconds that it has to end once it is superseded, before the next is started beside it."""

    def start(self) -> None: ...

    def expire(self, now: float) -> None:
        """End the cycle if it has had its time."""

    def supersede(self) -> None:
        """End the run as soon as can be; it does nothing more once this has returned, except in C."""

    @property
    def blocked(self) -> bool:
        """Does a superseded run keep others of its kind from running?"""


class Cycles:
    """What both kinds of run do the same: begin a cycle, end it, fail it, die."""

    def __init__(self, loop: Loop, roll: Roll, row: int) -> None:
        self.loop = loop
        self.ping = Ping(roll, row)
        self.ended = threading.Event()
        self._roll = roll
        self._row = row

    def _begin(self) -> dict[str, Ping]:
        """The arguments of a cycle that begins now."""
        self.ping()
        self._roll.busy(self._row, time.monotonic())
        return {"ping": self.ping} if self.loop.pings else {}

    def _done(self) -> None:
        self.ping()
        self._roll.busy(self._row, 0.0)

    def _failed(self, error: BaseException) -> None:
        """Log and count it; raises ``Superseded`` where the run is over and the failure is its ending."""
        self._done()
        self._roll.fail(self._row)
        known = isinstance(error, OperationTimeout)
        log.error("loop %s: %s; again in %g s", self.loop.name, error, AFTER_ERROR, exc_info=None if known else error)

    def _end(self, error: BaseException | None) -> None:
        if not self.ping.over:
            self._roll.end(self._row)
            log.error("loop %s has died of %r", self.loop.name, error, exc_info=error)
        self.ended.set()


class ThreadRun(Cycles):
    """A run in a thread of its own."""

    def start(self) -> None:
        self._interruptible = Interruptible()
        threading.Thread(target=self._run, name=f"loop {self.loop.name}", daemon=True).start()

    def expire(self, now: float) -> None:
        self._interruptible.expire(now)

    def supersede(self) -> None:
        self.ping.supersede()
        self._interruptible.interrupt(Superseded)

    blocked = False
    patience = 1.0  # in Python it ends in milliseconds, in C perhaps never

    def _run(self) -> None:
        here.set(self.ping)
        died: BaseException | None = None
        try:
            self._live()
        except BaseException as error:
            died = error
        self._end(died)

    def _live(self) -> None:
        body: Callable[..., Any] | None = None
        while True:
            pause = self.loop.every
            try:
                arguments = self._begin()
                body = body or self._interruptible.call(self.loop.make, {}, None)
                self._interruptible.call(body, arguments, self.loop.timeout)
                self._done()
            except CycleTimeout:
                self._failed(OperationTimeout(self.loop.name, self.loop.timeout or 0.0))
                pause = AFTER_ERROR
            except Exception as error:
                self._failed(error)
                pause = AFTER_ERROR
            self.ping.wait(pause)


class TaskRun(Cycles):
    """A run as a task of an event loop, whose other tasks go on beside it."""

    patience = 5.0

    def __init__(self, loop: Loop, roll: Roll, row: int, events: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, roll, row)
        self._events = events
        self._answers = threading.Event()

    def start(self) -> None:
        self._task = asyncio.run_coroutine_threadsafe(self._run(), self._events)

    def expire(self, now: float) -> None:
        """Nothing to do: ``with_timeout`` ends the cycle."""

    def supersede(self) -> None:
        self.ping.supersede()
        self._task.cancel()
        self._events.call_soon_threadsafe(self._answers.set)

    @property
    def blocked(self) -> bool:
        return self.ping.over and not self._answers.is_set()

    async def _run(self) -> None:
        here.set(self.ping)
        died: BaseException | None = None
        try:
            await self._live()
        except BaseException as error:  # SystemExit too, which would end the event loop and all loops on it
            died = error
        self._end(died)

    async def _live(self) -> None:
        body: Callable[..., Any] | None = None
        while True:
            pause = self.loop.every
            try:
                arguments = self._begin()
                body = body or self.loop.make()
                cycle = body(**arguments)
                await (with_timeout(self.loop.timeout, self.loop.name, cycle) if self.loop.timeout else cycle)
                self._done()
            except (Exception, asyncio.CancelledError) as error:
                self._failed(error)
                pause = AFTER_ERROR
            await self.ping.wait_async(pause)
