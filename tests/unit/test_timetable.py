"""When a slot comes: intervals that do not drift, cron by a zone's clock through both changes of the hour."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InvalidOption, InvalidSchedule
from jobs.timetable import START, Timetable, next_slot, timetable

MINUTE = timedelta(minutes=1)


def slots(of: Timetable, after: datetime) -> Iterator[datetime]:
    while True:
        after = next_slot(of, after)
        yield after


def by_the_clock(cron: str, tz: str, after: str, count: int) -> list[str]:
    """The next slots as the zone's clock shows them, with its offset."""
    zone = ZoneInfo(tz)
    found = islice(slots(Timetable(cron=cron, tz=tz), datetime.fromisoformat(after).replace(tzinfo=zone)), count)
    return [f"{slot.astimezone(zone):%d %H:%M%z}" for slot in found]


def test_a_daily_job_in_the_hour_that_spring_leaves_out_runs_once_when_the_hour_is_over() -> None:
    assert by_the_clock("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 3) == [
        "29 03:00+0200",
        "30 02:30+0200",
        "31 02:30+0200",
    ]


def test_a_daily_job_in_the_hour_that_autumn_repeats_runs_once_the_first_time() -> None:
    assert by_the_clock("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 2) == ["25 02:30+0200", "26 02:30+0100"]


def test_an_hourly_job_runs_each_real_hour_in_spring() -> None:
    assert by_the_clock("30 * * * *", "Europe/Berlin", "2026-03-29T00:45", 3) == [
        "29 01:30+0100",
        "29 03:30+0200",
        "29 04:30+0200",
    ]


def test_an_hourly_job_runs_each_real_hour_in_autumn() -> None:
    assert by_the_clock("30 * * * *", "Europe/Berlin", "2026-10-25T01:45", 3) == [
        "25 02:30+0200",
        "25 02:30+0100",
        "25 03:30+0100",
    ]


def test_one_who_asks_in_the_repeated_hour_is_not_given_it_again() -> None:
    asked = datetime(2026, 10, 25, 2, 10, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    found = next_slot(Timetable(cron="30 2 * * *", tz="Europe/Berlin"), asked)
    assert found == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def minute_by_minute(cron: str, tz: str, since: datetime, until: datetime) -> list[datetime]:
    """The same rules with no cleverness: look at the clock each minute."""
    zone, each_hour, found = ZoneInfo(tz), cron.split()[1] == "*", set()
    before = since.astimezone(zone).replace(tzinfo=None)
    for number in range(1, (until - since) // MINUTE + 1):
        shown = (since + number * MINUTE).astimezone(zone)
        clock = shown.replace(tzinfo=None)
        left_out = [before + MINUTE * n for n in range(1, (clock - before) // MINUTE)]
        if croniter.match(cron, clock) and (each_hour or not shown.fold):
            found.add(since + number * MINUTE)
        if not each_hour and any(croniter.match(cron, minute) for minute in left_out):
            found.add(since + number * MINUTE)
        before = clock
    return sorted(found)


CHANGES = {
    "Europe/Berlin": ("2026-03-28", "2026-10-24"),
    "America/New_York": ("2026-03-07", "2026-10-31"),
    "America/Sao_Paulo": ("2018-02-17", "2018-11-03"),  # at midnight
    "Australia/Lord_Howe": ("2026-04-04", "2026-10-03"),  # by half an hour
}


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/15 * * * *", "30 1-3 * * *", "0 0 * * *"])
@pytest.mark.parametrize(("tz", "day"), [(tz, day) for tz, days in CHANGES.items() for day in days])
def test_slots_through_a_change_of_the_hour_are_those_that_the_clock_shows(cron: str, tz: str, day: str) -> None:
    since = datetime.fromisoformat(day).replace(tzinfo=UTC)
    until = since + timedelta(hours=33)
    expected = minute_by_minute(cron, tz, since, until)
    assert [*islice(slots(Timetable(cron=cron, tz=tz), since), len(expected))] == expected


@pytest.mark.parametrize("every", [3, 2.5, 7.1, 1 / 3 + 1, 60])
def test_drift_over_1000_ticks_is_below_a_second(every: float) -> None:
    """Each tick is late by another half second; the slots are not."""
    of, now, runs = Timetable(every=every), datetime(2026, 1, 1, tzinfo=UTC), []
    first = slot = next_slot(of, now)
    for number in range(1000):
        now = slot + timedelta(seconds=0.999 * (number % 2))
        runs.append(slot)
        slot = next_slot(of, now)
    assert abs((runs[-1] - first).total_seconds() - 999 * every) < 0.002


def test_missed_ticks_are_one() -> None:
    asleep = datetime(2026, 1, 1, 3, 17, tzinfo=UTC)
    assert next_slot(Timetable(every=3600), asleep) == datetime(2026, 1, 1, 4, tzinfo=UTC)


@given(st.floats(1, 1e6), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_a_slot_is_after_and_at_most_an_interval_away(every: float, after: datetime) -> None:
    moment = after.replace(tzinfo=UTC)
    found = next_slot(Timetable(every=every), moment)
    assert moment < found <= moment + timedelta(seconds=every, milliseconds=1)


def test_an_interval_is_counted_from_a_fixed_point_so_that_a_restart_moves_nothing() -> None:
    assert next_slot(Timetable(every=3600), START + timedelta(seconds=5)) == START + timedelta(hours=1)


@pytest.mark.parametrize(("said", "seconds"), [("30s", 30), ("10m", 600), (2.5, 2.5), ("1.5", 1.5)])
def test_an_interval_is_seconds_or_has_a_unit(said: Any, seconds: float) -> None:
    assert timetable(said, None, None, None) == Timetable(every=seconds)


REFUSED: dict[str, tuple[Any, Any, Any, Any, str]] = {
    "six fields": (None, "*/5 * * * * *", None, None, "five fields"),
    "four fields": (None, "* * * *", None, None, "five fields"),
    "a nickname": (None, "@daily", None, None, "five fields"),
    "a number that is none": (None, "61 * * * *", None, None, "cannot be read"),
    "a random field": (None, "R * * * *", None, None, "cannot be read"),
    "a day that never comes": (None, "0 0 30 2 *", None, None, "no such day"),
    "no such zone": (None, "* * * * *", "Mars/Base", None, "tz is 'Mars/Base'"),
    "a path as a zone": (None, "* * * * *", "../etc/passwd", None, "tz is"),
    "both": (5, "* * * * *", None, None, "not both"),
    "a zone of an interval": (5, None, "Europe/Berlin", None, "goes with cron"),
    "a zone alone": (None, None, "Europe/Berlin", None, "belong to a schedule"),
    "no such policy": (5, None, None, "queue", "overlap is 'queue'"),
    "too often": (0.5, None, None, None, "seconds from 1"),
    "never": (float("nan"), None, None, None, "seconds from 1"),
    "no unit": ("5 parsecs", None, None, None, "every is '5 parsecs'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_kept_is_refused_by_name(case: str) -> None:
    *given_, said = REFUSED[case]
    with pytest.raises(InvalidSchedule, match=said) as refusal:
        timetable(*given_)
    assert isinstance(refusal.value, InvalidOption)


@pytest.mark.parametrize(
    ("every", "words"),
    [
        ("5m", "every 5 min"),
        (90, "every 90 s"),
        ("1h", "every 1 h"),
        (5400, "every 90 min"),
        ("2d", "every 2 d"),
        (1.5, "every 1.5 s"),
    ],
)
def test_an_interval_is_told_as_a_person_would(every: float | str, words: str) -> None:
    made = timetable(every, None, None, None)
    assert made
    assert made.words == words
