"""Leaders and followers: threads that take work from one local deque, and go to Redis in turns.

A free thread does what is needed most. One or two at most take a turn: in one round trip it hands in what has been
done and is given what comes next, for all of them; while the server is busy with one turn, the next is on its way. How
much it asks for follows from how long jobs take, so that what waits here waits briefly. Where there was less than that,
one thread a queue waits at its bell; what it is given it runs itself.

A slot is room for a job, not a thread. A thread that is about to wait, for a function, a bell or a turn, sees to it
that another is free, until there is one for each slot and one for each bell; all are alike. A coroutine takes a thread
only to begin and to conclude.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from jobs import logs, vital
from jobs.scripts import Claimed, Held, Settlement
from jobs.supervise.process import end_group
from jobs.worker.bell import Bell, Lost
from jobs.worker.deadlines import Slot
from jobs.worker.event_loop import EventLoop
from jobs.worker.execution import Runner, Waiting
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


class Conclude(NamedTuple):
    """Put into words how a coroutine has ended."""

    waiting: Waiting
    slot: Slot
    started: float
    value: Any
    error: BaseException | None


Role = Run | Turn | Listen | Conclude


class Slots:
    """The threads of one child, and all that they share."""

    def __init__(
        self,
        link: Link,
        table: Table,
        slots: int,
        turns: int,
        runner: Runner,
        loop: EventLoop,
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
        self._loop = loop
        self._life = life
        self._ended = ended
        self._followups = followups
        self._ahead = ahead
        self._ready: deque[tuple[Claimed, float]] = deque()
        self._mine: set[str] = set()
        """Tokens of all that this child has claimed and not handed in."""
        self._disowned: set[str] = set()
        """Tokens that were put back, because the reply that gave them seemed lost."""
        self._came_back: deque[Conclude] = deque()
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
        self.slots = [Slot(number) for number in range(slots)]
        self._free = list(self.slots)
        self._threads = self._waiting = 0
        self._bells = [Bell(queue, partial(link.await_jobs, link.line(), queue), stop) for queue in link.queues]
        self._most_threads = len(self.slots) + len(self._bells)

    def run(self) -> None:
        """Work until ``stop`` is set and everything that ran has been handed in. Who waits at a bell is left there."""
        self._add_thread()
        self._over.wait()
        try:
            self.give_back()
        except RedisError as error:
            log.warning("what child %s has not started is left to its keeper: %s", self._link.child, error)

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

    def _add_thread(self) -> None:
        """Start one more, unless there are as many as can be of use."""
        with self._change:
            if self._threads == self._most_threads:
                return
            self._threads += 1
            name = f"slot-{self._threads}"
        vital.start(name, self._work)

    def _see_to_another(self) -> None:
        """Start a thread where all that there are wait for something."""
        if self._threads == self._most_threads:
            return
        with self._change:
            bells = sum(bell.attended for bell in self._bells)
            waiting = self._turns + self._untold + bells + sum(slot.in_thread for slot in self.slots)
        if waiting >= self._threads:
            self._add_thread()

    def _work(self) -> None:
        while role := self._next():
            match role:
                case Run(claimed, slot):
                    self._execute(claimed, slot)
                case Turn(wanted):
                    self._see_to_another()
                    self._turn(wanted)
                case Listen(bell, wanted):
                    self._see_to_another()
                    self._listen(bell, wanted)
                case Conclude(waiting, slot, started, value, error):
                    if waiting.call.claimed.special:  # its callbacks are functions
                        slot.in_thread = True
                        self._see_to_another()
                    self._end(self._runner.conclude(waiting, slot, value, error), slot, started)

    def _next(self) -> Role | None:
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
                if role := self._role(stopping):
                    return role
                self._waiting += 1
                self._change.wait()
                self._waiting -= 1

    def _role(self, stopping: bool) -> Role | None:
        """What is needed most; None when that is nothing."""
        if (
            (self._done or self._called)
            and self._turns < self._most_turns
            and (wanted := self._wanted(stopping)) is not None
        ):
            self._turns += 1
            self._asked += wanted
            return Turn(wanted)
        if self._came_back:
            return self._came_back.popleft()
        if self._ready and self._free and not stopping:
            return Run(self._ready.popleft()[0], self._free.pop())
        room = len(self._free) - len(self._ready)
        bell = next((bell for bell in self._bells if bell.armed and not bell.attended), None)
        if bell and room > 0 and not stopping:
            bell.attended = True
            return Listen(bell, room)
        return None

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
        call = self._runner.begin(claimed)
        slot.in_thread = not call.awaits
        if slot.in_thread and not self._waiting and self._threads < self._most_threads:
            self._add_thread()
        ended = self._runner.run(call, slot, deadline)
        if isinstance(ended, Settlement):
            self._end(ended, slot, started)
        else:
            self._await(ended, slot, started, deadline)

    def _await(self, waiting: Waiting, slot: Slot, started: float, deadline: float) -> None:
        """Have the event loop run a coroutine; its slot is taken until it is over."""
        slot.in_thread = False

        def come_back(value: Any, error: BaseException | None) -> None:
            slot.leave()
            with self._change:
                self._came_back.append(Conclude(waiting, slot, started, value, error))
                self._change.notify()

        awaited = self._loop.prepare(waiting.coroutine, deadline, come_back)
        slot.hold(waiting.call.claimed.token, awaited)
        awaited.start(waiting.context)

    def _end(self, settlement: Settlement, slot: Slot, started: float) -> None:
        self._table.end(slot.number)
        slot.in_thread = False
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
        self._change.notify(self._threads if self.stop.is_set() else max(len(self._ready) + alone - own, 0))

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
