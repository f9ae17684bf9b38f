"""Dead letters by their error: which, how often, since when."""

from datetime import datetime
from itertools import islice
from typing import NamedTuple

from redis import Redis

from jobs.catalog.filter import ANY, Filter
from jobs.catalog.pages import read
from jobs.catalog.places import places
from jobs.catalog.states import DEAD, kinds
from jobs.errorlines import group_of


class Group(NamedTuple):
    """All dead letters of one error."""

    error: str
    """With ``#`` for what differs."""
    times: int
    first: datetime | None
    last: datetime | None
    sample: str
    """Id of the latest."""
    tasks: frozenset[str]
    """Whose jobs they are."""


class Groups(NamedTuple):
    groups: list[Group]
    """Most frequent first."""
    complete: bool
    """False: only the newest dead letters were looked at."""


def groups(client: Redis, wanted: Filter = ANY, most: int | None = None) -> Groups:
    """Dead letters by their error; ``most`` bounds how many are looked at."""
    wanted = wanted if wanted.states else wanted._replace(states=DEAD)
    found: dict[str, Group] = {}
    looked = 0
    for _, job in read(client, islice(places(client, kinds(wanted.states), wanted.queue), most), wanted):
        looked += 1
        if job:
            error, at = group_of(job.error or ""), job.ended_at
            group = found.get(error) or Group(error, 0, at, at, job.id, frozenset())
            times = [when for when in (group.first, group.last, at) if when]
            found[error] = group._replace(
                times=group.times + 1,
                first=min(times, default=None),
                last=max(times, default=None),
                tasks=group.tasks | {job.task},
            )
    return Groups(sorted(found.values(), key=lambda group: -group.times), looked != most)
