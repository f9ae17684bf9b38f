"""Leaders and followers: threads that take work from one local deque, and go to Redis in turns.

A free thread does what is needed most. One or two at most take a turn: in one round trip it hands in what has been
done and is given what comes next, for all of them; while the server is busy with one turn, the next is on its way. How
much it asks for follows from how long jobs take, so that what waits here waits briefly. Where there was less than that,
one thread a queue waits at its bell; what it is given it runs itself. So there is a thread for each slot and one for
each bell, and all are alike.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from redis.exceptions import RedisError

from jobs import logs
from jobs.scripts import Claimed, Held, Settlement
from jobs.supervise.process import end_group
from jobs.worker.bell import Bell, Lost
from jobs.worker.deadlines import Slot
from jobs.worker.execution import Runner
from jobs.worker.handing_in import hand_in, portion
from jobs.worker.life import Life
from jobs.worker.link import Link
from jobs.worker.table import Table

log = logs.of("worker")

MOST = 256
"""Jobs claimed at once, at most."""
AHEAD = 0.02
"""Seconds of work to hold ready."""
PATIENCE = 0.1
LOST = 0.5
BROKEN = 70


class Turn(NamedTuple):
    """Hand in what is done, and ask for so many."""

    wanted: int


class Listen(NamedTuple):
    """Wait at a bell, for so many."""

    bell: Bell
    wanted: int


class Run(NamedTuple):
    """Run a job."""

    claimed: Claimed
    slot: Slot


class Slots:
    """The threads of one child, and all that they share."""

    def __init__(
        self,
        link: Link,
        table: Table,
        threads: int,
        turns: int,
        runner: Runner,
        life: Life,
        ended: Callable[[Sequence[Settlement], Sequence[int]], None],
        followups: Callable[[str], None],
        stop: threading.Event,
        ahead: float = AHEAD,
    ) -> None:
        """At most ``turns`` at a time, which keep ``ahead`` seconds of work ready; ``ended`` is told of what was handed
        in, with the replies of ``scripts.exchange``.
        """
        self._link = link
        self._table = table
        self._runner = runner
        self._life = life
        self._ended = ended
        self._followups = followups
        self._ahead = ahead
        self._ready: deque[tuple[Claimed, float]] = deque()
        self._mine: set[str] = set()
        """Tokens of all that this child has claimed and not handed in."""
        self._disowned: set[str] = set()
        """Tokens that were put back, because the reply that gave them seemed lost."""
        self._done: list[Settlement] = []
        self._change = threading.Condition()
        self._most_turns = turns
        self._turns = 0
        self._asked = 0
        """Jobs that turns on their way have asked for."""
        self._untold = 0
        """Turns that have come back, and of whose jobs nobody has been told yet."""
        self._called = True
        """There may be more jobs than we were given."""
        self._lost = False
        self._unsure = False
        """A reply was lost: Redis may say that we hold jobs of which we do not know."""
        self._average = AHEAD
        self._over = threading.Event()
        self.stop = stop
        self.slots = [Slot(number) for number in range(threads)]
        self._free = list(self.slots)
        self._bells = [Bell(queue, partial(link.await_jobs, link.line(), queue), stop) for queue in link.queues]

    def run(self) -> None:
        """Work until ``stop`` is set and everything that ran has been handed in. Who waits at a bell is left there."""
        for number in range(len(self.slots) + len(self._bells)):
            threading.Thread(target=self._work, name=f"slot-{number}", daemon=True).start()
        self._over.wait()
        self.give_back()

    def wake(self) -> None:
        """Have every waiting thread look again; after ``stop`` was set."""
        with self._change:
            self._change.notify_all()

    def help_out(self) -> None:
        """Do what has been due for 100 ms while every thread was busy.

        Give back what waits here, because another worker may be free, and hand in what is done. Raises ``RedisError``.
        """
        with self._change:
            late = not self._free and self._ready and time.monotonic() - self._ready[0][1] > PATIENCE
        if late:
            self.give_back()
        with self._change:
            may_turn = self._turns < self._most_turns
            overdue = may_turn and bool(self._done) and time.time() - self._done[0].ended > PATIENCE
            self._turns += overdue
        if overdue:
            self._turn(0)

    def give_back(self) -> None:
        """Put what was claimed and not started back where it was."""
        with self._change:
            waiting = [Held(claimed.id, claimed.token, charged=False) for claimed, _ in self._ready]
            self._ready.clear()
            self._mine.difference_update(one.token for one in waiting)
        if waiting:
            try:
                self._link.release(waiting, 0)
            except RedisError:
                self._unsure = True
                raise

    def _work(self) -> None:
        try:
            while role := self._next():
                match role:
                    case Run(claimed, slot):
                        self._execute(claimed, slot)
                    case Turn(wanted):
                        self._turn(wanted)
                    case Listen(bell, wanted):
                        self._listen(bell, wanted)
        except BaseException:
            log.exception("child %s is broken and ends; its keeper puts back what it held", self._link.child)
            logging.shutdown()
            os._exit(BROKEN)

    def _next(self) -> Run | Turn | Listen | None:
        """What the calling thread is to do; None when it is to end."""
        with self._change:
            while True:
                if time.monotonic() >= self._table.trusted_until:
                    end_group()
                stopping = self.stop.is_set()
                if stopping and self._is_over():
                    self._over.set()
                    self._change.notify_all()
                    return None
                if (
                    (self._done or self._called)
                    and self._turns < self._most_turns
                    and (wanted := self._wanted(stopping)) is not None
                ):
                    self._turns += 1
                    self._asked += wanted
                    return Turn(wanted)
                if self._ready and self._free and not stopping:
                    return Run(self._ready.popleft()[0], self._free.pop())
                room = len(self._free) - len(self._ready)
                bell = next((bell for bell in self._bells if bell.armed and not bell.attended), None)
                if bell and room > 0 and not stopping:
                    bell.attended = True
                    return Listen(bell, room)
                self._change.wait()

    def _is_over(self) -> bool:
        """Is everything that ran handed in, and told of?"""
        return not (self._done or self._turns or self._untold) and len(self._free) == len(self.slots)

    def _wanted(self, stopping: bool) -> int | None:
        """How many jobs to ask for in a turn; None when it would not be worth one."""
        if stopping:
            return 0
        full = max(len(self._free), min(MOST, int(self._ahead * len(self.slots) / max(self._average, 1e-6))))
        missing = full - len(self._ready) - self._asked
        return missing if missing > full // 4 else None

    def _execute(self, claimed: Claimed, slot: Slot) -> None:
        self._life.started(claimed)
        started = time.monotonic()
        deadline = started + claimed.timeout if claimed.timeout > 0 else 0.0
        self._table.begin(slot.number, claimed.id, claimed.token, started, deadline)
        settlement = self._runner.run(claimed, slot, deadline)
        self._table.end(slot.number)
        with self._change:
            self._done.append(settlement)
            self._free.append(slot)
            self._average += 0.1 * (time.monotonic() - started - self._average)

    def _listen(self, bell: Bell, wanted: int) -> None:
        claimed: list[Claimed] | None = []
        try:
            claimed = bell.listen(wanted)
            self._table.asked = time.monotonic()
        except Lost:
            with self._change:
                self._called = self._unsure = True
        with self._change:
            bell.attended = False
            self._take_in(claimed, wanted, goes_on=True)

    def _turn(self, wanted: int) -> None:
        """Hand in what is done, take what is next."""
        with self._change:
            done, self._done = portion(self._done)
            self._called = False
        claimed: list[Claimed] | None = []
        replies: list[int] = []
        try:
            if self._unsure:
                self._put_back_unknown()
            done, replies, claimed = hand_in(self._link.exchange, done, wanted)
        except RedisError as error:
            if not self._lost:
                self._lost = True
                log.warning("child %s lost Redis: %s; results are kept until it is back", self._link.child, error)
            with self._change:
                self._done = done + self._done
                self._called = self._unsure = True
            time.sleep(LOST)
        else:
            self._say_back()
            self._table.asked = time.monotonic()
        with self._change:
            self._turns -= 1
            self._untold += 1
            self._asked -= wanted
            self._mine.difference_update(settlement.token for settlement, _ in zip(done, replies, strict=False))
            self._take_in(claimed, wanted)
        self._report(done, replies)
        with self._change:
            self._untold -= 1

    def _take_in(self, claimed: list[Claimed] | None, wanted: int, goes_on: bool = False) -> None:
        """Make what was claimed ready; None, the lease is gone, ends this child.

        As many threads are woken as there is to do; one less where the calling thread goes on with it at once.
        """
        if claimed is None:
            log.error("child %s has lost its lease; what it still runs will be refused", self._link.child)
            self.stop.set()
        now = time.monotonic()
        fresh = [one for one in claimed or () if one.token not in self._disowned]
        self._mine.update(one.token for one in fresh)
        self._ready.extend((one, now) for one in fresh)
        if wanted:
            self._called = self._called or len(fresh) == wanted
            for bell in self._bells:
                bell.armed = not self._called
        alone = sum(bell.armed and not bell.attended for bell in self._bells)
        own = goes_on and not (self._done or self._called)
        self._change.notify(len(self.slots) if self.stop.is_set() else max(len(self._ready) + alone - own, 0))

    def _say_back(self) -> None:
        if self._lost:
            self._lost = False
            log.info("child %s has Redis back", self._link.child)

    def _put_back_unknown(self) -> None:
        """Put back what Redis says we hold and we do not know of; what a bell still brings of it is not taken in."""
        held = self._link.held()
        with self._change:
            unknown = [Held(job_id, token, charged=False) for job_id, token in held if token not in self._mine]
            self._disowned.update(one.token for one in unknown)
        if unknown:
            log.warning("child %s puts back %d jobs that a lost reply had given it", self._link.child, len(unknown))
            self._link.release(unknown, 0)
        self._unsure = False

    def _report(self, done: list[Settlement], replies: list[int]) -> None:
        for settlement, reply in zip(done, replies, strict=False):
            if reply == 2:
                self._follow_up(settlement.id)
        self._life.ended(done, replies)
        self._ended(done, replies)

    def _follow_up(self, job_id: str) -> None:
        try:
            self._followups(job_id)
        except RedisError as error:
            log.warning("what follows job %s is left to a keeper: %s", job_id, error)
