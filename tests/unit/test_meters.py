"""``jobs.health.meters``: how many took how long."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.health import meters
from jobs.health.meters import BOUNDS, Histogram

SECONDS = st.lists(st.floats(0, 10_000))


def counted(*seconds: float) -> Histogram:
    found = Histogram()
    found.add(seconds)
    return found


@given(SECONDS, SECONDS)
def test_each_is_counted_under_the_least_bound_that_is_no_less(first: list[float], second: list[float]) -> None:
    found = counted(*first)
    found.add(second)
    expected = [0] * (len(BOUNDS) + 1)
    for seconds in [*first, *second]:
        expected[bisect_left(BOUNDS, seconds)] += 1
    assert found.counts == expected
    assert found.sum == pytest.approx(sum(first) + sum(second))


@pytest.mark.parametrize(
    ("number", "longest", "shortest", "seconds"),
    [
        (1, 7.0, 7.0, [7.0]),
        (2, 7.0, 0.01, [7.0, 0.01]),
        (5, 4.0, 0.0, [4.0, 3.0, 2.0, 1.0, 0.0]),
        (3, 0.2, 0.2, [0.2] * 3),
    ],
)
def test_those_between_two_lie_evenly(number: int, longest: float, shortest: float, seconds: list[float]) -> None:
    found = Histogram()
    found.add_evenly(number, longest, shortest)
    assert found.counts == counted(*seconds).counts
    assert found.sum == pytest.approx(sum(seconds))


@given(SECONDS, st.sampled_from(["default", "mail.out:1", "sum", "more:5"]))
def test_what_is_added_to_the_hash_is_what_it_tells(seconds: list[float], queue: str) -> None:
    changes = meters.changes("wait", queue, counted(*seconds))
    told = meters.told({field: str(by).encode() for field, by in changes}).histograms
    if seconds:
        assert told["wait", queue].counts == counted(*seconds).counts
    assert (told["wait", queue].sum if told else 0) == pytest.approx(sum(seconds))


def test_fields_in_other_words_are_left_out() -> None:
    told = meters.told({"wait:0.7:default": b"9", "mood:5:default": b"9", "odd": b"9", "refused": b"2"})
    assert told == ({}, 0, 2)
