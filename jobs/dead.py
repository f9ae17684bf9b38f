"""Dead letters: jobs that have failed for good. They lie in RQ's failed registry until somebody decides.

They are listed and filtered without their arguments being read, retried or deleted one by one or by filter.
"""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from redis import Redis

from jobs import scripts
from jobs.errorlines import fold
from jobs.errors import InvalidQuery
from jobs.letters import ANY, AT_ONCE, Filter, Letter, Place, newest_first, read
from jobs.read import seconds

LOOKED_AT = 5000
"""Dead letters that a page looks at, at most."""


class Page(NamedTuple):
    """Some letters, newest first. There may be fewer than asked for; ``next`` is None once these were the last."""

    letters: list[Letter]
    next: str | None


class Group(NamedTuple):
    """All dead letters of one error: which, how often, since when."""

    error: str
    """With ``#`` for what differs."""
    times: int
    first: datetime | None
    last: datetime | None
    sample: str
    """Id of the latest."""


class Groups(NamedTuple):
    groups: list[Group]
    """Most frequent first."""
    complete: bool
    """False: only the newest letters were looked at."""


def letters(client: Redis, wanted: Filter = ANY, limit: int = 50, cursor: str | None = None) -> Page:
    """One page of dead letters, newest first; ``cursor`` is the ``next`` of the page before.

    Raises ``InvalidQuery`` for a cursor that was not given out.
    """
    found: list[Letter] = []
    places = newest_first(client, wanted, _place(cursor) if cursor else None)
    for looked, (place, letter) in enumerate(read(client, places), 1):
        if letter and wanted.matches(letter):
            found.append(letter)
        if len(found) == limit or looked == LOOKED_AT:
            return Page(found, _cursor(place))
    return Page(found, None)


def matching(client: Redis, wanted: Filter = ANY) -> Iterator[Letter]:
    """Every dead letter that is meant, newest first; read in portions."""
    return (letter for _, letter in read(client, newest_first(client, wanted)) if letter and wanted.matches(letter))


def groups(client: Redis, wanted: Filter = ANY, most: int | None = None) -> Groups:
    """Dead letters by their error; ``most`` bounds how many are looked at."""
    found: dict[str, Group] = {}
    looked = 0
    for _, letter in read(client, islice(newest_first(client, wanted), most)):
        looked += 1
        if letter and wanted.matches(letter):
            error, at = fold(letter.error), letter.failed_at
            group = found.get(error) or Group(error, 0, at, at, letter.id)
            times = [when for when in (group.first, group.last, at) if when]
            found[error] = group._replace(
                times=group.times + 1, first=min(times, default=None), last=max(times, default=None)
            )
    return Groups(sorted(found.values(), key=lambda group: -group.times), looked != most)


def retry(client: Redis, job_ids: Iterable[str]) -> list[str]:
    """Have jobs run anew, in the order given: all their attempts, no error, at the tail of their lane or queue.

    Returns the ids of those that do; the others are not there, or have not failed. Each is one atomic step.
    """
    done: list[str] = []
    for ids in _portions(job_ids):
        done += [job_id for job_id, runs in zip(ids, scripts.requeue(client, ids), strict=True) if runs]
    return done


def delete(client: Redis, job_ids: Iterable[str]) -> list[str]:
    """Remove jobs that are over, with their attempts; their lanes go on. Returns the ids of those removed.

    What waited for one of them (``depends_on``) waits for ever, as with RQ's own ``Job.delete``.
    """
    done: list[str] = []
    for ids in _portions(job_ids):
        done += [job_id for job_id, gone in zip(ids, scripts.delete(client, ids), strict=True) if gone]
    return done


def moment(text: str) -> float:
    """A time as seconds since 1970 UTC: ``2h`` is two hours ago, else ISO 8601. Raises ``InvalidQuery``."""
    with suppress(ValueError):
        return time.time() - seconds(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidQuery(
            f"since is {text!r}: expected how long ago, such as 2h or 7d, or a time in ISO 8601"
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _portions(job_ids: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(job_ids)
    while ids := list(islice(remaining, AT_ONCE)):
        yield ids


def _cursor(place: Place) -> str:
    return urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(cursor: str) -> Place:
    try:
        score, job_id, queue = json.loads(urlsafe_b64decode(cursor.encode()))
        return float(score), str(job_id), str(queue)
    except (ValueError, TypeError):
        raise InvalidQuery("cursor: expected the 'next' of the page before") from None
