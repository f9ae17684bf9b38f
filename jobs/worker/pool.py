"""``--pool process``: each job in a process of its own, for tasks that use the CPU or may bring their process down.

Pebble keeps the processes, ends one whose job overruns its timeout, and tells when one has died. A job that takes its
process with it takes no other job with it.
"""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import TimeoutError as NotInTime
from typing import Any

from pebble import ProcessExpired, ProcessPool
from redis import Redis

from jobs import board, logs, registry
from jobs.connection import connect
from jobs.health import heartbeat
from jobs.scripts import Claimed, Settlement
from jobs.settings import current
from jobs.supervise.process import die_with
from jobs.worker.deadlines import Slot
from jobs.worker.execution import Interrupted, Runner, new_loop, packed

BUILT_IN = (heartbeat.TASK,)
FOR_EVER = 366 * 86400.0


class PoolRunner:
    """Runs executions of a child as ``Runner`` does, each in one of ``count`` processes.

    To be made in the main thread: its processes end with the thread that starts them.
    """

    def __init__(self, count: int, child: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(count, context=spawn, initializer=_prepare, initargs=(child, os.getpid()))
        workers = self._pool._pool_manager.worker_manager
        workers.inspect_workers = lambda: _ended(workers)  # type: ignore[method-assign]
        self._pool.schedule(
            os.getpid
        )  # starts them here: they end with the thread that did, and this one lives longest

    def run(self, claimed: Claimed, slot: Slot, deadline: float) -> Settlement:
        """Run it. Raises ``Interrupted`` when the process died under it."""
        started = time.time()
        try:
            call = (claimed._replace(waited=None),)
            settlement: Settlement = self._pool.schedule(_work, call, timeout=claimed.timeout or None).result()
        except NotInTime:
            why = f"JobTimeoutException: the job ran longer than its timeout of {claimed.timeout:g} s; it was killed.\n"
            settlement = Settlement(claimed.id, claimed.token, "failed", packed(why), started, time.time())
        except ProcessExpired as error:
            raise Interrupted(f"The process that ran this job ended with code {error.exitcode}.\n") from error
        return settlement._replace(queue=claimed.queue, waited=claimed.waited)

    def close(self) -> None:
        """End the processes; what they ran has been handed in."""
        self._pool.stop()
        self._pool.join()


def _ended(workers: Any) -> tuple[tuple[int, int], ...]:
    """Processes that have ended, with any code: Pebble waits for ever for a job that left with code 0."""
    ended = [process for process in list(workers.workers.values()) if not process.is_alive()]
    return tuple((workers.workers.pop(process.pid).pid, process.exitcode) for process in ended)


_runner: Runner


def _prepare(child: str, parent: int) -> None:
    global _runner
    die_with(parent, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    settings = current()
    logs.setup(settings, board.about)
    registry.load(settings.tasks)
    client: Redis = connect(settings, "pool", retries=0)
    _runner = Runner(client, new_loop(), child)


def _work(claimed: Claimed) -> Settlement:
    return _runner.run(claimed, Slot(threading.get_native_id()), 0.0)
