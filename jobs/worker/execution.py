"""One execution, from what was claimed to how it ended."""

import asyncio
import threading
import time
import traceback
import zlib
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotInTime
from functools import cache
from typing import Any, cast

import rq
import rq.job
from redis import Redis
from redis.exceptions import RedisError
from rq.exceptions import DeserializationError
from rq.timeouts import JobTimeoutException

from jobs import board, keys, records, registry, scripts
from jobs.errors import LockBusy, NotAllowed, UnknownTask
from jobs.job import Job, function_of, serializer
from jobs.registry import Task
from jobs.retry import MAX_BUSY, Snooze, busy_delay
from jobs.scripts import Claimed, Execution, Outcome, Settlement
from jobs.settings import current
from jobs.supervise import lease
from jobs.worker import callbacks
from jobs.worker.deadlines import JobStopped, Slot
from jobs.worker.lazy_job import lazy
from jobs.worker.results import kept

EMPTY = b""
HOPELESS = (UnknownTask, NotAllowed, DeserializationError)
"""A job that fails so will fail so again."""


def new_loop() -> asyncio.AbstractEventLoop:
    """An event loop in a thread of its own, for coroutine tasks."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="asyncio", daemon=True).start()
    return loop


class Runner:
    """Runs executions for one child: decodes, calls, and puts the ending into words."""

    def __init__(self, connection: Redis, loop: asyncio.AbstractEventLoop, child: str) -> None:
        self._child = child
        self._connection = connection
        self._loop = loop
        self._serializer = serializer()
        self._board = board.Board(connection)

    def run(self, claimed: Claimed, slot: Slot, deadline: float) -> Settlement:
        """Run it. Whatever the task raises is its ending; nothing of it is raised here."""
        started = time.time()
        job = lazy(claimed.id, self._connection)
        token = rq.job._current_job.set(job)
        execution = lease.execution.set(Execution(self._child, claimed.id, claimed.token))
        place = board.HERE.set(board.Place(self._board, claimed.id, claimed.token))
        outcome: Outcome = "finished"
        value, after, name, note = EMPTY, 0.0, "", ""
        try:
            name, function, args, kwargs = self._decode(claimed)
            if is_coroutine(function):
                function = self._awaited(function, deadline)
            result = slot.call(function, args, kwargs, deadline)
            if isinstance(result, rq.Retry):
                outcome, after = asked_again(job, result)
            else:
                value, note = (EMPTY, "") if result is None else kept(self._serializer.dumps(result))
                if claimed.special:
                    callbacks.succeeded(job, slot, result)
        except BaseException as error:
            task = registry.known(name)
            delay = self._waits(error, task, claimed)
            stopped = isinstance(error, JobStopped)
            if claimed.special and delay is None:
                error = callbacks.stopped(job, slot, error) if stopped else callbacks.failed(job, slot, error)
            outcome, value, note = "stopped" if stopped else "failed", in_words(error, claimed), ""
            if delay is not None:
                outcome, after = "snoozed", delay
            elif isinstance(error, HOPELESS) or (task and not task.retry.covers(error)):
                after = scripts.FINAL
        finally:
            rq.job._current_job.reset(token)
            lease.execution.reset(execution)
            board.HERE.reset(place)
        said = self._board.last(claimed.id)
        ended = time.time()
        about = (claimed.queue, name, claimed.waited, note)
        return Settlement(claimed.id, claimed.token, outcome, value, started, ended, after, said, *about)

    def close(self) -> None:
        """End the board; the threads that run jobs are the slots'."""
        self._board.close()

    def _waits(self, error: BaseException, task: Task | None, claimed: Claimed) -> float | None:
        """Seconds until the job runs again without having spent an attempt; None when it has failed."""
        if isinstance(error, Snooze):
            return error.seconds
        if not isinstance(error, LockBusy) and not (task and isinstance(error, Exception) and task.finds_busy(error)):
            return None
        try:
            before = int(cast(bytes | None, self._connection.hget(keys.job(claimed.id), "snoozes")) or 0)
        except RedisError:
            before = 0
        return busy_delay(before, task.max_busy if task else MAX_BUSY)

    def _decode(self, claimed: Claimed) -> tuple[str, Callable[..., Any], Any, Any]:
        data = claimed.data
        try:
            if data[:1] == b"x":  # zlib's first byte; our short payloads are not compressed
                data = zlib.decompress(data)
            name, instance, args, kwargs = self._serializer.loads(data)
        except Exception as error:
            what = f"the payload of job {claimed.id} is damaged, or not {current().serializer}: {type(error).__name__}"
            raise DeserializationError(what) from None
        return name, function_of(name, instance), args, kwargs

    def _awaited(self, function: Callable[..., Any], deadline: float) -> Callable[..., Any]:
        def wait(*args: Any, **kwargs: Any) -> Any:
            future = asyncio.run_coroutine_threadsafe(function(*args, **kwargs), self._loop)
            try:
                return future.result(deadline - time.monotonic() if deadline else None)
            except NotInTime:
                if future.done():
                    raise
                future.cancel()
                raise JobTimeoutException from None

        return wait


def asked_again(job: Job, retry: rq.Retry) -> tuple[Outcome, float]:
    """What becomes of a job that returned RQ's ``Retry``: so long until its next try, or that it has had them all."""
    done = job.number_of_retries or 0
    if done >= retry.max:
        return "exhausted", 0.0
    return "retried", float(rq.Retry.get_interval(done, retry.intervals))


@cache
def is_coroutine(function: Callable[..., Any]) -> bool:
    """``asyncio.iscoroutinefunction``, asked once a function: it costs more than many a job."""
    return asyncio.iscoroutinefunction(function)


def in_words(error: BaseException, claimed: Claimed) -> bytes:
    """The traceback as RQ keeps it: zlib and base64."""
    text = "".join(traceback.format_exception(error))
    if isinstance(error, JobTimeoutException):
        text += f"The job ran longer than its timeout of {claimed.timeout:g} s.\n"
    return packed(text)


def packed(text: str) -> bytes:
    return b64encode(zlib.compress(records.shortened(text).encode(errors="replace")))
