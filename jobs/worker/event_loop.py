"""The event loop of a child: every coroutine job is a task on it, and holds its slot until it is really over.

A loop that is held by one job moves none of the others. So the thread that keeps the deadlines asks the loop for a
turn, and where none comes it sees which job has the loop.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from rq.timeouts import JobTimeoutException

from jobs import board, vital

Ended = Callable[[Any, BaseException | None], None]
"""Is told what a coroutine has returned, or what it has raised."""


class Hold(NamedTuple):
    """The loop has not turned for a while."""

    token: str
    """Of the execution that has the loop; '' where that is not known: a plain callback has it, or a task that was made
    by other means."""
    since: float
    """On the monotonic clock."""


class Awaited:
    """A coroutine job on the loop. Any thread may ask it to end; it is over when the coroutine is."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], deadline: float, ended: Ended
    ) -> None:
        self.deadline = deadline
        """On the monotonic clock; 0.0: none."""
        self._loop = loop
        self._coroutine = coroutine
        self._ended = ended
        self._reason: type[BaseException] | None = None
        self._task: asyncio.Task[tuple[Any, BaseException | None]]

    def start(self, context: Context) -> None:
        """Run it in a context of its own."""
        self._loop.call_soon_threadsafe(self._begin, context)

    def _begin(self, context: Context) -> None:
        self._task = self._loop.create_task(_kept(self._coroutine), context=context)
        self._task.add_done_callback(self._end)

    def expire(self) -> None:
        """Cancel it once the loop turns, if its time is up then; it may have got more while another held the loop."""
        self._loop.call_soon_threadsafe(self._cancel, JobTimeoutException)

    def stop(self, reason: type[BaseException]) -> None:
        """Cancel it once the loop turns."""
        self._loop.call_soon_threadsafe(self._cancel, reason)

    def _cancel(self, reason: type[BaseException]) -> None:
        if reason is JobTimeoutException and time.monotonic() < self.deadline:
            return
        if self._reason is None and not self._task.done():
            self._reason = reason
            self._task.cancel()

    def _end(self, task: asyncio.Task[tuple[Any, BaseException | None]]) -> None:
        value, error = _ending(task)
        self._coroutine.close()
        if self._reason and isinstance(error, asyncio.CancelledError):
            error = self._reason().with_traceback(error.__traceback__)
        vital.run("asyncio", lambda: self._ended(value, error))


class EventLoop:
    """Starts its thread with the first coroutine; the death of that thread ends the child."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tokens: WeakKeyDictionary[asyncio.Future[Any], str] = WeakKeyDictionary()
        """Of the execution to which a task belongs, whatever in it has made the task."""
        self._first = threading.Lock()
        self._asked = 0.0
        """When it was asked for a turn that it has not made yet; 0.0: it has made it."""

    def prepare(self, coroutine: Coroutine[Any, Any, Any], deadline: float, ended: Ended) -> Awaited:
        """Make a coroutine ready to start; ``ended`` is told, in the loop's thread, what became of it."""
        with self._first:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_task_factory(self._make)
                vital.start("asyncio", partial(_turn, self._loop))
        return Awaited(self._loop, coroutine, deadline, ended)

    def hold(self, after: float) -> Hold | None:
        """Return what has had the loop for more than ``after`` seconds. Each call asks the loop for a turn."""
        if (loop := self._loop) is None:
            return None
        now, asked = time.monotonic(), self._asked
        if not asked:
            self._asked = now
            loop.call_soon_threadsafe(self._turned)
        if not asked or now - asked <= after:
            return None
        task = asyncio.current_task(loop)
        return Hold(self._tokens.get(task, "") if task else "", asked)

    def _turned(self) -> None:
        self._asked = 0.0

    def _make(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, context: Context | None = None, **options: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, context=context, **options)
        if place := (copy_context() if context is None else context).get(board.HERE):
            self._tokens[task] = place.token
        return task


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    """Turn for ever: a task that exits, or that stops the loop, ends only itself."""
    asyncio.set_event_loop(loop)
    while True:
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            continue


def _ending(task: asyncio.Task[tuple[Any, BaseException | None]]) -> tuple[Any, BaseException | None]:
    return (None, asyncio.CancelledError()) if task.cancelled() else task.result()  # cancelled before its first step


async def _kept(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    """What it returns or raises: an exit that came out of a task would come out of the loop."""
    process = os.getpid()
    try:
        return await coroutine, None
    except BaseException as error:
        return None, error
    finally:
        if os.getpid() != process:  # the job has forked and goes on here too: the original is the job
            os._exit(0)
