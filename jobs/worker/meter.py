"""Counting what became of jobs, where they run: noted in memory, and told to Redis every few seconds.

Noting takes a fraction of a microsecond; the rest is done for thousands at once. What a child that is killed has not
told yet is lost.
"""

import threading
from collections import defaultdict
from collections.abc import Sequence
from secrets import token_hex
from typing import NamedTuple, TypeVar

from redis import Redis
from redis.exceptions import RedisError

from jobs import keys, logs, scripts
from jobs.health import heartbeat, meters
from jobs.health.meters import Histogram
from jobs.history import bins, cells
from jobs.history.cells import Cells, End
from jobs.scripts import Outcome, Settlement, Waited
from jobs.worker.life import AGAIN

log = logs.of("worker")

PERIOD = 2.0
ASKED = 100
"""Names of tasks that Redis is asked for at once, at most."""


Endings = defaultdict[tuple[str, str, Outcome, int, Waited | None], list[tuple[str, float]]]
"""Of each ``Group`` the tokens, and how long they ran."""


class Group(NamedTuple):
    """Endings that are counted as one."""

    queue: str
    task: str
    outcome: Outcome
    reply: int
    """What ``scripts.exchange`` said to it."""
    waited: Waited | None
    """Of those that were claimed at once; None where nobody knows."""

    @property
    def end(self) -> End | None:
        """None: they were put off, which is no ending to those who count them."""
        if self.outcome in ("finished", "snoozed"):
            return "finished" if self.outcome == "finished" else None
        return "retried" if self.reply == AGAIN else "failed"


class Batch:
    """What is to be told at once. It is told under one name until it has been taken, so that it counts once."""

    def __init__(self) -> None:
        self.name = token_hex(8)
        self.meters: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        self.history: defaultdict[str, Cells] = defaultdict(Cells)

    def count(self, group: Group, endings: Sequence[tuple[str, float]]) -> None:
        """Add executions by their token and the seconds that they ran, in the order in which they ended."""
        runs = sorted(seconds for _, seconds in endings)
        self.meters["duration", group.queue].add(runs)
        if not group.end:
            return
        ends = {group.end: len(endings)}
        waits = group.waited.between(endings[0][0], endings[-1][0]) if group.waited else None
        counted = cells.cells(ends, bins.evenly(len(endings), *waits) if waits else None, bins.count(runs))
        for name in cells.names(group.queue, group.task):
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
        self._lock = threading.Lock()
        self._ended: Endings = defaultdict(list)
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
                if one.task:
                    group = self._ended[one.queue, one.task, one.outcome, reply, one.waited]
                    group.append((one.token, one.ended - one.started))
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
        except RedisError as error:
            log.debug("what was counted could not be told yet: %s", error)

    def _sum_up(self, client: Redis) -> None:
        for waited in _take(self._waited):
            self._next.meters["wait", waited.queue].add_evenly(waited.jobs, waited.longest, waited.shortest)
        with self._lock:
            groups, self._ended = self._ended, defaultdict(list)
            unread, self._unread = self._unread, []
        for (one, reply), (queue, task) in zip(unread, _asked(client, [one.id for one, _ in unread]), strict=True):
            group = (one.queue or queue, task, one.outcome, reply, one.waited)
            groups[group].append((one.token, one.ended - one.started))
        for which, endings in groups.items():
            if which[1] != heartbeat.TASK.name:
                self._next.count(Group(*which), endings)


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
    known = [(origin, description.partition("(")[0] if "(" in description else "") for origin, description in words]
    return known + [("", "")] * (len(ids) - len(known))


T = TypeVar("T")


def _take(notes: list[T]) -> list[T]:
    """Empty a list to which others append meanwhile."""
    taken = notes[:]
    del notes[: len(taken)]
    return taken
