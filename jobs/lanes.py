"""Lanes: the jobs of one key run one at a time, in the order they were accepted.

A lane is a list; its head is the one job that may be in a queue. The order is the server's.
"""

import time
from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple, cast

from redis import Redis

from jobs import connection, keys, paging, scripts
from jobs.scripts.call import answers, text

SWEEP = 500
STEP = 200
"""Jobs that one step of ``clear`` looks at: a few milliseconds of the server's time."""
AT_ONCE = 100
LOOKED_AT = 5000
"""Lanes that a page looks at, at most."""
LOOK = 0.05
LOOK_CAP = 1.0

State = Literal["idle", "queued", "running", "retrying", "halted"]
STATES: dict[bytes, State] = {b"queued": "queued", b"started": "running", b"scheduled": "retrying", b"failed": "halted"}


class Lane(NamedTuple):
    """A lane as it was when it was looked at."""

    key: str
    depth: int
    """Its jobs, the head among them."""
    head: str | None
    """Id of the job that the others wait for."""
    state: State
    """Of the head; ``idle`` when there is none, ``halted`` when it has failed and the lane waits for a person."""
    queue: str | None
    since: str | None
    """Since when the head runs, waits or has failed: UTC, as RQ writes it."""


class Page(NamedTuple):
    """Some lanes. There may be fewer than asked for; ``next`` is None once these were the last."""

    lanes: list[Lane]
    next: str | None


def lane(key: str, client: Redis | None = None) -> Lane:
    """A lane by its key."""
    return read(client or connection.default(), [key])[0]


def is_busy(key: str, client: Redis | None = None) -> bool:
    """Does a job of this lane wait or run?"""
    return bool((client or connection.default()).exists(keys.lane(key)))


def wait_until_idle(key: str, timeout: float, client: Redis | None = None) -> bool:
    """Wait until a lane holds no job, ``timeout`` seconds at most; False when it still does."""
    deadline, pause = time.monotonic() + timeout, LOOK
    while is_busy(key, client):
        if (left := deadline - time.monotonic()) <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(pause * 2, LOOK_CAP)
    return True


def lanes(client: Redis, queue: str | None = None) -> Iterator[Lane]:
    """Every lane that holds jobs, or those whose head belongs to ``queue``; read in portions."""
    first = 0
    while found := cast(list[bytes], client.zrange(keys.LANES, first, first + SWEEP - 1)):
        first += SWEEP
        yield from (one for one in read(client, [text(key) for key in found]) if queue in (None, one.queue))


def count(client: Redis) -> int:
    """How many lanes hold jobs."""
    return client.zcard(keys.LANES)


def page(
    client: Redis,
    queue: str | None = None,
    state: State | None = None,
    begins: str = "",
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """One page of the lanes that hold jobs: whose head is of ``queue`` and in ``state``, whose key ``begins`` so.

    ``cursor`` is the ``next`` of the page before. Raises ``InvalidQuery`` for one that was not given out.
    """
    index = keys.HALTED if state == "halted" else keys.LANES
    places = paging.walk(client, index, begins, paging.place(cursor))
    found: list[Lane] = []
    looked = 0
    while portion := list(islice(places, AT_ONCE)):
        for at, one in zip(portion, read(client, [at.name for at in portion]), strict=True):
            looked += 1
            if one.depth and queue in (None, one.queue) and state in (None, one.state):
                found.append(one)
            if len(found) == limit or looked == LOOKED_AT:
                return Page(found, paging.cursor(at))
    return Page(found, None)


def read(client: Redis, names: list[str]) -> list[Lane]:
    """Lanes by their keys, in two round trips."""
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.llen(keys.lane(name))
            pipeline.lindex(keys.lane(name), 0)
        found = answers(pipeline, None)
        heads = [text(head) if head else None for head in found[1::2]]
        for head in heads:
            pipeline.hmget(keys.job(head or ""), "status", "origin", "enqueued_at", "started_at", "ended_at")
        jobs = answers(pipeline, (None,) * 5)
    return [_lane(name, depth or 0, *one) for name, depth, *one in zip(names, found[::2], heads, jobs, strict=True)]


def _lane(key: str, depth: int, head: str | None, job: list[bytes | None]) -> Lane:
    status, queue, enqueued, started, ended = job
    state: State = STATES.get(status or b"", "idle")
    since = {"halted": ended, "running": started, "retrying": ended, "queued": enqueued}.get(state)
    return Lane(key, depth, head, state, text(queue) if queue else None, text(since) if since else None)


def resume(client: Redis, key: str) -> bool:
    """Let a halted lane go on with the job that halted it, which gets all its attempts again; False: it was not."""
    return scripts.resume(client, key, again=True)


def skip(client: Redis, key: str) -> bool:
    """Let a halted lane go on without the job that halted it, which stays failed; False: it was not."""
    return scripts.resume(client, key, again=False)


def clear(client: Redis, key: str) -> int:
    """Cancel every job that waits in a lane and end its halt; how many. What runs goes on. Done in small steps."""
    canceled, passed, looked = 0, 0, STEP
    while looked == STEP:
        looked, gone, more = scripts.clear(client, key, passed, STEP)
        passed += looked - gone
        canceled += more
    return canceled


def sweep(client: Redis) -> list[str]:
    """Let the next job of every lane go whose head is over, 500 lanes at most; the ids let go.

    The repair for a worker that died between the end of a job and the step that follows it.
    """
    found = [text(key) for key in cast(list[bytes], client.zrange(keys.LANES, 0, SWEEP - 1))]
    return scripts.advance(client, found) if found else []
