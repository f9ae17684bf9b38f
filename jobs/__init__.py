"""Signalbox: jobs that are not lost, run in order, and never go quiet without a named cause.

    from jobs import task

    @task
    def greet(name: str) -> str:
        return f"hello {name}"

    greet.enqueue("Ada")

Names are loaded on first use, so that importing ``jobs`` costs a web app nothing.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - pip installs nothing here on an older Python; this line says why
    sys.exit("Signalbox needs Python 3.11 or newer; this is " + sys.version.split()[0])
if sys.platform == "win32":  # no fork, no flock, no signals of Unix
    sys.exit("Signalbox runs on Linux and macOS, not on Windows itself: run it in WSL (wsl --install)")

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.board import progress
    from jobs.dialing import RedisUnavailable
    from jobs.errors import LockBusy, LockLost
    from jobs.lanes import is_busy, lane, wait_until_idle
    from jobs.queues import enqueue, enqueue_many, prepare
    from jobs.records import attempts
    from jobs.retry import Retry, Snooze
    from jobs.supervise.instance import instance_token
    from jobs.supervise.locks import active_run, holder, is_locked, lock, wait_for_active_runs
    from jobs.supervise.loops import loop
    from jobs.supervise.timeouts import with_timeout
    from jobs.tasks import task

__version__ = "0.1.0"
__all__ = [
    "LockBusy",
    "LockLost",
    "RedisUnavailable",
    "Retry",
    "Snooze",
    "active_run",
    "attempts",
    "enqueue",
    "enqueue_many",
    "holder",
    "instance_token",
    "is_busy",
    "is_locked",
    "lane",
    "lock",
    "loop",
    "prepare",
    "progress",
    "task",
    "wait_for_active_runs",
    "wait_until_idle",
    "with_timeout",
]

_HOMES = {
    "LockBusy": "jobs.errors",
    "LockLost": "jobs.errors",
    "RedisUnavailable": "jobs.dialing",
    "Retry": "jobs.retry",
    "Snooze": "jobs.retry",
    "active_run": "jobs.supervise.locks",
    "attempts": "jobs.records",
    "enqueue": "jobs.queues",
    "enqueue_many": "jobs.queues",
    "holder": "jobs.supervise.locks",
    "instance_token": "jobs.supervise.instance",
    "is_busy": "jobs.lanes",
    "is_locked": "jobs.supervise.locks",
    "lane": "jobs.lanes",
    "lock": "jobs.supervise.locks",
    "loop": "jobs.supervise.loops",
    "prepare": "jobs.queues",
    "progress": "jobs.board",
    "task": "jobs.tasks",
    "wait_for_active_runs": "jobs.supervise.locks",
    "wait_until_idle": "jobs.lanes",
    "with_timeout": "jobs.supervise.timeouts",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'jobs' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
