"""When a task is due by the clock: pure functions of a timetable and a time.

Slots are counted from a fixed point, not from the last run, so they do not drift, a restart moves none, and
every process finds the same ones.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

from jobs.errors import InvalidSchedule
from jobs.read import seconds

Overlap = Literal["skip", "allow"]
LEAST, MOST = 1.0, 366 * 86400.0
START = datetime(1970, 1, 1, tzinfo=UTC)
ALL_HOURS = 24
_HASHED = re.compile(r"(?i)(?<![a-z])[hr](?![a-z])|\?")
"""Random and hashed fields of croniter: they would differ between processes, or mean nothing."""


@dataclass(frozen=True)
class Timetable:
    """Either every so many seconds, or a cron expression of five fields in a time zone.

    ``every`` is counted from 1970-01-01 00:00 UTC, so ``every="1h"`` is each full hour. Raises
    ``InvalidSchedule`` for what is neither, is both, cannot be read, or never comes.
    """

    every: float | None = None
    cron: str | None = None
    tz: str = "UTC"
    overlap: Overlap = "skip"
    """``skip``: no new job while the last one waits or runs; ``allow``: a job each time."""

    def __post_init__(self) -> None:
        if (self.every is None) == (self.cron is None):
            raise InvalidSchedule("a schedule is either every=… or cron=…, and not both")
        if self.overlap not in ("skip", "allow"):
            raise InvalidSchedule(f"overlap is {self.overlap!r}: expected 'skip' or 'allow'")
        if self.every is None:
            _check_cron(self.cron)
            zone(self.tz)
            next_slot(self, START)
        elif self.tz != "UTC":
            raise InvalidSchedule(f"tz is {self.tz!r}: it goes with cron=…; an interval has no time zone")
        elif isinstance(self.every, bool) or not isinstance(self.every, int | float) or not _fits(self.every):
            raise InvalidSchedule(f"every is {self.every!r}: expected seconds from {LEAST:g} to {MOST:g} (366 days)")

    @property
    def words(self) -> str:
        """What it says: its cron, or ``every 15 min``."""
        return self.cron or every_words(self.every or 0.0)


def every_words(seconds: float) -> str:
    """An interval in the largest unit that it is a whole number of: ``every 5 min``, ``every 90 s``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"every {seconds / size:g} {unit}"
    return f"every {seconds:g} s"


def timetable(every: float | str | None, cron: str | None, tz: str | None, overlap: Overlap | None) -> Timetable | None:
    """What ``@task`` was given, or None when that was nothing. ``every`` is seconds, or such as ``"30s"``.

    Raises ``InvalidSchedule``.
    """
    if every is None and cron is None:
        if tz is not None or overlap is not None:
            raise InvalidSchedule("tz and overlap belong to a schedule: every=… or cron=…")
        return None
    if isinstance(every, str):
        try:
            every = seconds(every)
        except ValueError as error:
            raise InvalidSchedule(f"every is {every!r}: {error}") from None
    return Timetable(every, cron, "UTC" if tz is None else tz, overlap or "skip")


def next_slot(timetable: Timetable, after: datetime) -> datetime:
    """The first slot after a time (aware), in UTC.

    By the clock of its zone. A time that the clock jumps over in spring comes at the first moment after the
    jump, once; one that it shows twice in autumn comes the first time. A cron of all hours has no such
    hours: it comes each real hour. Raises ``InvalidSchedule`` when there is none in 50 years.
    """
    if timetable.every is None:
        return _next_of_cron(timetable.cron or "", zone(timetable.tz), after)
    number = math.floor((after - START).total_seconds() / timetable.every)
    found = after
    while found <= after:  # a slot is whole milliseconds, so the number may be one too low
        number += 1
        found = START + timedelta(milliseconds=round(number * timetable.every * 1000))
    return found


def _next_of_cron(expression: str, where: ZoneInfo, after: datetime) -> datetime:
    from croniter import CroniterBadDateError, croniter  # 30 ms that a process without cron does not spend

    times = croniter(expression, after.astimezone(where))
    hours = croniter.expand(expression)[0][1]
    each_hour = hours == ["*"] or len(hours) == ALL_HOURS
    while True:
        try:
            found: datetime = times.get_next(datetime)
        except CroniterBadDateError:
            raise InvalidSchedule(f"cron is {expression!r}: there is no such day") from None
        again = found.utcoffset() != found.replace(fold=0).utcoffset()
        invented = each_hour and not croniter.match(expression, found.replace(tzinfo=None))
        if not invented and (each_hour or not again):
            return found.astimezone(UTC)


def _check_cron(expression: str | None) -> None:
    from croniter import croniter

    if not isinstance(expression, str) or len(expression.split()) != 5:
        raise InvalidSchedule(f"cron is {expression!r}: expected five fields, minute hour day month weekday")
    if _HASHED.search(expression) or not croniter.is_valid(expression):
        raise InvalidSchedule(f"cron is {expression!r}: cannot be read; expected such as '*/5 * * * *'")


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises ``InvalidSchedule``."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        raise InvalidSchedule(f"tz is {name!r}: expected the name of a zone, such as America/Sao_Paulo") from None


def _fits(every: float) -> bool:
    return LEAST <= every <= MOST
