"""Counting what became of jobs, where they run: noted in memory, and told to Redis every few seconds.

Noting takes a fraction of a microsecond; the rest is done for thousands at once. What a child that is killed has not
told yet is lost.
"""

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TypeVar

from redis import Redis
from redis.exceptions import RedisError

from jobs import keys, logs, scripts
from jobs.catalog.tasknames import named_by
from jobs.health import heartbeat, meters
from jobs.health.meters import Histogram
from jobs.history import bins, cells
from jobs.history.bins import Times
from jobs.history.cells import Cells, End
from jobs.scripts import Outcome, Settlement, Waited
from jobs.worker.life import AGAIN, GIVEN_UP

log = logs.of("worker")

PERIOD = 2.0
ASKED = 100
"""Names of tasks that Redis is asked for at once, at most."""


@dataclass(slots=True)
class Endings:
    """In the order in which they came. Two lists, because thousands of pairs would keep the collector busy."""

    tokens: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """How long they ran."""

    def add(self, one: Settlement) -> None:
        self.tokens.append(one.token)
        self.seconds.append(one.ended - one.started)


@dataclass(slots=True)
class Sum:
    """Of all that ended alike: how long each ran, and how long they had waited."""

    seconds: list[float] = field(default_factory=list)
    waits: dict[int, int] = field(default_factory=dict)
    longest: float = 0.0
    """Of the waits."""

    def add(self, endings: Endings, waited: Waited | None) -> None:
        self.seconds += endings.seconds
        if waited:
            between = waited.between(endings.tokens[0], endings.tokens[-1])
            bins.add_evenly(self.waits, len(endings.tokens), *between)
            self.longest = max(self.longest, *between)


class Batch:
    """What is to be told at once. It is told under one name until it has been taken, so that it counts once."""

    def __init__(self) -> None:
        self.name = token_hex(8)
        self.meters: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        self.history: defaultdict[str, Cells] = defaultdict(Cells)

    def count(self, queue: str, task: str, end: End | None, found: Sum) -> None:
        """Add these to all that they are part of; without an ``end`` they were put off, and only ran."""
        runs = sorted(found.seconds)
        self.meters["duration", queue].add(runs)
        if end:
            counted = cells.cells({end: len(runs)}, Times(found.waits, found.longest), bins.count(runs))
            for name in cells.names(queue, task):
                self.history[name] = cells.together([self.history[name], counted])

    def tell(self, client: Redis, process: str) -> None:
        """Raises ``RedisError`` where it was not taken, or nobody knows."""
        changes = [change for which, found in self.meters.items() for change in meters.changes(*which, found)]
        fields = {change.field: change.by for change in changes}
        history = {name: cells.pack(one) for name, one in self.history.items()}
        if fields or history:
            scripts.tell(client, process, self.name, fields, history)


class Meter:
    """What one process counts. Any thread may note; one tells."""

    def __init__(self, process: str) -> None:
        self._process = process
        self.jobs = 0
        """Ended so far, heartbeats left out."""
        self._lock = threading.Lock()
        self._ended: defaultdict[tuple[str, str, Outcome, int, Waited | None], Endings] = defaultdict(Endings)
        """By queue, task, outcome, reply and who was claimed with them."""
        self._unread: list[tuple[Settlement, int]] = []
        """Endings of jobs whose task nobody has read here."""
        self._waited: list[Waited] = []
        self._sent: Batch | None = None
        """What Redis has not said that it has."""
        self._next = Batch()

    def ended(self, settlements: Sequence[Settlement], replies: Sequence[int]) -> None:
        """Executions were handed in, and this is what ``scripts.exchange`` said to it."""
        with self._lock:
            for one, reply in zip(settlements, replies, strict=False):
                if not reply:
                    continue
                self.jobs += one.task != heartbeat.TASK.name
                if one.task:
                    self._ended[one.queue, one.task, one.outcome, reply, one.waited].add(one)
                elif not one.id.startswith(keys.HEARTBEAT):
                    self._unread.append((one._replace(value=b""), reply))

    def waited(self, waited: Waited) -> None:
        """Jobs were claimed."""
        self._waited.append(waited)

    def tell_until(self, ended: threading.Event, client: Redis) -> None:
        """Tell Redis what is new every 2 s, and once more at the end."""
        while not ended.wait(PERIOD):
            self.tell(client)
        self.tell(client)

    def tell(self, client: Redis) -> None:
        """Add what was noted to what all have counted; nothing is sent where nothing was.

        What Redis does not take, because it is away or full, is told the next time.
        """
        self._sum_up(client)
        try:
            if self._sent:
                self._sent.tell(client, self._process)
            self._sent, self._next = self._next, Batch()
            self._sent.tell(client, self._process)
            self._sent = None
        except (RedisError, OSError) as error:
            log.debug("what was counted could not be told yet: %s", error)

    def _sum_up(self, client: Redis) -> None:
        for waited in _take(self._waited):
            self._next.meters["wait", waited.queue].add_evenly(waited.jobs, waited.longest, waited.shortest)
        with self._lock:
            groups, self._ended = self._ended, defaultdict(Endings)
            unread, self._unread = self._unread, []
        for (one, reply), (queue, task) in zip(unread, _asked(client, [one.id for one, _ in unread]), strict=True):
            groups[one.queue or queue, task, one.outcome, reply, one.waited].add(one)
        sums: defaultdict[tuple[str, str, End | None], Sum] = defaultdict(Sum)
        for (queue, task, outcome, reply, together), endings in groups.items():
            if task != heartbeat.TASK.name:
                sums[queue, task, _end(outcome, reply)].add(endings, together)
        for which, found in sums.items():
            self._next.count(*which, found)


def _end(outcome: Outcome, reply: int) -> End | None:
    if outcome in ("finished", "snoozed", "unknown") and reply != GIVEN_UP:
        return "finished" if outcome == "finished" else None
    return "retried" if reply == AGAIN else "failed"


def _asked(client: Redis, ids: Sequence[str]) -> list[tuple[str, str]]:
    """The queue and the task of each; empty where Redis does not say, or has been asked for enough of them."""
    if not ids:
        return []
    found: list[list[bytes | None]] = []
    try:
        with client.pipeline(transaction=False) as pipeline:
            for job_id in ids[:ASKED]:
                pipeline.hmget(keys.job(job_id), "origin", "description")
            found = pipeline.execute()
    except RedisError as error:
        log.debug("the tasks of %d endings are not known: %s", len(ids), error)
    words = [[(value or b"").decode(errors="replace") for value in row] for row in found]
    known = [(origin, named_by(description) or "") for origin, description in words]
    return known + [("", "")] * (len(ids) - len(known))


T = TypeVar("T")


def _take(notes: list[T]) -> list[T]:
    """Empty a list to which others append meanwhile."""
    taken = notes[:]
    del notes[: len(taken)]
    return taken
