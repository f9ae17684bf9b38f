"""A child's link to Redis: its transitions, with who it is filled in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from redis import Redis
from redis.connection import ConnectionInterface

from jobs import keys, scripts
from jobs.scripts import Claimed, Held, Settlement, Waited

PATIENCE = 10
"""Seconds that a bell waits at once."""


@dataclass(frozen=True)
class Link:
    """Who a child is to Redis. Its clients repeat nothing by themselves: what a lost reply did must be found out."""

    client: Redis
    bells: Redis
    """For commands that wait."""
    worker: str
    child: str
    queues: tuple[str, ...]
    limits: Mapping[str, int] = field(default_factory=dict)
    """How many jobs of a queue may run at once, over all workers."""
    source: Callable[[str], str] = keys.queue
    """The list that jobs of a queue are taken from: the queue itself, or its suspects."""
    tell: Callable[[Waited], None] = lambda waited: None
    """Is told how long the jobs had waited that were claimed."""

    def exchange(self, done: Sequence[Settlement], wanted: int) -> tuple[list[int], list[Claimed] | None]:
        """See ``scripts.exchange``."""
        me = (self.worker, self.child, self.queues)
        replies, claimed = scripts.exchange(self.client, *me, done, wanted, self.limits, self.tell, self.source)
        return replies, self._named(claimed)

    def line(self) -> ConnectionInterface:
        """A connection of one's own, to wait on; it connects on first use."""
        return self.bells.connection_pool.make_connection()

    def await_jobs(self, line: ConnectionInterface, queue: str, wanted: int) -> tuple[str, list[Claimed] | None]:
        """See ``scripts.await_jobs``."""
        me = (self.worker, self.child, self.queues)
        rang, claimed = scripts.await_jobs(line, *me, queue, wanted, PATIENCE, self.limits, self.tell, self.source)
        return rang, self._named(claimed)

    def _named(self, claimed: list[Claimed] | None) -> list[Claimed] | None:
        for one in claimed or ():
            if one.raw:
                scripts.rename(self.client, self.child, one.raw, one.id)
        return claimed

    def release(self, held: list[Held], survives: int) -> None:
        """See ``scripts.release``."""
        scripts.release(self.client, self.child, held, survives)

    def held(self) -> list[tuple[str, str]]:
        """See ``scripts.held``."""
        return scripts.held(self.client, self.child)
