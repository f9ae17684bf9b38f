"""One job in full: what became of it, when, and how long it waited in between."""

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, cast

from redis import Redis

from jobs import keys, records, redaction, rq_timeout
from jobs.catalog.arguments import Arguments, arguments
from jobs.catalog.dependence import Awaited, awaited_by, waits_for
from jobs.catalog.pages import one
from jobs.catalog.states import OVER
from jobs.catalog.summary import Summary
from jobs.errorlines import error_line
from jobs.records import Attempt
from jobs.scripts.call import text
from jobs.settings import current

MOST_SHOWN = 64 * 1024
"""Bytes of a result that are read."""


class Event(NamedTuple):
    """Something that happened to a job, or will."""

    what: str
    """``accepted``, ``queued``, ``started``, ``due``, ``canceled``, or how an attempt ended."""
    at: datetime
    seconds: float | None = None
    """``started``: for how long it had waited; the end of an attempt: for how long it had run."""
    attempt: int | None = None
    worker: str | None = None
    error: str | None = None


class Neighbours(NamedTuple):
    """A job's place in its lane."""

    position: int
    """1 for the head."""
    depth: int
    previous: str | None
    next: str | None


class Result(NamedTuple):
    value: Any
    """None where it is too large to be shown, or no JSON."""
    size: int
    """Bytes."""


class Detail(NamedTuple):
    """All that is known of a job, without secrets: those in what it was called with are struck out everywhere."""

    job: Summary
    arguments: Arguments
    timeout: float | None
    attempts: list[Attempt]
    timeline: list[Event]
    result: Result | None
    lane: Neighbours | None
    """None when it is in no lane, or no longer."""
    waits_for: list[Awaited]
    """The jobs that it depends on, while it waits for them."""
    in_vain: list[Awaited]
    """Those of them that will not let it go, so that it waits for ever."""
    awaited_by: list[str]
    """Ids of the jobs that wait for it, the first 100."""


def detail(client: Redis, job_id: str) -> Detail | None:
    """A job in full; None when it is not there."""
    job = one(client, job_id)
    if job is None:
        return None
    given = arguments(client, job_id)
    tried = [
        attempt._replace(
            error=redaction.text(attempt.error, given.secrets) if attempt.error else None,
            note=redaction.text(attempt.note, given.secrets) if attempt.note else None,
        )
        for attempt in records.attempts(job_id, client)
    ]
    progress = job.progress and job.progress._replace(text=redaction.text(job.progress.text, given.secrets))
    timeout = cast(bytes | None, client.hget(keys.job(job_id), "timeout"))
    lane = neighbours(client, job.key, job_id) if job.key and job.state not in OVER else None
    awaited, in_vain = waits_for(client, job_id) if job.state == "blocked" and not lane else ([], [])
    return Detail(
        job=job._replace(error=redaction.text(job.error, given.secrets) if job.error else None, progress=progress),
        arguments=given,
        timeout=_seconds(timeout),
        attempts=tried,
        timeline=sorted(timeline(job, tried), key=lambda event: event.at),
        result=_result(client, job_id, given.secrets) if job.state == "finished" else None,
        lane=lane,
        waits_for=awaited,
        in_vain=in_vain,
        awaited_by=awaited_by(client, job_id),
    )


def timeline(job: Summary, tried: list[Attempt]) -> Iterator[Event]:
    """What happened to a job, in no order. Of attempts that are no longer recorded nothing is told."""
    if job.accepted_at:
        yield Event("accepted", job.accepted_at)
    if job.queued_at and job.queued_at != job.accepted_at:
        yield Event("queued", job.queued_at)
    free = job.accepted_at if not tried or tried[0].number == 1 else None
    for attempt in tried:
        number, worker, began = attempt.number, attempt.worker, attempt.started
        if began:
            yield Event("started", began, _between(free, began), number, worker)
        error = error_line(attempt.error) if attempt.error else None
        yield Event(attempt.outcome, attempt.ended, _between(began, attempt.ended), number, worker, error)
        free = attempt.ended
    if job.state == "running" and job.started_at:
        number = tried[-1].number + 1 if tried else 1
        yield Event("started", job.started_at, _between(free, job.started_at), number, job.worker)
    if job.state == "canceled" and job.ended_at:
        yield Event("canceled", job.ended_at, _between(free, job.ended_at))
    if job.due_at:
        yield Event("due", job.due_at)


def _between(first: datetime | None, second: datetime | None) -> float | None:
    """Seconds; 0 where the clocks of two machines disagree."""
    return max((second - first).total_seconds(), 0.0) if first and second else None


def neighbours(client: Redis, key: str, job_id: str) -> Neighbours | None:
    """Who is before and behind a job in its lane; None when it is not in it."""
    at = client.lpos(keys.lane(key), job_id)
    if at is None:
        return None
    first = max(cast(int, at) - 1, 0)
    with client.pipeline(transaction=True) as pipeline:
        pipeline.lrange(keys.lane(key), first, cast(int, at) + 1)
        pipeline.llen(keys.lane(key))
        found, depth = pipeline.execute()
    ids = [text(entry) for entry in found]
    if job_id not in ids:
        return None
    here = ids.index(job_id)
    before, behind = ids[:here], ids[here + 1 :]
    return Neighbours(first + here + 1, depth, before[-1] if before else None, behind[0] if behind else None)


def _seconds(timeout: bytes | None) -> float | None:
    with suppress(ValueError):
        return rq_timeout.seconds(timeout) if timeout else None
    return None


def _result(client: Redis, job_id: str, secrets: frozenset[str]) -> Result | None:
    """What a finished job has returned, without secrets. What is not JSON may run code in whoever reads it."""
    entries = cast(list[Any], client.xrevrange(keys.results(job_id), count=1))
    packed = entries[0][1].get(b"return_value", b"") if entries else b""
    if not packed:
        return None
    data = b64decode(packed)
    if len(data) <= MOST_SHOWN and current().serializer == "json":
        with suppress(ValueError, RecursionError):  # written before JOBS_SERIALIZER was changed, or nested too deeply
            return Result(redaction.value(json.loads(data, parse_constant=str), known=secrets), len(data))
    return Result(None, len(data))
