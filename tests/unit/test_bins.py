"""``jobs.history.bins``: what the bins hold, and what they tell of it."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.history import bins
from jobs.history.bins import BINS, BOUNDS

SECONDS = st.lists(st.floats(0, 200_000))
SHARES = st.floats(0, 1)
COUNTS = st.lists(st.integers(0, 10**6), min_size=BINS, max_size=BINS).filter(any)


def bin_of(seconds: float) -> int:
    return bisect_left(BOUNDS, seconds)


@given(SECONDS)
def test_each_is_counted_in_the_first_bin_that_does_not_end_before_it(seconds: list[float]) -> None:
    expected = [0] * BINS
    for one in seconds:
        expected[bin_of(one)] += 1
    assert bins.count(seconds) == expected


@given(SECONDS.filter(bool), SHARES)
def test_a_quantile_lies_in_the_bin_of_the_value_that_it_stands_for(seconds: list[float], share: float) -> None:
    found = bins.quantile(bins.count(seconds), share)
    ordered = sorted(seconds)
    within = [one for at, one in enumerate(ordered, 1) if at >= share * len(ordered)]
    at = bin_of(within[0])
    assert (BOUNDS[at - 1] if at else 0) <= found <= (BOUNDS[at] if at < len(BOUNDS) else BOUNDS[-1])


@given(COUNTS, SHARES, SHARES)
def test_a_greater_share_takes_no_less(counts: list[int], one: float, other: float) -> None:
    assert bins.quantile(counts, min(one, other)) <= bins.quantile(counts, max(one, other))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([0.03] * 100, (0.0375, 0.04875, 0.04975)),
        ([0.03] * 98 + [7.0, 7.0], (0.02500 + 0.025 * 50 / 98, 0.025 + 0.025 * 95 / 98, 7.5)),
        ([100_000.0], (86400, 86400, 86400)),
        ([0.0], (0.0005, 0.00095, 0.00099)),
    ],
)
def test_percentiles_lie_evenly_between_the_bounds(seconds: list[float], expected: tuple[float, ...]) -> None:
    found = bins.percentiles(bins.count(seconds))
    assert found == pytest.approx(expected)


def test_nothing_has_no_percentiles() -> None:
    assert bins.percentiles(bins.count([])) is None


@given(st.integers(1, 300), st.floats(0, 200_000), st.floats(0, 200_000))
def test_those_that_lie_evenly_are_all_counted_and_lie_between(number: int, first: float, last: float) -> None:
    found = [0] * BINS
    bins.add_evenly(found, number, first, last)
    assert sum(found) == number
    low, high = sorted((bin_of(first), bin_of(last)))
    assert not any(found[:low])
    assert not any(found[high + 1 :])
