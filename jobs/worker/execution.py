"""One execution, from what was claimed to how it ended."""

import asyncio
import time
import traceback
import zlib
from base64 import b64encode
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from functools import cache, partial
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, NamedTuple, cast

import rq
import rq.job
from redis import Redis
from redis.exceptions import RedisError
from rq.exceptions import DeserializationError, NoSuchJobError
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
from jobs.worker.lazy_job import lazy, read
from jobs.worker.results import kept

EMPTY = b""
HOPELESS = (UnknownTask, NotAllowed, DeserializationError)
"""A job that fails so will fail so again."""


class Call(NamedTuple):
    """An execution under way, and what it calls."""

    claimed: Claimed
    started: float
    job: Job
    name: str
    """Of its task; '' where the payload could not be read."""
    function: Callable[..., Any]
    args: Any = ()
    kwargs: Any = {}  # noqa: RUF012 - never changed
    awaits: bool = False
    """It is a coroutine function: the call itself returns at once, so it needs no thread of its own."""


class Waiting(NamedTuple):
    """An execution that has a coroutine to wait for."""

    call: Call
    coroutine: Coroutine[Any, Any, Any]
    context: Context


class Runner:
    """Runs executions for one child: decodes, calls, and puts the ending into words. Whatever a task raises is its
    ending; nothing of it is raised here.
    """

    def __init__(self, connection: Redis, child: str) -> None:
        self._child = child
        self._connection = connection
        self._serializer = serializer()
        self._board = board.Board(connection)

    def begin(self, claimed: Claimed) -> Call:
        """Read what a job calls. A payload that cannot be read, or may not run, is what the call will raise."""
        started, job = time.time(), lazy(claimed.id, self._connection)
        try:
            name, function, args, kwargs = self._decode(claimed)
        except BaseException as error:
            return Call(claimed, started, job, "", partial(_raise, error))
        if awaits := is_coroutine(function):
            _prefetch(job)
        return Call(claimed, started, job, name, function, args, kwargs, awaits)

    def run(self, call: Call, slot: Slot, deadline: float) -> Settlement | Waiting:
        """Call it; returns how it ended, or the coroutine that it has returned."""
        claimed = call.claimed
        token = rq.job._current_job.set(call.job)
        execution = lease.execution.set(Execution(self._child, claimed.id, claimed.token))
        place = board.HERE.set(board.Place(self._board, claimed.id, claimed.token))
        try:
            value = slot.call(call.function, call.args, call.kwargs, deadline)
            if isinstance(value, CoroutineType) or call.awaits:
                return Waiting(call, value, copy_context())
            return self._returned(call, slot, value)
        except BaseException as error:
            return self._failed(call, slot, error)
        finally:
            rq.job._current_job.reset(token)
            lease.execution.reset(execution)
            board.HERE.reset(place)

    def conclude(self, waiting: Waiting, slot: Slot, value: Any, error: BaseException | None) -> Settlement:
        """Return how an execution ended whose coroutine has returned ``value``, or raised ``error``."""
        if error:
            return waiting.context.run(self._failed, waiting.call, slot, error)
        return waiting.context.run(self._returned, waiting.call, slot, value)

    def close(self) -> None:
        """End the board; the threads that run jobs are the slots'."""
        self._board.close()

    def _returned(self, call: Call, slot: Slot, value: Any) -> Settlement:
        try:
            if isinstance(value, rq.Retry):
                outcome, after = asked_again(call.job, value)
                return self._settlement(call, outcome, after=after)
            packed, note = (EMPTY, "") if value is None else self._encoded(value)
            if call.claimed.special:
                callbacks.succeeded(call.job, slot, value)
        except BaseException as error:
            return self._failed(call, slot, error)
        return self._settlement(call, "finished", packed, note=note)

    def _encoded(self, value: Any) -> tuple[bytes, str]:
        """What is kept of a result, and why where that is nothing: the work was done, and is not done again.

        Raises ``TypeError`` for a generator, of which the work was not done.
        """
        try:
            return kept(self._serializer.dumps(value))
        except BaseException as error:
            if isinstance(value, GeneratorType | AsyncGeneratorType):
                raise TypeError(
                    "the task returned a generator, of which nothing has run; have it return a list"
                ) from None
            return EMPTY, f"the result, {_kind(value)}, was not kept: {_said(error)}"

    def _failed(self, call: Call, slot: Slot, error: BaseException) -> Settlement:
        if not call.name and (unknown := self._waits_for_code(error, call.claimed)):
            return self._settlement(call, "unknown", *unknown)
        claimed, task, note = call.claimed, registry.known(call.name), ""
        try:
            delay = self._waits(error, task, claimed)
            is_final = isinstance(error, HOPELESS) or (task is not None and not task.retry.covers(error))
        except BaseException as raised:
            delay, is_final = None, False
            note = f"busy_on or retry_on of {call.name} raised {_said(raised)}, so this counts as an attempt"
        is_stopped = isinstance(error, JobStopped)
        if claimed.special and delay is None:
            error = callbacks.stopped(call.job, slot, error) if is_stopped else callbacks.failed(call.job, slot, error)
        text = in_words(error, claimed)
        if delay is not None:
            return self._settlement(call, "snoozed", text, after=delay)
        outcome: Outcome = "stopped" if is_stopped else "failed"
        return self._settlement(call, outcome, text, after=scripts.FINAL if is_final else 0.0, note=note)

    def _settlement(
        self, call: Call, outcome: Outcome, value: bytes = EMPTY, after: float = 0.0, note: str = ""
    ) -> Settlement:
        claimed, ended = call.claimed, time.time()
        report = self._board.last(claimed.id)
        about = (claimed.queue, call.name, claimed.waited, note)
        return Settlement(claimed.id, claimed.token, outcome, value, call.started, ended, after, report, *about)

    def _waits(self, error: BaseException, task: Task | None, claimed: Claimed) -> float | None:
        """Seconds until the job runs again without having spent an attempt; None when it has failed."""
        if isinstance(error, Snooze):
            return Snooze(error.seconds).seconds  # a class of theirs may hold anything
        if not isinstance(error, LockBusy) and not (task and isinstance(error, Exception) and task.finds_busy(error)):
            return None
        try:
            before = int(cast(bytes | None, self._connection.hget(keys.job(claimed.id), "snoozes")) or 0)
        except RedisError:
            before = 0
        return busy_delay(before, task.max_busy if task else MAX_BUSY)

    def _waits_for_code(self, error: BaseException, claimed: Claimed) -> tuple[bytes, float] | None:
        """The task of a job that could not be begun because it is not known here, and how many seconds longer the job
        may wait for a worker that knows it; None when it has failed."""
        wait = current().unknown_wait
        if not isinstance(error, UnknownTask) or not error.task or not wait:
            return None
        with suppress(RedisError):
            with self._connection.pipeline(transaction=False) as pipeline:
                pipeline.hget(keys.job(claimed.id), "unknown_since")
                pipeline.time()
                since, (now, _) = pipeline.execute()
            wait -= now - float(since) if since else 0.0
        return (error.task.encode(), wait) if wait > 0 else None

    def _decode(self, claimed: Claimed) -> tuple[str, Callable[..., Any], Any, Any]:
        data = claimed.data
        if claimed.fault:
            raise DeserializationError(f"job {claimed.id} cannot run: {claimed.fault}")
        try:
            if data[:1] == b"x":  # zlib's first byte; our short payloads are not compressed
                data = zlib.decompress(data)
            name, instance, args, kwargs = self._serializer.loads(data)
        except Exception as error:
            what = f"the payload of job {claimed.id} is damaged, or not {current().serializer}: {type(error).__name__}"
            raise DeserializationError(what) from None
        return name, function_of(name, instance), args, kwargs


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
    try:
        text = "".join(traceback.format_exception(error))
    except BaseException as raised:
        text = f"{_kind(error)}, which cannot be shown: {_kind(raised)}\n"
    if isinstance(error, JobTimeoutException):
        text += f"The job ran longer than its timeout of {claimed.timeout:g} s.\n"
    return packed(text)


def packed(text: str) -> bytes:
    return b64encode(zlib.compress(records.shortened(text).encode(errors="replace")))


def _prefetch(job: Job) -> None:
    """Read it now, where Redis answers: a coroutine that had to read it would hold up all others."""
    with suppress(RedisError, NoSuchJobError):
        read(job)


def _kind(value: object) -> str:
    return type(value).__qualname__


def _said(error: BaseException) -> str:
    """An error in one line, whatever its own code does."""
    try:
        return traceback.format_exception_only(error)[-1].strip()
    except BaseException:
        return _kind(error)


def _raise(error: BaseException) -> None:
    raise error
