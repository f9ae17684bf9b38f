"""Who is there, by what processes publish of themselves, by RQ's list of workers, and by connections."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from jobs import keys
from jobs.health.snapshot import rows
from jobs.health.snapshot.model import Elsewhere, Foreign, Process

OURS = re.compile(r"(worker|loops)-.+-\d+-[0-9a-f]{8}")
MISSED = 2.5
"""Words that a process may miss before it counts as gone: 12.5 s."""


def living(client: Redis, now: float | None = None) -> tuple[Process, ...]:
    """The processes that are alive, the one seen last first. Raises ``RedisError``.

    ``now`` is the server's time, for those who know it already.
    """
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hgetall(keys.PROCESSES)
        pipeline.zrange(keys.SEEN, 0, -1, withscores=True)
        if now is None:
            pipeline.time()
        said, seen, *asked = pipeline.execute()
    at = asked[0][0] if now is None else now
    return tuple(process for process in parse(said, dict(seen), at) if process.alive)


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


def foreign(registered: Iterable[tuple[bytes, Any]]) -> tuple[Foreign, ...]:
    """RQ's workers that are none of ours. One whose hash says no queues has died, and is only still listed."""
    start = len(keys.worker(""))
    named = {key.decode(errors="replace")[start:]: queues for key, queues in registered if isinstance(queues, bytes)}
    return tuple(
        Foreign(name, tuple(queues.decode(errors="replace").split(",")))
        for name, queues in sorted(named.items())
        if queues and not OURS.fullmatch(name)
    )


def connections(client: Redis, db: int) -> tuple[frozenset[str], tuple[Elsewhere, ...]]:
    """The ids of the workers that are connected to this db and prefix, and those on the same server that are not."""
    try:
        clients = client.client_list()
    except ResponseError:  # an ACL may forbid it; then we do not know
        return frozenset(), ()
    here, elsewhere = set(), set()
    for row in clients:
        mark, _, rest = row.get("name", "").partition(":")
        role, _, rest = rest.partition(":")
        prefix, _, instance = rest.rpartition(":")
        if (mark, role) == ("signalbox", "worker"):
            if (prefix, int(row["db"])) == (keys.PREFIX, db):
                here.add(instance)
            else:
                elsewhere.add(Elsewhere(prefix, int(row["db"]), instance))
    return frozenset(here), tuple(sorted(elsewhere, key=lambda other: other.instance))
