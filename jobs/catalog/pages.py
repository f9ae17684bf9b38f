"""Jobs in pages, the latest first; what is due comes last, soonest first.

A cursor names a place, not a number: what comes and goes meanwhile neither repeats a job nor hides one.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from itertools import islice
from math import isfinite
from typing import NamedTuple, get_args

from redis import Redis

from jobs import keys, records, redaction
from jobs.catalog import summary, tasknames
from jobs.catalog.filter import ANY, Filter
from jobs.catalog.places import Place, places
from jobs.catalog.states import LIE_IN, Kind, kinds
from jobs.catalog.summary import Row, Summary
from jobs.errorlines import error_line
from jobs.errors import InvalidQuery

AT_ONCE = 250
LOOKED_AT = 1500
"""Jobs that a page looks at, at most."""


class Page(NamedTuple):
    """Some jobs. There may be fewer than asked for; ``next`` is None once these were the last."""

    jobs: list[Summary]
    next: str | None


def page(client: Redis, wanted: Filter = ANY, limit: int = 50, cursor: str | None = None) -> Page:
    """One page of jobs; ``cursor`` is the ``next`` of the page before. A text that is a job's id finds that job alone.

    Raises ``InvalidQuery`` for a cursor that was not given out.
    """
    if cursor is None and (only := exact(client, wanted)):
        return Page([only], None)
    found: list[Summary] = []
    lying = places(client, kinds(wanted.states), wanted.queue, _place(cursor) if cursor else None)
    at_once = limit if wanted._replace(queue=None, states=frozenset()) == ANY else AT_ONCE
    for looked, (place, job) in enumerate(read(client, lying, wanted, min(at_once, AT_ONCE)), 1):
        if job:
            found.append(job)
        if len(found) == limit or looked >= LOOKED_AT:
            return Page(found, _cursor(place))
    return Page(found, None)


def matching(client: Redis, wanted: Filter = ANY) -> Iterator[Summary]:
    """Every job that is meant, in the order of pages; read in portions."""
    if only := exact(client, wanted):
        return iter([only])
    return (job for _, job in read(client, places(client, kinds(wanted.states), wanted.queue), wanted) if job)


def one(client: Redis, job_id: str) -> Summary | None:
    """One job; None when it is not there."""
    row = _row(client, job_id)
    return _whole(client, [row])[0].job if row else None


def _row(client: Redis, job_id: str) -> Row | None:
    """One job as its hash says, found without looking for where it lies."""
    with client.pipeline(transaction=False) as pipeline:
        summary.ask(pipeline, job_id)
        [reply] = pipeline.execute()
    row = summary.row(job_id, reply, 0.0)
    if row is None:
        return None
    job = row.job
    since = {"queued": job.queued_at, "running": job.started_at, "blocked": job.accepted_at}.get(job.state)
    at = since.timestamp() if since else 0.0
    if job.due_at:
        at = float(client.zscore(keys.registry("scheduled", job.queue), job_id) or 0.0)
    return _named(client, [summary.row(job_id, reply, at) or row])[0]


def exact(client: Redis, wanted: Filter) -> Summary | None:
    """The job whose id is the text that is looked for, if there is one and it is meant."""
    if not wanted.text or wanted.text.startswith(keys.HEARTBEAT):
        return None
    row = _row(client, wanted.text)
    if row is None or not wanted.may_match(row):
        return None
    whole = _whole(client, [row])[0]
    return whole.job if wanted.matches(whole.job, whole.description) else None


def read(
    client: Redis, lying: Iterable[Place], wanted: Filter = ANY, at_once: int = AT_ONCE, anywhere: bool = False
) -> Iterator[tuple[Place, Summary | None]]:
    """What lies at each place; None where it is not meant, or has gone elsewhere, unless ``anywhere`` will do."""
    remaining = iter(lying)
    while portion := list(islice(remaining, at_once)):
        with client.pipeline(transaction=False) as pipeline:
            for place in portion:
                summary.ask(pipeline, place.id)
            replies = pipeline.execute()
        rows = [summary.row(place.id, reply, place.at) for place, reply in zip(portion, replies, strict=True)]
        here = [
            row
            for row, place in zip(rows, portion, strict=True)
            if row and (anywhere or row.job.state in LIE_IN[place.kind])
        ]
        meant = [row for row in _named(client, here) if wanted.may_match(row)]
        jobs = {row.job.id: row.job for row in _whole(client, meant) if wanted.matches(row.job, row.description)}
        for place in portion:
            yield place, jobs.pop(place.id, None)


def _named(client: Redis, rows: list[Row]) -> list[Row]:
    """The rows with the names of their tasks, where their descriptions do not tell."""
    odd = [row.job.id for row in rows if row.job.task == tasknames.UNKNOWN]
    names = dict(zip(odd, tasknames.names(client, odd), strict=True)) if odd else {}
    return [row._replace(job=row.job._replace(task=names.get(row.job.id, row.job.task))) for row in rows]


def _whole(client: Redis, rows: list[Row]) -> list[Row]:
    """The rows with what is known of their attempts."""
    with client.pipeline(transaction=False) as pipeline:
        for row in rows:
            pipeline.xlen(keys.results(row.job.id))
            if row.has_run:
                records.ask_latest(pipeline, row.job.id)
        replies = iter(pipeline.execute())
    return [_with_attempts(row, next(replies), next(replies) if row.has_run else ()) for row in rows]


def _with_attempts(row: Row, attempts: int, latest: object) -> Row:
    error = redaction.text(error_line(records.latest_error(latest))) or None
    return row._replace(job=row.job._replace(attempts=attempts, error=error))


def _cursor(place: Place) -> str:
    return urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(cursor: str) -> Place:
    try:
        at, job_id, kind, queue = json.loads(urlsafe_b64decode(cursor.encode()))
        place = Place(float(at), str(job_id), kind, str(queue))
        if kind not in get_args(Kind) or not isfinite(place.at):
            raise ValueError(kind)
        place.id.encode()
        return place
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidQuery("cursor: expected the 'next' of the page before") from None
