"""The failed registries of all queues, read as letters: in one order, in portions, without any arguments."""

import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import NamedTuple, cast

from redis import Redis

from jobs import keys, records, redaction
from jobs.errorlines import error_line, fold
from jobs.settings import current

AT_ONCE = 100
PORTION = 500
FIELDS = ("status", "origin", "key", "data", "description", "ended_at", "worker_name")
DEAD = (b"failed", b"stopped")


class Letter(NamedTuple):
    """A dead letter, without its arguments."""

    id: str
    state: str
    task: str
    queue: str
    key: str | None
    failed_at: datetime | None
    attempts: int
    worker: str | None
    error: str
    """The line of the traceback that names the error; all of it is in ``records.attempts``."""


class Filter(NamedTuple):
    """Which dead letters are meant; None: any."""

    queue: str | None = None
    task: str | None = None
    error: str | None = None
    """Part of the error's line, or of its group's; capitals do not matter."""
    key: str | None = None
    since: float | None = None
    """Failed at or after this time, in seconds since 1970 UTC."""

    def matches(self, letter: Letter) -> bool:
        """Is this letter meant?"""
        asked = self.error.lower() if self.error else ""
        failed = letter.failed_at.timestamp() if letter.failed_at else 0.0
        return (
            self.queue in (None, letter.queue)
            and self.task in (None, letter.task)
            and self.key in (None, letter.key)
            and (self.since is None or failed >= self.since)
            and (asked in letter.error.lower() or asked in fold(letter.error).lower())
        )


ANY = Filter()
Place = tuple[float, str, str]
"""Where a letter lies: score in its registry, id, queue."""


def newest_first(client: Redis, wanted: Filter, before: Place | None = None) -> Iterator[Place]:
    """Where dead letters lie. A registry is ordered by when its letters expire: for equal ``failure_ttl``, failed."""
    if wanted.queue is not None:
        return _registry(client, wanted.queue, before)
    start = len(keys.queue(""))
    names = sorted(key.decode()[start:] for key in cast(set[bytes], client.smembers(keys.QUEUES)))
    return merge(*(_registry(client, name, before) for name in names), reverse=True)


def _registry(client: Redis, queue: str, last: Place | None) -> Iterator[Place]:
    """The entries of one queue's failed registry after ``last``; what comes and goes meanwhile does no harm."""
    count = PORTION
    while True:
        high = repr(last[0]) if last else "+inf"
        entries = client.zrevrangebyscore(keys.registry("failed", queue), high, "-inf", 0, count, withscores=True)
        found = [(score, job_id.decode(), queue) for job_id, score in cast(list[tuple[bytes, float]], entries)]
        fresh = [place for place in found if last is None or place < last]
        yield from (place for place in fresh if not place[1].startswith(keys.HEARTBEAT))
        if len(found) < count:
            return
        last, count = (fresh[-1], PORTION) if fresh else (last, count * 2)  # more of one score than fit in a portion


def read(client: Redis, places: Iterable[Place]) -> Iterator[tuple[Place, Letter | None]]:
    remaining = iter(places)
    while portion := list(islice(remaining, AT_ONCE)):
        with client.pipeline(transaction=False) as pipeline:
            for _, job_id, _ in portion:
                pipeline.hmget(keys.job(job_id), *FIELDS)
                pipeline.xlen(keys.results(job_id))
                records.ask_latest(pipeline, job_id)
            replies = pipeline.execute()
        for at, place in enumerate(portion):
            yield place, _letter(place[1], *replies[3 * at : 3 * at + 3])


def _letter(job_id: str, job: list[bytes | None], attempts: int, latest: object) -> Letter | None:
    status, queue, key, data, description, ended, worker = job
    if status not in DEAD or queue is None:
        return None  # it has expired, or runs anew
    return Letter(
        job_id,
        status.decode(),
        task_of(data or b"", (description or b"").decode(errors="replace")),
        queue.decode(),
        key.decode(errors="replace") if key else None,
        datetime.fromisoformat(ended.decode()) if ended else None,
        attempts,
        worker.decode() if worker else None,
        redaction.text(error_line(records.latest_error(latest))),
    )


def task_of(data: bytes, description: str) -> str:
    """The name of a job's task. What is not JSON is not read, which may run code: RQ's description begins with it."""
    if current().serializer == "json":
        with suppress(ValueError, TypeError, IndexError, zlib.error, RecursionError):
            return str(json.loads(zlib.decompress(data) if data[:1] == b"x" else data)[0])
    return description.partition("(")[0] or "?"
