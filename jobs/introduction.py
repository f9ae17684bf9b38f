"""A process of yours that puts work in is a part of the line: it introduces itself, as role ``app``.

This is the part that each enqueue pays for. The rest is ``jobs.health.app``; a thread loads it after the first job.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from redis import Redis

from jobs import logs
from jobs.settings import current

log = logs.of("process")

FIRST = 0.25
"""Seconds after the first job: a script that has ended by then is not a part of the line."""
OFTEN, SELDOM = 1.0, 30.0
"""Bounds of the time between two words of an app: two ``JOBS_HEARTBEAT``, which shortens tests."""
LATE = 5.0
"""Seconds by which a turn may be overdue; then the thread does not run here, and an enqueue takes the turn."""

Puts = dict[tuple[str, str], float]
"""When a job of a queue was put in last, by the queue and the description; on the monotonic clock."""
Turn = Callable[[Redis, Puts], None]


class App:
    """This process, as far as it puts work in. Any thread may; one thread speaks for all."""

    def __init__(self) -> None:
        self.silent = False
        self._period = SELDOM
        self._start_anew()

    def _start_anew(self) -> None:
        """Nothing has been put in yet; after a fork, the thread is the parent's, and so may the lock be."""
        self._puts: Puts = {}
        self._client: Redis | None = None
        self._due = float("-inf")
        self._thread: threading.Thread | None = None
        self._turns = threading.Lock()
        self.loading = threading.Lock()
        """No fork may come while the thread imports: the child would wait for ever for what it imports as well."""
        self._turn: Turn | None = None

    def accepted(self, client: Redis, jobs: Sequence[Any]) -> None:
        """Note that Redis has accepted jobs, each a ``NewJob``; never raises, and writes nothing itself."""
        if self.silent:
            return
        now = time.monotonic()
        self._client = client
        for job in jobs:
            self._puts[job.queue, job.fields["description"]] = now
        if now > self._due + LATE:
            self._catch_up(now)

    def _catch_up(self, now: float) -> None:
        if self._thread is None:
            settings = current()
            self.silent = not settings.introduce
            if self.silent:
                return
            self._period = max(OFTEN, min(SELDOM, 2 * settings.heartbeat))
            self._due = now + FIRST
            self._thread = threading.Thread(target=self._run, name="introduction", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # this process may start no thread, or is about to end
                log.debug("no thread to introduce this process: %s", error)
        else:
            self._take_turn()

    def _run(self) -> None:
        time.sleep(FIRST)
        while threading.current_thread() is self._thread:
            self._take_turn()
            time.sleep(self._period)

    def _take_turn(self) -> None:
        """Say who this process is, and look whether its jobs are taken; whatever goes wrong is not the app's fault."""
        if not self._turns.acquire(blocking=False):
            return
        try:
            self._due = time.monotonic() + self._period
            if self._turn is None:
                with self.loading:
                    self._turn = import_module("jobs.health.app").Party(self._period).turn
            if self._client is not None:
                self._turn(self._client, self._puts)
        except Exception as error:
            log.debug("this process could not introduce itself: %s", error)
        finally:
            self._turns.release()


app = App()
os.register_at_fork(
    before=lambda: app.loading.acquire(), after_in_parent=lambda: app.loading.release(), after_in_child=app._start_anew
)


def keep_silent() -> None:
    """Have this process not introduce itself as an app: it is a part of Signalbox, or a command, and says so itself."""
    app.silent = True
