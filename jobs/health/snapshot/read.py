"""A snapshot in one round trip: O(queues + processes), and nothing that acts.

RQ's ``Worker.all`` and registry counts clean up as they count, so the keys are read instead.
"""

from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import Any

from redis import Redis

from jobs import scripts
from jobs.health.snapshot import processes, queues, server, surroundings
from jobs.health.snapshot.model import Lane, Parked, Process, Snapshot
from jobs.health.snapshot.queues import text
from jobs.scripts.call import pairs

LANES = 5
"""Halted lanes that are shown by name."""
RECENT = 900.0
"""Seconds during which one asks after a worker that has gone without a word."""


def read(
    client: Redis, watched: Sequence[str], db: int, *, wide: bool = True, asker: Process | None = None
) -> Snapshot:
    """See the line: the queues that exist and those that are ``watched``. Raises ``RedisError``.

    ``wide``: with who puts jobs in elsewhere on the same server. ``asker`` is added to the processes.
    """
    with client.pipeline(transaction=False) as pipeline:
        scripts.snapshot(pipeline, watched, queues.SAMPLES, queues.LAST_FAILED, LANES, queues.LOOKED_AT)
        server.ask(pipeline)
        seen, *said = pipeline.execute(raise_on_error=False)
    if isinstance(seen, Exception):
        raise seen  # not so what the server says of itself, which may be forbidden
    line, looks, halted, behind, registered, parked = seen
    (seconds, micro), (marker, leader, ticked), suspended, rows, times, paused, halts, apps = line
    now = int(seconds) + int(micro) / 1e6
    found = processes.parse(dict(pairs(rows)), {name: float(at) for name, at in pairs([*times, *apps])}, now)
    views = {text(name): queues.parse(text(name), name in paused, replies) for name, *replies in looks}
    missing = any(one.role == "worker" and one.is_silent and now - one.seen_at < RECENT for one in found)
    works = any(one.role == "worker" and one.alive for one in found)
    missing = missing or not works
    around = surroundings.look(client, db, now, missing=missing, wide=wide)
    found = surroundings.without_the_gone(found, around) + ((asker,) if asker else ())
    return Snapshot(
        now=now,
        db=db,
        marker=text(marker),
        leader=text(leader),
        ticked=float(ticked or 0),
        suspended=bool(suspended),
        processes=found,
        queues=tuple(views[name] for name in dict.fromkeys([*watched, *sorted(views)])),
        halted=tuple(_lane(key, head, depth, float(since)) for key, since, head, depth in halted),
        halts=halts,
        held_up=_held_up(found, behind),
        parked=tuple(starmap(_parked, parked)),
        server=server.parse(*said),
        foreign=processes.foreign(client, registered),
        connected=around.clients.here(db) if around.clients and missing else frozenset(),
        elsewhere=around.clients.elsewhere(db) if around.clients and not works else (),
        strays=around.strays,
        knows=surroundings.names(client, found, around),
    )


def _held_up(found: Iterable[Process], behind: Iterable[tuple[bytes, bytes, Any]]) -> tuple[Lane, ...]:
    """The lanes of the jobs that live workers have named as running."""
    workers = [process for process in found if process.role == "worker" and process.alive]
    begun = {job["id"]: process.seen_at - job["for"] for process in workers for job in process.running}
    lanes = {text(job_id): (key, job_id, depth) for job_id, key, depth in behind}
    return tuple(_lane(*lanes[job_id], since) for job_id, since in begun.items() if job_id in lanes)


def _lane(key: bytes, head: Any, depth: Any, since: float) -> Lane:
    return Lane(text(key), text(_or_none(head)), _or_none(depth) or 0, since)


def _parked(task: bytes, jobs: int, job: bytes, since: bytes, queue: bytes, until: Any) -> Parked:
    return Parked(text(task), jobs, text(job), text(queue), float(since), float(_or_none(until) or 0))


def _or_none(reply: Any) -> Any:
    return None if isinstance(reply, Exception) else reply
