"""Leader and followers: T threads that take work from one local deque, and one of them at a time that goes to Redis.

Any free thread may take the Redis turn. In one round trip it hands in what has been done and is given what comes
next, for all of them. How much it asks for follows from how long jobs take, so that what waits here waits briefly.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

from jobs import scripts
from jobs.scripts import Claimed, Held, Settlement
from jobs.worker.bell import Bell
from jobs.worker.deadlines import Slot
from jobs.worker.execution import Interrupted, Runs, packed
from jobs.worker.table import Table

log = logging.getLogger(__name__)

MOST = 128
"""Jobs claimed at once, at most."""
AHEAD = 0.02
"""Seconds of work to hold ready."""
PATIENCE = 0.1
LOST = 0.5
BROKEN = 70


class Slots:
    """The threads of one child, and all that they share."""

    def __init__(
        self,
        client: Redis,
        child: str,
        worker: str,
        queues: tuple[str, ...],
        table: Table,
        threads: int,
        runner: Runs,
        followups: Callable[[str], None],
        stop: threading.Event,
        survives: int,
    ) -> None:
        self._client = client
        self._child = child
        self._worker = worker
        self._queues = queues
        self._table = table
        self._runner = runner
        self._followups = followups
        self._ready: deque[tuple[Claimed, float]] = deque()
        self._mine: set[str] = set()
        """Ids of all that this child has claimed and not handed in."""
        self._done: list[Settlement] = []
        self._change = threading.Condition()
        self._leading = False
        self._called = True
        """There may be jobs: nobody has asked yet, or the bell has rung."""
        self._free = threads
        self._lost = False
        self._unsure = False
        """A reply was lost: Redis may say that we hold jobs of which we do not know."""
        self._average = AHEAD
        self.stop = stop
        self._survives = survives
        self._pid = os.getpid()
        self.slots = [Slot(number) for number in range(threads)]
        self._bells: list[Bell] = []

    def run(self, bell_client: Redis) -> None:
        """Work until ``stop`` is set and everything that ran has been handed in."""
        self._bells = [Bell(bell_client, queue, self._on_ring, self.stop) for queue in self._queues]
        threads = [threading.Thread(target=self._work, args=(slot,), name=f"slot-{slot.number}") for slot in self.slots]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.give_back()

    def wake(self) -> None:
        """Have every waiting thread look again; after ``stop`` was set."""
        with self._change:
            self._change.notify_all()

    def give_back_late(self, now: float) -> None:
        """Give back what has waited here for 100 ms while every thread was busy: another worker may be free."""
        with self._change:
            late = self._free == 0 and self._ready and now - self._ready[0][1] > PATIENCE
        if late:
            self.give_back()

    def give_back(self) -> None:
        """Put what was claimed and not started back where it was."""
        with self._change:
            waiting = [Held(claimed.id, claimed.token, charged=False) for claimed, _ in self._ready]
            self._ready.clear()
            self._mine.difference_update(one.id for one in waiting)
        if waiting:
            try:
                scripts.release(self._client, self._child, waiting, 0)
            except RedisError:
                self._unsure = True
                raise

    def _on_ring(self) -> None:
        with self._change:
            self._called = True
            self._change.notify()

    def _work(self, slot: Slot) -> None:
        try:
            self._take_jobs(slot)
        except BaseException:
            log.exception("child %s is broken and ends; its keeper puts back what it held", self._child)
            logging.shutdown()
            os._exit(BROKEN)

    def _take_jobs(self, slot: Slot) -> None:
        while claimed := self._next():
            started = time.monotonic()
            deadline = started + claimed.timeout if claimed.timeout > 0 else 0.0
            self._table.begin(slot.number, claimed.id, claimed.token, started, deadline)
            settlement = self._run(claimed, slot, deadline)
            if os.getpid() != self._pid:  # the job has forked and returned here too: the original goes on
                os._exit(0)
            self._table.end(slot.number)
            with self._change:
                if settlement:
                    self._done.append(settlement)
                else:
                    self._called = True
                self._free += 1
                self._average += 0.1 * (time.monotonic() - started - self._average)

    def _run(self, claimed: Claimed, slot: Slot, deadline: float) -> Settlement | None:
        """How it ended; None when it was interrupted, and has been put back and charged."""
        try:
            return self._runner.run(claimed, slot, deadline)
        except Interrupted as error:
            log.warning("job %s was interrupted: %s", claimed.id, str(error).strip())
            held = Held(claimed.id, claimed.token, charged=True, why=packed(str(error)))
        try:
            scripts.release(self._client, self._child, [held], self._survives)
        except RedisError:
            self._unsure = True
        with self._change:
            self._mine.discard(claimed.id)
        return None

    def _next(self) -> Claimed | None:
        """The next job for the calling thread; None when it should end."""
        while True:
            with self._change:
                while True:
                    if self.stop.is_set() and not self._done:
                        return None
                    low = len(self._ready) <= self._wanted() // 4
                    if not self._leading and (self._done or self._called) and (low or self.stop.is_set()):
                        self._leading = True
                        wanted = 0 if self.stop.is_set() else max(0, self._wanted() - len(self._ready))
                        break
                    if self._ready and not self.stop.is_set():
                        self._free -= 1
                        return self._ready.popleft()[0]
                    self._change.wait()
            self._turn(wanted)

    def _wanted(self) -> int:
        """How many jobs to hold ready: one for each free thread, more while they are short."""
        return max(self._free, min(MOST, int(AHEAD * len(self.slots) / max(self._average, 1e-6))))

    def _turn(self, wanted: int) -> None:
        """Hand in what is done, take what is next."""
        with self._change:
            done, self._done = self._done, []
            self._called = False
        claimed: list[Claimed] | None = []
        replies: list[int] = []
        try:
            if self._unsure:
                self._put_back_unknown()
            replies, claimed = scripts.exchange(self._client, self._worker, self._child, self._queues, done, wanted)
        except RedisError as error:
            if not self._lost:
                self._lost = True
                log.warning("child %s lost Redis: %s; results are kept until it is back", self._child, error)
            with self._change:
                self._done = done + self._done
                self._called = self._unsure = True
            self.stop.wait(LOST)
        else:
            self._say_back()
        if claimed is None:
            log.error("child %s has lost its lease; what it still runs will be refused", self._child)
            self.stop.set()
        now = time.monotonic()
        with self._change:
            self._leading = False
            self._mine.difference_update(settlement.id for settlement, _ in zip(done, replies, strict=False))
            self._mine.update(one.id for one in claimed or ())
            self._ready.extend((one, now) for one in claimed or ())
            if claimed and len(claimed) == wanted:
                self._called = True
            elif wanted and not self.stop.is_set():
                for bell in self._bells:
                    bell.arm()
            self._change.notify(len(self.slots) if self.stop.is_set() else max(1, len(self._ready)))
        self._report(done, replies)

    def _say_back(self) -> None:
        if self._lost:
            self._lost = False
            log.info("child %s has Redis back", self._child)

    def _put_back_unknown(self) -> None:
        """Put back what Redis says we hold and we do not know of. Only in a turn: nothing may be on its way to us."""
        unknown = [
            Held(job_id, token, charged=False)
            for job_id, token in scripts.held(self._client, self._child)
            if job_id not in self._mine
        ]
        if unknown:
            log.warning("child %s puts back %d jobs that a lost reply had given it", self._child, len(unknown))
            scripts.release(self._client, self._child, unknown, 0)
        self._unsure = False

    def _report(self, done: list[Settlement], replies: list[int]) -> None:
        for settlement, reply in zip(done, replies, strict=False):
            if reply == 0:
                log.warning("the result of job %s was refused: another worker has it by now", settlement.id)
            elif reply == 2:
                self._followups(settlement.id)
            if settlement.outcome == "failed" and reply:
                log.warning("job %s failed", settlement.id)
