"""Dead letters by what they failed of: which, how often, since when."""

import time
from datetime import datetime
from typing import NamedTuple

from redis import Redis

from jobs.catalog.filter import ANY, Filter
from jobs.catalog.pages import read
from jobs.catalog.places import number, places
from jobs.catalog.states import DEAD, kinds


class Group(NamedTuple):
    """All dead letters of one task that failed with one class of error in one line of one's own code."""

    name: str
    """What ``Filter.group`` takes."""
    task: str
    where: str
    """The file, the line and the function; '' where no frame is of one's own code."""
    error: str
    """The line that names the error of the latest."""
    times: int
    first: datetime | None
    last: datetime | None
    sample: str
    """Id of the latest."""


class Groups(NamedTuple):
    groups: list[Group]
    """Most frequent first."""
    looked: int
    """How many dead letters were looked at, the newest first."""
    total: int | None = None
    """How many there are, where the time was up before all were looked at."""


def groups(client: Redis, wanted: Filter = ANY, within: float = float("inf")) -> Groups:
    """Dead letters by what they failed of; looks at them for ``within`` seconds."""
    wanted = wanted if wanted.states else wanted._replace(states=DEAD)
    deadline, looked, total = time.monotonic() + within, 0, None
    found: dict[str, Group] = {}
    for _, row in read(client, places(client, kinds(wanted.states), wanted.queue), wanted, counted=False):
        looked += 1
        if row:
            job, cause, at = row.job, row.cause, row.job.ended_at
            new = Group(cause.name, job.task, cause.where, job.error or cause.error, 0, at, at, job.id)
            group = found.get(cause.name) or new
            times = [when for when in (group.first, group.last, at) if when]
            found[cause.name] = group._replace(
                times=group.times + 1, first=min(times, default=None), last=max(times, default=None)
            )
        if time.monotonic() > deadline:
            total = max(number(client, kinds(wanted.states), wanted.queue), looked)
            break
    return Groups(sorted(found.values(), key=lambda group: -group.times), looked, total)
