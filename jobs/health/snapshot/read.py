"""A snapshot in three round trips: O(queues + processes), and nothing that acts.

RQ's ``Worker.all`` and registry counts clean up as they count, so the keys are read instead.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from jobs import keys
from jobs.health.snapshot import processes, queues, server
from jobs.health.snapshot.model import Foreign, Lane, Process, QueueView, Snapshot
from jobs.health.snapshot.queues import text

LANES = 5
"""Halted lanes that are shown by name."""
RECENT = 900.0
"""Seconds during which one asks after a worker that has gone without a word."""


class _First(NamedTuple):
    """The replies of the first round trip."""

    time: tuple[int, int]
    signs: list[bytes | None]
    suspended: int
    rows: dict[bytes, bytes]
    seen: list[tuple[bytes, float]]
    queues: set[bytes]
    paused: set[bytes]
    halted: list[tuple[bytes, float]]
    halts: int
    registered: set[bytes]
    info: Any
    config: Any


def read(client: Redis, watched: Iterable[str], db: int) -> Snapshot:
    """See the line: the queues that exist and those that are ``watched``. Raises ``RedisError``."""
    first = _first(client)
    now = first.time[0] + first.time[1] / 1e6
    found = processes.parse(first.rows, dict(first.seen), now)
    start = len(keys.queue(""))
    names = list(dict.fromkeys([*watched, *sorted(text(key)[start:] for key in first.queues)]))
    marker, leader, ticked = first.signs
    details = _details(client, names, first, found, now)
    missing = any(one.role == "worker" and one.is_silent and now - one.seen_at < RECENT for one in found)
    works = any(one.role == "worker" and one.alive for one in found)
    here, elsewhere = processes.connections(client, db) if missing or not works else (frozenset(), ())
    return Snapshot(
        now=now,
        db=db,
        marker=text(marker),
        leader=text(leader),
        ticked=float(ticked or 0),
        suspended=bool(first.suspended),
        processes=found,
        halts=first.halts,
        server=server.parse(first.info, first.config),
        connected=here,
        elsewhere=() if works else elsewhere,
        **details._asdict(),
    )


def _first(client: Redis) -> _First:
    with client.pipeline(transaction=False) as pipeline:
        pipeline.time()
        pipeline.mget(keys.MARKER, keys.LEADER, keys.TICKED)
        pipeline.exists(keys.SUSPENDED)
        pipeline.hgetall(keys.PROCESSES)
        pipeline.zrange(keys.SEEN, 0, -1, withscores=True)
        pipeline.smembers(keys.QUEUES)
        pipeline.smembers(keys.PAUSED)
        pipeline.zrange(keys.HALTED, 0, LANES - 1, withscores=True)
        pipeline.zcard(keys.HALTED)
        pipeline.smembers(keys.WORKERS)
        server.ask(pipeline)
        replies = pipeline.execute(raise_on_error=False)
    for reply in replies[:-2]:  # what the server says of itself may be forbidden
        if isinstance(reply, RedisError):
            raise reply
    return _First(*replies)


class _Details(NamedTuple):
    queues: tuple[QueueView, ...]
    halted: tuple[Lane, ...]
    held_up: tuple[Lane, ...]
    foreign: tuple[Foreign, ...]


def _details(client: Redis, names: list[str], first: _First, found: Sequence[Process], now: float) -> _Details:
    """The other two round trips: what each queue, lane and job of interest is, and then what these point to."""
    halted = [(text(key), since) for key, since in first.halted]
    running = _running(found, now)
    strangers = processes.strangers(first.registered)
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            queues.ask(pipeline, name)
        for key, _ in halted:
            pipeline.lindex(keys.lane(key), 0)
        for job_id in running:
            pipeline.hget(keys.job(job_id), "key")
        for name in strangers:
            pipeline.hget(keys.worker(name), "queues")
        replies = iter(pipeline.execute(raise_on_error=False))
    paused = {text(name) for name in first.paused}
    views = [queues.parse(name, name in paused, [next(replies) for _ in queues.EMPTY]) for name in names]
    heads = [(key, text(_or_none(next(replies))), since) for key, since in halted]
    behind = [(text(_or_none(next(replies))), job_id, since) for job_id, since in running.items()]
    others = (processes.foreign(name, _or_none(next(replies))) for name in strangers)
    foreign = tuple(one for one in others if one)
    lanes = heads + [one for one in behind if one[0]]
    with client.pipeline(transaction=False) as pipeline:
        for view, failed in views:
            queues.ask_jobs(pipeline, view, failed)
        for key, _, _ in lanes:
            pipeline.llen(keys.lane(key))
        replies = iter(pipeline.execute(raise_on_error=False))
    seen = tuple(queues.with_jobs(view, failed, [next(replies) for _ in ("head", *failed)]) for view, failed in views)
    depths = [_or_none(next(replies)) or 0 for _ in lanes]
    looked = [Lane(key, head, depth, since) for (key, head, since), depth in zip(lanes, depths, strict=True)]
    return _Details(seen, tuple(looked[: len(heads)]), tuple(looked[len(heads) :]), foreign)


def _running(found: Iterable[Process], now: float) -> dict[str, float]:
    """The jobs that workers have named, with when each was begun."""
    workers = [process for process in found if process.role == "worker" and process.alive]
    return {job["id"]: process.seen_at - job["for"] for process in workers for job in process.running}


def _or_none(reply: Any) -> Any:
    return None if isinstance(reply, Exception) else reply
