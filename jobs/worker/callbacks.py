"""RQ's callbacks: run before the ending is written down, each under its own timeout."""

import time
from collections.abc import Callable
from typing import Any

from jobs.job import Job
from jobs.worker.deadlines import Slot


def succeeded(job: Job, slot: Slot, result: Any) -> None:
    """Run the success callback; what it raises is the job's failure, as in RQ."""
    if callback := job.success_callback:
        _call(slot, callback, job.success_callback_timeout, job, job.connection, result)


def failed(job: Job, slot: Slot, error: BaseException) -> BaseException:
    """Run the failure callback; returns what the job has failed of: the callback's own error, if it raises one."""
    try:
        if callback := job.failure_callback:
            kind = type(error)
            _call(slot, callback, job.failure_callback_timeout, job, job.connection, kind, error, error.__traceback__)
    except BaseException as raised:
        return raised
    return error


def stopped(job: Job, slot: Slot, error: BaseException) -> BaseException:
    """Run the callback of a job that was stopped; returns what ended it."""
    try:
        if callback := job.stopped_callback:
            _call(slot, callback, job.stopped_callback_timeout, job, job.connection)
    except BaseException as raised:
        return raised
    return error


def _call(slot: Slot, callback: Callable[..., Any], timeout: int, *args: Any) -> None:
    slot.call(callback, args, {}, time.monotonic() + timeout)
