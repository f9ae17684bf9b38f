"""Where jobs lie, in one order: by when each came into its state, the latest first; last, what is due, soonest first.

A place is told by its job alone, so nothing that happens to other jobs moves it. Times in RQ's registries are those at
which jobs expire; how long ago they ended follows from how long they are kept.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from heapq import merge
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.client import Pipeline

from jobs import keys, scripts
from jobs.catalog.states import Kind
from jobs.queues import FAILURE_TTL
from jobs.scripts.call import answers, text
from jobs.scripts.looks import read_queued
from jobs.settings import current

PORTION, LARGEST = 100, 2000
LISTS: dict[Kind, Callable[[str], str]] = {"queue": keys.queue, "suspects": keys.suspects}
FAR = 4102444800.0
"""The year 2100, for what is kept for ever."""
SLACK = 0.001
"""Seconds by which a time that was computed may miss a score."""


class Place(NamedTuple):
    """Where a job lies, and since when; of a scheduled one, when it is due. Seconds since 1970 UTC."""

    at: float
    id: str
    kind: Kind
    queue: str
    """Or the rate limit, or the lane, in which it has a number instead of a time."""


class Source(NamedTuple):
    """One list or registry, read in portions."""

    kind: Kind
    queue: str
    ask: Callable[[Pipeline, Place | None, int], None]
    """Ask for so many places behind one, or for the first."""
    read: Callable[[Any], list[tuple[float, str]]]

    def places(self, reply: Any) -> list[Place]:
        return [Place(at, job_id, self.kind, self.queue) for at, job_id in self.read(reply)]


def places(client: Redis, kinds: list[Kind], queue: str | None = None, last: Place | None = None) -> Iterator[Place]:
    """All jobs of these kinds, or those behind ``last``. Heartbeats are none."""
    queues, limits = _names(client, queue)
    if last is None or last.kind != "scheduled":
        listed = [kind for kind in kinds if kind not in ("scheduled", "wip")]
        sources = [_source(kind, name) for kind in listed for name in (limits if kind == "limited" else queues)]
        found = [_follow(client, source, last, reply) for source, reply in _first(client, sources, last)]
        if "wip" in kinds:
            found.append(iter(_running(client, queues, last)))
        yield from _once(merge(*found, reverse=True))
        last = None
    if "scheduled" in kinds:
        sources = [_source("scheduled", name) for name in queues]
        yield from _once(merge(*(_follow(client, one, last, reply) for one, reply in _first(client, sources, last))))


def number(client: Redis, kinds: list[Kind], queue: str | None = None) -> int:
    """How many jobs there are of these kinds, heartbeats among them."""
    queues, limits = _names(client, queue)
    with client.pipeline(transaction=False) as pipeline:
        for kind in kinds:
            for name in limits if kind == "limited" else queues:
                if kind in LISTS:
                    pipeline.llen(LISTS[kind](name))
                else:
                    pipeline.zcard(keys.limited(name) if kind == "limited" else keys.registry(kind, name))
        return sum(answers(pipeline, 0))


def in_lane(client: Redis, key: str) -> list[Place]:
    """The jobs of a lane, its head first."""
    ids = cast(list[bytes], client.lrange(keys.lane(key), 0, -1))
    return [Place(float(at), text(job_id), "lane", key) for at, job_id in enumerate(ids)]


def _names(client: Redis, queue: str | None) -> tuple[list[str], list[str]]:
    """The queues to look at, and RQ's rate limits, which are of no queue."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.smembers(keys.QUEUES)
        pipeline.smembers(keys.LIMITS)
        used, limits = cast(list[set[bytes]], pipeline.execute())
    start = len(keys.queue(""))
    every = sorted(text(key)[start:] for key in used)
    return [queue] if queue is not None else every, sorted(text(name) for name in limits)


def _once(found: Iterator[Place]) -> Iterator[Place]:
    last = None
    for place in found:
        if place != last and not place.id.startswith(keys.HEARTBEAT):
            yield place
        last = place


def _first(client: Redis, sources: list[Source], last: Place | None) -> Iterator[tuple[Source, Any]]:
    """The first portion of each, in one round trip."""
    with client.pipeline(transaction=False) as pipeline:
        for source in sources:
            source.ask(pipeline, last, PORTION)
        yield from zip(sources, answers(pipeline, []), strict=True)


def _follow(client: Redis, source: Source, last: Place | None, reply: Any) -> Iterator[Place]:
    """The places of one source behind ``last``; ``reply`` is its first portion."""
    count = PORTION
    while True:
        found = source.places(reply)
        fresh = [one for one in found if last is None or (one > last if source.kind == "scheduled" else one < last)]
        yield from fresh
        if len(found) < count:
            return
        if fresh:
            last, count = fresh[-1], min(count * 2, LARGEST)
        else:
            count *= 2  # more of one score than fit in a portion
        with client.pipeline(transaction=False) as pipeline:
            source.ask(pipeline, last, count)
            [reply] = answers(pipeline, [])


def _source(kind: Kind, queue: str) -> Source:
    if kind in LISTS:
        key = LISTS[kind](queue)
        return Source(kind, queue, lambda pipeline, last, count: _ask_queue(pipeline, key, last, count), _of_queue)
    registry, kept = keys.limited(queue) if kind == "limited" else keys.registry(kind, queue), _kept(kind)

    def ask(pipeline: Pipeline, last: Place | None, count: int) -> None:
        if kind == "scheduled":
            pipeline.zrangebyscore(registry, repr(last.at) if last else "-inf", "+inf", 0, count, withscores=True)
        else:
            high = repr(last.at + kept + SLACK) if last else "+inf"
            pipeline.zrevrangebyscore(registry, high, "-inf", 0, count, withscores=True)

    return Source(kind, queue, ask, lambda reply: [(score - kept, text(job_id)) for job_id, score in reply])


def _kept(kind: Kind) -> float:
    """For how long a registry keeps its jobs, by whose end it is in order."""
    return {"finished": current().keep, "failed": float(FAILURE_TTL)}.get(kind, 0.0)


def _ask_queue(pipeline: Pipeline, key: str, last: Place | None, count: int) -> None:
    scripts.queued(pipeline, key, (_stamp(last.at), last.id) if last else ("", ""), count)


def _of_queue(reply: Any) -> list[tuple[float, str]]:
    return [(_seconds(stamp), job_id) for job_id, stamp in read_queued(reply)]


def _running(client: Redis, names: list[str], last: Place | None) -> list[Place]:
    """Which jobs run: never more than there are slots."""
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.zrange(keys.registry("wip", name), 0, -1)
        replies = answers(pipeline, [])
        found = [
            (text(entry).rpartition(":")[0], name)
            for name, reply in zip(names, replies, strict=True)
            for entry in reply
        ]
        for job_id, _ in found:
            pipeline.hget(keys.job(job_id), "started_at")
        started = answers(pipeline, None)
    running = [
        Place(_seconds(text(stamp)), job_id, "wip", name)
        for (job_id, name), stamp in zip(found, started, strict=True)
        if stamp
    ]
    return sorted((place for place in running if last is None or place < last), reverse=True)


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(min(max(at, 0.0), FAR), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _seconds(stamp: str) -> float:
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return 0.0
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
