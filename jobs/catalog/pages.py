"""Jobs in pages, the latest first; what is due comes last, soonest first.

A cursor names a place, not a number: what comes and goes meanwhile neither repeats a job nor hides one. Where a key is
asked for, what is in its lane now comes first, in its order: that is known without a search.
"""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from math import isfinite
from typing import NamedTuple, get_args

from redis import Redis

from jobs import keys, records, redaction
from jobs.catalog import summary, tasknames
from jobs.catalog.filter import ANY, Filter
from jobs.catalog.places import Place, in_lane, number, places
from jobs.catalog.states import LIE_IN, Kind, kinds
from jobs.catalog.summary import Row, Summary
from jobs.errorlines import error_line
from jobs.errors import InvalidQuery
from jobs.scripts.call import answers

AT_ONCE = 250
WITHIN = 2.0
"""Seconds for which a page looks for jobs."""


class Page(NamedTuple):
    """Some jobs. There may be fewer than asked for; ``next`` is None once these were the last."""

    jobs: list[Summary]
    next: str | None
    looked: int = 0
    """How many jobs were looked at for this page and those before it."""
    total: int | None = None
    """How many there are to look at, where the time was up before the page was full."""


def page(
    client: Redis, wanted: Filter = ANY, limit: int = 50, cursor: str | None = None, within: float = WITHIN
) -> Page:
    """One page of jobs; ``cursor`` is the ``next`` of the page before. A text that is a job's id finds that job alone.

    Looks for ``within`` seconds. Raises ``InvalidQuery`` for a cursor that was not given out.
    """
    if cursor is None and (only := exact(client, wanted)):
        return Page([only], None, 1)
    deadline, found = time.monotonic() + within, list[Summary]()
    last, looked = _place(cursor) if cursor else (None, 0)
    lying = _lying(client, wanted, last)
    at_once = limit if wanted._replace(queue=None, states=frozenset()) == ANY else AT_ONCE
    for place, row in read(client, lying, wanted, min(at_once, AT_ONCE)):
        looked += 1
        if row:
            found.append(row.job)
        if len(found) == limit:
            return Page(found, _cursor(place, looked), looked)
        if time.monotonic() > deadline:
            total = number(client, kinds(wanted.states), wanted.queue)
            return Page(found, _cursor(place, looked), looked, max(total, looked))
    return Page(found, None, looked)


def _lying(client: Redis, wanted: Filter, last: Place | None = None) -> Iterator[Place]:
    """Where to look for what is meant, behind ``last``."""
    elsewhere = places(client, kinds(wanted.states), wanted.queue, None if last and last.kind == "lane" else last)
    if not wanted.key:
        return elsewhere
    lane = in_lane(client, wanted.key)
    inside = {place.id: number for number, place in enumerate(lane)}
    first = 0 if last is None else len(lane)
    if last and last.kind == "lane":  # one that has left its lane has let the others move up
        first = inside[last.id] + 1 if last.id in inside else int(last.at)
    return chain(lane[first:], (place for place in elsewhere if place.id not in inside))


def matching(client: Redis, wanted: Filter = ANY) -> Iterator[Summary]:
    """Every job that is meant, in the order of pages; read in portions."""
    if only := exact(client, wanted):
        return iter([only])
    return (row.job for _, row in read(client, _lying(client, wanted), wanted) if row)


def one(client: Redis, job_id: str) -> Summary | None:
    """One job; None when it is not there."""
    row = _row(client, job_id)
    return _whole(client, [row])[0].job if row else None


def _row(client: Redis, job_id: str) -> Row | None:
    """One job as its hash says, found without looking for where it lies."""
    with client.pipeline(transaction=False) as pipeline:
        summary.ask(pipeline, job_id)
        [reply] = pipeline.execute(raise_on_error=False)
    row = _by_itself(client, job_id, reply)
    return _named(client, [row])[0] if row else None


def _by_itself(client: Redis, job_id: str, reply: Sequence[bytes | None] | Exception) -> Row | None:
    """A job as its hash says; since when it is in its state follows from that too, or from when it is due."""
    row = summary.row(job_id, reply, 0.0)
    if row is None:
        return None
    job = row.job
    since = {"queued": job.queued_at, "running": job.started_at, "blocked": job.accepted_at}.get(job.state)
    at = since.timestamp() if since else 0.0
    if job.due_at:
        at = float(client.zscore(keys.registry("scheduled", job.queue), job_id) or 0.0)
    return summary.row(job_id, reply, at)


def exact(client: Redis, wanted: Filter) -> Summary | None:
    """The job whose id is the text that is looked for, if there is one and it is meant."""
    if not wanted.text or wanted.text.startswith(keys.HEARTBEAT):
        return None
    row = _row(client, wanted.text)
    if row is None or not wanted.may_match(row):
        return None
    whole = _whole(client, [row])[0]
    return whole.job if wanted.matches(whole) else None


def read(
    client: Redis,
    lying: Iterable[Place],
    wanted: Filter = ANY,
    at_once: int = AT_ONCE,
    *,
    anywhere: bool = False,
    counted: bool = True,
) -> Iterator[tuple[Place, Row | None]]:
    """What lies at each place; None where it is not meant, or has gone elsewhere, unless ``anywhere`` will do.

    With the number of attempts where they are to be ``counted``.
    """
    remaining = iter(lying)
    while portion := list(islice(remaining, at_once)):
        with client.pipeline(transaction=False) as pipeline:
            for place in portion:
                summary.ask(pipeline, place.id)
            replies = pipeline.execute(raise_on_error=False)
        rows = [
            _by_itself(client, place.id, reply) if place.kind == "lane" else summary.row(place.id, reply, place.at)
            for place, reply in zip(portion, replies, strict=True)
        ]
        here = [
            row
            for row, place in zip(rows, portion, strict=True)
            if row and (anywhere or row.job.state in LIE_IN[place.kind])
        ]
        meant = [row for row in _named(client, here) if wanted.may_match(row)]
        found = {row.job.id: row for row in _whole(client, meant, counted) if wanted.matches(row)}
        for place in portion:
            yield place, found.pop(place.id, None)


def _named(client: Redis, rows: list[Row]) -> list[Row]:
    """The rows with the names of their tasks, where their descriptions do not tell."""
    odd = [row.job.id for row in rows if row.job.task == tasknames.UNKNOWN]
    if not odd:
        return rows
    names = dict(zip(odd, tasknames.names(client, odd), strict=True))
    return [row._replace(job=row.job._replace(task=names.get(row.job.id, row.job.task))) for row in rows]


def _whole(client: Redis, rows: list[Row], counted: bool = True) -> list[Row]:
    """The rows with what is known of their attempts."""
    with client.pipeline(transaction=False) as pipeline:
        for row in rows:
            if counted:
                pipeline.xlen(keys.results(row.job.id))
            if row.has_run:
                records.ask_latest(pipeline, row.job.id)
        replies = iter(answers(pipeline, ()))
    return [_with_attempts(row, next(replies) if counted else 0, next(replies) if row.has_run else ()) for row in rows]


def _with_attempts(row: Row, attempts: int, latest: object) -> Row:
    traceback = records.latest_error(latest)
    error = redaction.text(error_line(traceback))
    return row._replace(job=row.job._replace(attempts=attempts or 0, error=error or None), traceback=traceback)


def _cursor(place: Place, looked: int) -> str:
    return urlsafe_b64encode(json.dumps([*place, looked]).encode()).decode()


def _place(cursor: str) -> tuple[Place, int]:
    try:
        at, job_id, kind, queue, looked = json.loads(urlsafe_b64decode(cursor.encode()))
        place = Place(float(at), str(job_id), kind, str(queue))
        if kind not in get_args(Kind) or not isfinite(place.at):
            raise ValueError(kind)
        place.id.encode()
        return place, int(looked)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidQuery("cursor: expected the 'next' of the page before") from None
