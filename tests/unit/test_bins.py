"""``jobs.history.bins``: what the bins hold, and what they tell of it."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.history import bins
from jobs.history.bins import BINS, BOUNDS, SHORTEST, Times

SECONDS = st.lists(st.floats(0, 2_000_000))
SHARES = st.floats(0, 1)
TIMES = st.builds(
    Times, st.dictionaries(st.integers(0, BINS - 1), st.integers(1, 10**6), min_size=1), st.floats(0, 1e7)
)


def bin_of(seconds: float) -> int:
    return bisect_left(BOUNDS, seconds)


@given(SECONDS)
def test_each_is_counted_in_the_first_bin_that_does_not_end_before_it(seconds: list[float]) -> None:
    expected: dict[int, int] = {}
    for one in seconds:
        expected[bin_of(one)] = expected.get(bin_of(one), 0) + 1
    assert bins.count(seconds) == Times(expected, max(seconds, default=0.0))


@given(st.lists(st.floats(0, bins.LONGEST), min_size=1), SHARES)
def test_a_quantile_is_less_than_10_percent_off_and_never_above_the_longest(seconds: list[float], share: float) -> None:
    found = bins.quantile(bins.count(seconds), share)
    ordered = sorted(seconds)
    real = next(one for at, one in enumerate(ordered, 1) if at >= share * len(ordered))
    assert abs(found - real) <= 0.1 * real or max(found, real) <= SHORTEST
    assert found <= ordered[-1]


@given(TIMES, SHARES, SHARES)
def test_a_greater_share_takes_no_less(found: Times, one: float, other: float) -> None:
    assert bins.quantile(found, min(one, other)) <= bins.quantile(found, max(one, other)) <= found.longest


@pytest.mark.parametrize("longest", [0.02, 7.0, 400.0, 900.0, 5000.0, 100_000.0, 600_000.0])
def test_percentiles_are_right_at_any_length(longest: float) -> None:
    seconds = [longest * at / 1000 for at in range(1, 1001)]
    found = bins.percentiles(bins.count(seconds))
    assert found == pytest.approx((longest * 0.5, longest * 0.95, longest * 0.99), rel=0.1)
    assert found
    assert found.p99 <= longest


def test_what_takes_longer_than_any_bin_is_told_by_the_longest() -> None:
    assert bins.percentiles(bins.count([3e6, 4e6])) == (4e6, 4e6, 4e6)


def test_nothing_has_no_percentiles() -> None:
    assert bins.percentiles(bins.count([])) is None


@given(st.lists(SECONDS, max_size=4))
def test_parts_together_are_the_whole(parts: list[list[float]]) -> None:
    assert bins.together(map(bins.count, parts)) == bins.count([one for part in parts for one in part])


@given(st.integers(1, 300), st.floats(0, 2_000_000), st.floats(0, 2_000_000))
def test_those_that_lie_evenly_are_all_counted_and_lie_between(number: int, first: float, last: float) -> None:
    found: dict[int, int] = {}
    bins.add_evenly(found, number, first, last)
    assert sum(found.values()) == number
    low, high = sorted((bin_of(first), bin_of(last)))
    assert low <= min(found)
    assert max(found) <= high
