"""Threads without which a process is no use: the end of one ends the process, in words."""

import logging
import os
import threading
from collections.abc import Callable

from jobs import logs

log = logs.of("worker")

BROKEN = 70
"""The exit code: an internal error, as in sysexits.h."""


def start(name: str, work: Callable[[], object]) -> threading.Thread:
    """Do it in a thread of its own, which may return. What it raises ends the process with code 70."""
    thread = threading.Thread(target=run, args=(name, work), name=name, daemon=True)
    thread.start()
    return thread


def run(name: str, work: Callable[[], object]) -> None:
    """The same in the calling thread."""
    try:
        work()
    except BaseException:
        log.exception("the thread %r of this process has died, and the process ends with it", name)
        logging.shutdown()
        os._exit(BROKEN)
