"""Which jobs are meant."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from jobs.catalog.states import STATES, State
from jobs.catalog.summary import Row
from jobs.errorlines import fold
from jobs.errors import InvalidQuery
from jobs.read import seconds


class Filter(NamedTuple):
    """Which jobs are meant; None, or no state: any. Capitals do not matter in texts."""

    queue: str | None = None
    states: frozenset[State] = frozenset()
    task: str | None = None
    key: str | None = None
    text: str | None = None
    """Part of the id, the task, the label, the description, or the line that names the error."""
    error: str | None = None
    """Part of the line that names the error, with or without ``#`` for what differs."""
    group: str | None = None
    """What it failed of, as ``groups`` names it."""
    since: float | None = None
    """In its state since then or later, in seconds since 1970 UTC; a scheduled job: due then or later."""
    until: float | None = None
    """In its state before then; a scheduled job: due before then."""

    def may_match(self, row: Row) -> bool:
        """Is this job meant, as far as can be told without its error?"""
        job = row.job
        return (
            self.queue in (None, job.queue)
            and (not self.states or job.state in self.states)
            and self.task in (None, job.task)
            and self.key in (None, job.key)
            and (self.since is None or row.at >= self.since)
            and (self.until is None or row.at < self.until)
            and (row.has_run or self.matches(row))
        )

    def matches(self, row: Row) -> bool:
        """Do the texts fit?"""
        job, said = row.job, row.job.error or ""
        line = f"{said}\n{fold(said)}".lower()
        words = f"{job.id}\n{job.task}\n{job.label or ''}\n{row.description}\n{line}".lower()
        fits = self.group is None or self.group == row.cause.name
        return fits and (self.error or "").lower() in line and (self.text or "").lower() in words


ANY = Filter()


def states_of(text: str) -> frozenset[State]:
    """States separated by commas. Raises ``InvalidQuery``."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := sorted(names - set(STATES)):
        raise InvalidQuery(f"state is {unknown[0]!r}: expected some of {', '.join(STATES)}")
    return frozenset(state for state in STATES if state in names)


def moment(text: str, name: str = "since") -> float:
    """A time as seconds since 1970 UTC: ``2h`` is two hours ago, else ISO 8601. Raises ``InvalidQuery``."""
    with suppress(ValueError):
        return time.time() - seconds(text)
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise InvalidQuery(
            f"{name} is {text!r}: expected how long ago, such as 2h or 7d, or a time in ISO 8601"
        ) from None
