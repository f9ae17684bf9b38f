"""Who is there, by what processes publish of themselves, by RQ's list of workers, and by connections."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import ResponseError

from jobs import keys
from jobs.health.snapshot import rows
from jobs.health.snapshot.model import Elsewhere, Foreign, Process

OURS = re.compile(r"(worker|loops)-.+-\d+-[0-9a-f]{8}")
LATE = 30
"""Seconds left of the hash of an RQ worker that counts as gone: see ``lua/lib/abandon.lua``."""
MISSED = 2.5
"""Words that a process may miss before it counts as gone: 12.5 s."""


def living(client: Redis, now: float | None = None) -> tuple[Process, ...]:
    """The processes that are alive, the one seen last first. Raises ``RedisError``.

    ``now`` is the server's time, for those who know it already.
    """
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hgetall(keys.PROCESSES)
        pipeline.zrange(keys.SEEN, 0, -1, withscores=True)
        pipeline.zrange(keys.APPS, 0, -1, withscores=True)
        if now is None:
            pipeline.time()
        said, seen, apps, *asked = pipeline.execute()
    at = asked[0][0] if now is None else now
    return tuple(process for process in parse(said, dict([*seen, *apps]), at) if process.alive)


def served(processes: Iterable[Process]) -> tuple[str, ...]:
    """The queues that the workers among them serve."""
    workers = [process for process in processes if process.role == "worker"]
    return tuple(dict.fromkeys(name for process in workers for name in process.queues))


def parse(said: Mapping[bytes, bytes], seen: Mapping[bytes, float], now: float) -> tuple[Process, ...]:
    """All that have left a row that can be understood, the one seen last first."""
    found = []
    for process_id, text in said.items():
        row, at = rows.read(text), seen.get(process_id, 0.0)
        if row:
            late = now - at >= MISSED * float(row.get("period", 5.0))
            found.append(Process(row, at, alive=row["status"] not in ("stopped", "failed") and not late))
    return tuple(sorted(found, key=lambda process: process.seen_at, reverse=True))


def foreign(client: Redis, registered: Sequence[Any]) -> tuple[Foreign, ...]:
    """RQ's workers that live and are none of ours. ``registered`` holds of each its key, queues, listeners and TTL.

    One whose hash says no queues has died. RQ keeps the hash of one that was killed for minutes: it is gone where
    nobody listens for its commands and no connection has its name, or where it has said nothing for a minute.
    """
    start = len(keys.worker(""))
    others = {
        name: (queues.decode(errors="replace"), listeners, left)
        for key, queues, listeners, left in zip(*(registered[at::4] for at in range(4)), strict=True)
        if isinstance(queues, bytes) and queues and not OURS.fullmatch(name := key.decode(errors="replace")[start:])
    }
    deaf = {name for name, (_, listeners, _) in others.items() if listeners == 0}
    gone = deaf - {row.get("name", "") for row in _clients(client) or ()} if deaf else deaf
    return tuple(
        Foreign(name, tuple(queues.split(",")))
        for name, (queues, _, left) in sorted(others.items())
        if name not in gone and not 0 <= left <= LATE
    )


class Client(NamedTuple):
    """A connection to the server, by a client of ours."""

    role: str
    prefix: str
    db: int
    instance: str


class Clients(NamedTuple):
    """All that are connected to the server."""

    ids: frozenset[int]
    ours: tuple[Client, ...]

    def here(self, db: int) -> frozenset[str]:
        """The ids of the workers that are connected to this db and prefix."""
        found = (one for one in self.ours if one.role == "worker")
        return frozenset(one.instance for one in found if (one.prefix, one.db) == (keys.PREFIX, db))

    def elsewhere(self, db: int) -> tuple[Elsewhere, ...]:
        """The workers that are not."""
        found = (one for one in self.ours if one.role == "worker" and (one.prefix, one.db) != (keys.PREFIX, db))
        return tuple(Elsewhere(prefix, at, name) for _, prefix, at, name in sorted(found, key=lambda one: one.instance))


def clients(client: Redis) -> Clients | None:
    """Who is connected; None where it cannot be known, because an ACL forbids to ask."""
    if (rows := _clients(client)) is None:
        return None
    ours = []
    for row in rows:
        mark, _, rest = row.get("name", "").partition(":")
        role, _, rest = rest.partition(":")
        prefix, _, instance = rest.rpartition(":")
        if mark == "signalbox":
            ours.append(Client(role, prefix, int(row["db"]), instance))
    return Clients(frozenset(int(row["id"]) for row in rows), tuple(ours))


def _clients(client: Redis) -> list[dict[str, Any]] | None:
    """All connections; None where an ACL forbids to ask, and so we do not know."""
    try:
        return list(client.client_list())
    except ResponseError:
        return None
