"""What became of a job, in words and as a strip."""

import re
from datetime import UTC, datetime, timedelta

from jobs.catalog import Event
from web.story import Stretch, steps, stretches, strip

BEGAN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


TWICE = [
    Event("accepted", at(0)),
    Event("started", at(10), 10.0, 1, "worker-a"),
    Event("failed", at(11.5), 1.5, 1, "worker-a", "ValueError: 1"),
    Event("queued", at(20)),
    Event("started", at(21), 9.5, 2, "worker-b"),
    Event("finished", at(21.0004), 0.0004, 2, "worker-b"),
]


def test_each_event_is_told_with_what_lies_before_it() -> None:
    assert [(step.words, step.took) for step in steps(TWICE)] == [
        ("Accepted", ""),
        ("Attempt 1 started", "waited 10.0 s"),
        ("Attempt 1 failed", "ran 1.5 s"),
        ("Put in its queue", ""),
        ("Attempt 2 started", "waited 9.5 s"),
        ("Attempt 2 finished", "ran <1 ms"),
    ]


def test_every_second_is_in_one_stretch() -> None:
    found = list(stretches(TWICE, "finished", at(99)))
    assert [one.how for one in found] == ["waiting", "failed", "waiting", "finished"]
    assert sum(one.seconds for one in found) == 21.0004


def test_a_job_that_is_not_over_goes_on_until_now() -> None:
    assert list(stretches(TWICE[:2], "running", at(15)))[-1] == Stretch("running", 5.0)
    waits = [*TWICE[:3], Event("due", at(500))]
    assert list(stretches(waits, "retrying", at(20)))[-1] == Stretch("waiting", 8.5)


def test_the_strip_is_as_wide_as_it_may_be_and_says_what_it_shows() -> None:
    drawn = str(strip(TWICE, "finished", at(99)))
    rects = [
        (float(x), float(width))
        for x, width in re.findall(r'<rect class="\w+" x="([\d.]+)" y="0" width="([\d.]+)"', drawn)
    ]
    assert len(rects) == 4
    assert all(width > 0 for _, width in rects)
    assert 990 < sum(rects[-1]) <= 1000
    assert 'aria-label="waited 19.5 s, ran 1.5 s"' in drawn


def test_there_is_no_strip_of_nothing() -> None:
    assert strip([], "queued", at(0)) == ""
    assert strip([Event("accepted", at(0))], "queued", at(0)) == ""
